"""`python -m benchmarks.detection`: simulate, print, and write the tables that docs/detection.md shows.

Everything random comes from `--seed`; another seed gives another set of tables, and other work more or fewer windows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.detection import experiments
from benchmarks.detection.experiments import Delay, Row

RESULTS = Path(__file__).with_name("results.md")
PARTS = ("false_alarms", "power", "power_at_4", "power_10k", "dependent", "slow")


def main() -> None:
    """Run what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", default=PARTS, help=f"any of {', '.join(PARTS)}; all by default")
    options.add_argument("--seed", type=int, default=2026)
    options.add_argument(
        "--work", type=float, default=1.0, help="how many references, relative to the published tables"
    )
    options.add_argument("--output", type=Path, default=RESULTS)
    chosen = options.parse_args()
    sections = []
    for part in chosen.parts:
        started = time.process_time()
        text = _section(part, chosen.seed, chosen.work)
        print(f"{text}\n({time.process_time() - started:.0f} CPU s)\n", flush=True)
        sections.append(text)
    head = f"# Detection, simulated\n\n`python -m benchmarks.detection --seed {chosen.seed} --work {chosen.work:g}`\n"
    chosen.output.write_text("\n\n".join([head, *sections]) + "\n")


def _section(part: str, seed: int, work: float) -> str:
    if part == "false_alarms":
        title = f"False alarms at a budget of {experiments.ALPHA:g} a window"
        return _rates(title, experiments.false_alarms(seed, work))
    if part == "power":
        return _rates("Power, windows of 1,000 rows, 20 columns", experiments.power(seed, work))
    if part == "power_at_4":
        return _rates("The same at .04, where the most powerful peer is", experiments.power(seed, work, alpha=0.04))
    if part == "power_10k":
        return _rates("Power, windows of 10,000 rows, 20 columns", experiments.power(seed, work / 4, rows=10_000))
    if part == "dependent":
        return _rates("Dependent rows: bursts of 50 that share a .3 sd shift", experiments.dependent(seed, work))
    if part == "slow":
        return _delays(experiments.slow(seed, work))
    raise SystemExit(f"There is no part {part!r}; choose among {', '.join(PARTS)}.")


def _rates(title: str, rows: Iterator[Row]) -> str:
    lines = [f"## {title}", "", "| | evidence | alarm (evidence and size) | windows |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.evidence:.4f} | {r.alarms:.4f} ± {r.error:.4f} | {r.windows} |" for r in rows]
    return "\n".join(lines)


def _delays(rows: Iterator[Delay]) -> str:
    lines = [
        "## A mean that moves .002 sd an hour on two columns, hourly windows of 1,000 rows",
        "",
        "| | hours until found: median (all) | false alarms in healthy hours |",
        "|---|---|---|",
    ]
    for row in rows:
        found = ", ".join(map(str, row.delays))
        lines.append(
            f"| {row.what} | {statistics.median(row.delays):g} ({found}) | {row.false_alarms} of {row.healthy} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
