"""What a child process costs, by the operating system's own account of it once it has ended."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_MEASURE = """
import ctypes, json, os, resource, subprocess, sys, time
report, cores = sys.argv[1], int(sys.argv[2])
if cores and sys.platform == "linux":
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
started = time.monotonic()
done = subprocess.run(sys.argv[3:], stdin=subprocess.DEVNULL)
wall = time.monotonic() - started
if cores and sys.platform == "linux":
    try:
        while True:
            os.wait()
    except ChildProcessError:
        pass
used = resource.getrusage(resource.RUSAGE_CHILDREN)
kilo = 1024 if sys.platform == "linux" else 1024**2
with open(report, "w") as file:
    json.dump([wall, used.ru_utime + used.ru_stime, used.ru_maxrss / kilo], file)
sys.exit(done.returncode)
"""
"""A process of its own around each command, so that peak memory is that command's and no other's. On Linux it can keep
the command to so many cores; then it also adopts what the command leaves running (a JVM, say), and waits for that."""


@dataclass(frozen=True)
class Cost:
    """Of one finished child process with all its descendants; the peak is that of the largest of them."""

    wall: float
    cpu: float
    peak_mb: float


class ChildFailed(Exception):
    """The command failed; the message holds its last words."""


@dataclass(frozen=True)
class Run:
    """Cost and output of one run."""

    cost: Cost
    output: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object on the last line of the output."""
        found: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return found


def run(command: Sequence[object], environment: Mapping[str, str] | None = None, cores: int = 0) -> Run:
    """Run a command to its end.

    Parameters
    ----------
    environment : the whole of it; ours when left out
    cores : how many cores it may use, on Linux; 0 for all, and then nothing it leaves behind is waited for

    Raises
    ------
    ChildFailed
        The command did not end well.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "cost.json"
        wrapped = [sys.executable, "-c", _MEASURE, str(report), str(cores), *map(str, command)]
        done = subprocess.run(wrapped, env=environment, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise ChildFailed(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
        return Run(Cost(*json.loads(report.read_text())), done.stdout)


def progress(*words: object) -> None:
    """Tell whoever waits what is measured now."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def one_thread() -> dict[str, str]:
    """Our environment, with libraries told to use a single thread, and our packages to be found."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS", "NUMBA_NUM_THREADS")
    return os.environ | dict.fromkeys(names, "1") | {"PYTHONPATH": str(ROOT)}


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure on its own."""
    return Cost(*(statistics.median(getattr(cost, name) for cost in costs) for name in ("wall", "cpu", "peak_mb")))
