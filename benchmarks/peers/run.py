"""One peer in its own environment: `python -m benchmarks.peers.run speed|verdicts PEER FOLDER …` prints JSON.

Runs under the peer's interpreter, which has neither our packages nor the other peers'.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.peers.detector import Columns, Detector, load

DETECTORS = {
    "evidently": "benchmarks.peers.evidently:Report",
    "evidently_tests": "benchmarks.peers.evidently:Tests",
    "nannyml": "benchmarks.peers.nannyml:Univariate",
    "nannyml_multivariate": "benchmarks.peers.nannyml:Multivariate",
    "alibi": "benchmarks.peers.alibi:TabularDrift",
    "whylogs": "benchmarks.peers.whylogs:Sketches",
    "frouros": "benchmarks.peers.frouros:PerColumn",
    "deepchecks": "benchmarks.peers.deepchecks:FeatureDrift",
    "watchkeeper": "benchmarks.verdicts.ours:Watchkeeper",
    "model_monitor": "benchmarks.verdicts.rules:ModelMonitor",
    "psi": "benchmarks.verdicts.rules:Psi",
}
"""Module and class of each; a peer's library is imported by its class alone."""


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("work", choices=["speed", "verdicts"])
    options.add_argument("peer", choices=sorted(DETECTORS))
    options.add_argument("folder", type=Path, help="with columns.json and the reference")
    options.add_argument("files", type=Path, nargs="+", help="the rows to judge")
    options.add_argument("--rows", type=int, default=0, help="rows of a window (verdicts)")
    chosen = options.parse_args()
    warnings.filterwarnings("ignore")
    started = Clock()
    columns = Columns.read(chosen.folder)
    module, _, name = DETECTORS[chosen.peer].partition(":")
    detector = getattr(importlib.import_module(module), name)(columns)
    imported = started.lap()
    work = speed if chosen.work == "speed" else verdicts
    print(json.dumps(work(detector, columns, chosen.folder, chosen.files, chosen.rows) | {"import": imported}))


def speed(detector: Detector, columns: Columns, folder: Path, files: list[Path], rows: int) -> dict[str, Any]:
    """One whole run: load both sides, fit, judge; CPU seconds of each stage."""
    clock = Clock()
    reference, window = load(folder / "reference.parquet", columns), load(files[0], columns)
    loaded = clock.lap()
    detector.fit(reference, 0)
    learned = clock.lap()
    found = detector.judge(window)
    return {"load": loaded, "learn": learned, "judge": clock.lap(), "alerts": sorted(found.alerts)}


def verdicts(detector: Detector, columns: Columns, folder: Path, files: list[Path], rows: int) -> dict[str, Any]:
    """Judge every window of `rows` rows in the files; a peer that fails on a file is a result too."""
    detector.fit(load(folder / "reference.parquet", columns), rows)
    found: dict[str, Any] = {}
    clock = Clock()
    for file in files:
        table = load(file, columns)
        windows = [table.iloc[start : start + rows].reset_index(drop=True) for start in range(0, len(table), rows)]
        try:
            judged = detector.judge_all(windows)
        except Exception as error:  # whatever the peer raises
            found[file.stem] = {"error": f"{type(error).__name__}: {error}"[:200]}
            continue
        found[file.stem] = [{"distances": one.distances, "alerts": sorted(one.alerts)} for one in judged]
    return {"files": found, "judging": clock.lap()}


class Clock:
    """CPU seconds of this process between laps."""

    def __init__(self) -> None:
        self._last = time.process_time()

    def lap(self) -> float:
        """Since the last lap."""
        now = time.process_time()
        since, self._last = now - self._last, now
        return round(since, 3)


if __name__ == "__main__":
    main()
