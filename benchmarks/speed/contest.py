"""Every program on one file, in turns, each run in a process of its own; medians of the runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import process
from benchmarks.peers import environments
from benchmarks.process import ChildFailed, Cost, Run, one_thread
from benchmarks.speed.inputs import FOLDER

OURS, STORED, FLOOR = "ours", "stored", "floor"
TITLES = {
    OURS: "**Watchkeeper**",
    STORED: "**Watchkeeper**, baseline stored",
    FLOOR: "floor: the fastest parse alone",
    **{name: peer.title for name, peer in environments.PEERS.items()},
}
THOROUGH = ("frouros", "nannyml", "alibi", "whylogs", "evidently", "spark")
"""Peers that look at all the rows of every column."""


@dataclass(frozen=True)
class Entry:
    """One program: medians of its runs, or why there are none. `parse` is what the floor took without its imports."""

    cost: Cost | None = None
    learn: float | None = None
    judge: float | None = None
    imported: float | None = None
    parse: float | None = None
    alerts: int | None = None
    failure: str = ""

    @property
    def drift(self) -> float | None:
        """All that comes after reading."""
        return None if self.learn is None or self.judge is None else self.learn + self.judge

    @classmethod
    def of(cls, runs: Sequence[Run]) -> Entry:
        """Medians of runs."""
        results = [run.result for run in runs]
        alerts = results[0].get("alerts")
        return cls(
            process.median([run.cost for run in runs]),
            _median(results, "learn"),
            _median(results, "judge"),
            _median(results, "import"),
            _median(results, "parse"),
            None if alerts is None else len(alerts),
        )


def contest(file: Path, repeats: int, with_peers: bool) -> dict[str, Entry]:
    """Every program's entry, by its name."""
    commands = _commands(file, with_peers)
    failures = {name: reason for name in commands if (reason := _unavailable(name))}
    runs: dict[str, list[Run]] = {name: [] for name in commands if name not in failures}
    for _ in range(repeats):
        for name in list(runs):
            process.progress(TITLES[name], "on", file.name)
            try:
                cores = 2 if name == "spark" else 1
                runs[name].append(process.run(commands[name], one_thread(), cores))
            except ChildFailed as error:
                failures[name] = f"failed: {str(error).strip().splitlines()[-1][:150]}"
                del runs[name]
    return {name: Entry.of(runs[name]) if name in runs else Entry(failure=failures[name]) for name in commands}


def _commands(file: Path, with_peers: bool) -> Mapping[str, Sequence[object]]:
    ours = [sys.executable, "-m", "benchmarks.speed.ours", FOLDER, file]
    commands: dict[str, Sequence[object]] = {OURS: ours, STORED: [*ours, "--stored"]}
    if file.suffix == ".jsonl":
        commands[FLOOR] = [sys.executable, "-m", "benchmarks.speed.floor", FOLDER, file]
    if with_peers:
        for name, peer in environments.PEERS.items():
            program = ["benchmarks.peers.spark"] if name == "spark" else ["benchmarks.peers.run", "speed", name]
            commands[name] = [peer.python, "-m", *program, FOLDER, file]
    return commands


def _unavailable(name: str) -> str | None:
    return environments.install(name) if name in environments.PEERS else None


def _median(results: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return median(result[name] for result in results) if name in results[0] else None
