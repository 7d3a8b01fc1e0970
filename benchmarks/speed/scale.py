"""How ours grows: in Spark against a line-by-line partial, over a month of profiles, and with the object's size."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks import process
from benchmarks.process import Run, one_thread
from benchmarks.speed import inputs


def in_spark(rows: int, repeats: int, times: int) -> list[str]:
    """Rows a second at local[2], over so many rows read so many times: a job's fixed seconds are not the question."""
    process.progress("captures in Spark")
    inputs.prepare_parts(rows)
    files = [*inputs.parts(rows)] * times
    rows *= times
    wall, cpu = {}, {}
    for how in ("ours", "lines"):
        command = [sys.executable, "-m", "benchmarks.speed.spark_partials", how, inputs.FOLDER, *files]
        results = _results(command, repeats, cores=2)
        assert all(result["rows"] == rows for result in results)
        wall[how] = rows / median(result["seconds"] for result in results)
        cpu[how] = rows / median(result["cpu"] for result in results)
    ratios = f"ratio {wall['ours'] / wall['lines']:.1f}, by the executors' CPU {cpu['ours'] / cpu['lines']:.1f}"
    return [
        f"| captures in Spark, local[2], {rows:,} rows | {wall['ours']:,.0f} rows/s; line by line {wall['lines']:,.0f} "
        f"rows/s; {ratios} | ≥ 4 |"
    ]


def month(repeats: int) -> list[str]:
    """720 hourly profiles of 100 features: read, merged, compared."""
    results = _results([sys.executable, "-m", "benchmarks.speed.window"], repeats, cores=1)
    seconds = {stage: median(result[stage] for result in results) for stage in ("all", "read", "merge", "compare")}
    return [
        f"| 720 hourly profiles of 100 features, read, merged and compared | {seconds['all']:.2f} CPU s (read "
        f"{seconds['read']:.2f}, merge {seconds['merge']:.2f}, compare {seconds['compare']:.2f}) | < 0.5 s |",
        f"| profile of 100 features, largest of an hour; of the month | {results[0]['bytes'] / 1000:.0f} kB; "
        f"{results[0]['bytes_merged'] / 1000:.0f} kB | ≤ 100 kB |",
    ]


def growth(sizes: tuple[int, ...], times: int) -> list[str]:
    """Peak memory and CPU from capture JSONL, the baseline stored, as the object grows."""
    files = {rows: inputs.current(rows, "jsonl") for rows in sizes}
    if times > 1:
        files[sizes[-1] * times] = inputs.repeated(sizes[-1], times)
    found = []
    for rows, file in files.items():
        command = [sys.executable, "-m", "benchmarks.speed.ours", inputs.FOLDER, file, "--stored"]
        cost = process.run(command, one_thread(), 1).cost
        found.append(f"{rows:,} rows: {cost.peak_mb:.0f} MB, {cost.cpu:.2f} CPU s")
    return [f"| one captured object, whole process | {'; '.join(found)} | < 300 MB, flat |"]


def _results(command: Sequence[object], repeats: int, cores: int) -> list[dict[str, Any]]:
    runs: list[Run] = [process.run(command, one_thread(), cores) for _ in range(repeats)]
    return [run.result for run in runs]
