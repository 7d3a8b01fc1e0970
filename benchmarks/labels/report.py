"""Part `labels` as a table: ours beside the way of a notebook."""

from __future__ import annotations

import sys

from benchmarks import machine, process
from benchmarks.labels.inputs import labels
from benchmarks.process import Run, one_thread
from benchmarks.speed import inputs

_NOTES = """\
CPU seconds (user and system) and peak memory are of the whole process. *Watchkeeper* stages captures as the \
profiling function does, files and joins them as `join_labels` does, reads the curated hour and measures, with \
intervals; a folder is in the place of S3. The notebook keeps no features and writes nothing: `json.loads` a line, \
`DataFrame.merge`, three of scikit-learn's metrics."""


def measure(rows: int) -> str:
    """Measure and render."""
    captured, told = inputs.current(rows, "jsonl"), labels(rows)
    folder = inputs.FOLDER / "labels"
    programs = {
        "**Watchkeeper**": ["benchmarks.labels.ours", captured, told, folder],
        "notebook": ["benchmarks.labels.notebook", captured, told],
    }
    runs: dict[str, Run] = {}
    for title, command in programs.items():
        process.progress(title, "joins", rows)
        runs[title] = process.run([sys.executable, "-m", *command], one_thread(), 1)
    first = next(iter(runs.values()))
    table = [
        "| | CPU s | of these: stage | join | read | score | peak MB | rows | accuracy |",
        "|---|---|---|---|---|---|---|---|---|",
        *(f"| {title} | {_cells(run)} |" for title, run in runs.items()),
    ]
    return (
        f"# Measured: labels\n\nWritten by `python -m benchmarks labels`: one run.\n\n"
        f"{machine.described('numpy', 'pyarrow', 'pandas', 'scikit-learn')}\n\n{_NOTES}\n\n"
        f"## {rows:,} predictions, each with a label\n\n" + "\n".join(table) + "\n\n"
        f"Target: under 60 CPU s in 3 GB; {first.cost.cpu:.0f} s in {first.cost.peak_mb / 1000:.1f} GB.\n"
    )


def _cells(run: Run) -> str:
    steps = [f"{run.result[name]:.1f}" if name in run.result else "" for name in ("stage", "join", "read", "score")]
    cost = [f"{run.cost.cpu:.1f}", *steps, f"{run.cost.peak_mb:.0f}"]
    return " | ".join([*cost, f"{run.result['rows']:,}", f"{run.result['accuracy']:.4f}"])
