"""One whole run of ours: `python -m benchmarks.speed.ours FOLDER FILE` prints JSON like the peers' programs.

The folder holds `model.json` and either `baseline.json` (`--stored`: what a function does) or `reference.parquet`, from
which the baseline is then made in the run, as the peers learn their reference.
"""

from __future__ import annotations

import argparse
import json
import time

_STARTED = time.process_time()

from collections.abc import Iterator  # noqa: E402  # the clock starts before the imports that it measures
from datetime import UTC, datetime, timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import TypeVar  # noqa: E402

from watchkeeper.capture import Block, CaptureReader  # noqa: E402
from watchkeeper.drift import compare  # noqa: E402
from watchkeeper.profile import Baseline, Binning, Filing  # noqa: E402
from watchkeeper.spec import ModelSpec  # noqa: E402
from watchkeeper.table import concatenate  # noqa: E402

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CHUNK = 1 << 20
"""Bytes that are read at once, as from S3."""
Item = TypeVar("Item")


class Stages:
    """CPU seconds by stage; reading and observing take turns."""

    def __init__(self) -> None:
        self.seconds = {"learn": 0.0}
        self._last = time.process_time()

    def end(self, stage: str) -> None:
        """Everything since the last end belongs to this stage."""
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def reading(self, items: Iterator[Item], stage: str) -> Iterator[Item]:
        """The same items; making each belongs to the stage."""
        for item in items:
            self.end(stage)
            yield item


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("file", type=Path)
    options.add_argument("--stored", action="store_true")
    chosen = options.parse_args()
    spec = ModelSpec.from_json((chosen.folder / "model.json").read_bytes())
    stages = Stages()
    if chosen.stored:
        baseline = Baseline.from_json((chosen.folder / "baseline.json").read_bytes())
        stages.end("load")
    else:
        baseline = learn(chosen.folder / "reference.parquet", spec, stages)
    observer = baseline.observer(Filing(NOW, NOW + timedelta(minutes=5)))
    for block in stages.reading(read(chosen.file, spec), "load"):
        observer.add(block)
        stages.end("judge")
    profile = observer.profile()
    findings = compare(baseline, profile, spec.drift, start=NOW, end=NOW + timedelta(hours=1))
    stages.end("judge")
    alerts = [finding.feature for finding in (*findings.features, *findings.predictions) if finding.drifted]
    imported = {"import": IMPORTED, "rows": profile.rows, "unreadable": profile.unreadable}
    print(json.dumps({**imported, **stages.seconds, "alerts": sorted(alerts), "verdict": findings.verdict}))


def learn(path: Path, spec: ModelSpec, stages: Stages) -> Baseline:
    """The baseline of a Parquet file: bins from all its rows, then the profile of them."""
    from benchmarks.speed.tables import blocks

    read = list(stages.reading(blocks(path, spec), "load"))
    features = {name: concatenate(block.features[name] for block in read) for name in read[0].features}
    predictions = {name: concatenate(block.predictions[name] for block in read) for name in read[0].predictions}
    baseline = Baseline.build(spec.name, "v1", NOW, Binning.fit(features, predictions), read)
    stages.end("learn")
    return baseline


def read(path: Path, spec: ModelSpec) -> Iterator[Block]:
    """Blocks of a Parquet or capture file, streamed."""
    if path.suffix == ".parquet":
        from benchmarks.speed.tables import blocks

        yield from blocks(path, spec)
        return
    with path.open("rb") as file:
        yield from CaptureReader(spec).blocks(iter(lambda: file.read(CHUNK), b""))


IMPORTED = time.process_time() - _STARTED

if __name__ == "__main__":
    main()
