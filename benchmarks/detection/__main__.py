"""`python -m benchmarks.detection`: simulate, print, and with `--write` put the tables into docs/detection.md.

Everything random comes from `--seed`; another seed gives another set of tables, and other work more or fewer windows.
A part's table stands in the page between two comments that name it, so that parts may be run one by one.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.detection import experiments, sequences
from benchmarks.detection.experiments import Row
from benchmarks.detection.sequences import Delays

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"
PARTS = ("false_alarms", "false_alarms_wide", "power", "power_at_4", "power_10k", "dependent", "slow", "slow_in_bursts")
BURSTS = 0.3


def main() -> None:
    """Run what was asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("parts", nargs="*", default=PARTS, help=f"any of {', '.join(PARTS)}; all by default")
    options.add_argument("--seed", type=int, default=2026)
    options.add_argument(
        "--work", type=float, default=1.0, help="how many references, relative to the published tables"
    )
    options.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    chosen = options.parse_args()
    for part in chosen.parts:
        started = time.process_time()
        text = _section(part, chosen.seed, chosen.work)
        print(f"{text}\n({time.process_time() - started:.0f} CPU s)\n", flush=True)
        if chosen.write:
            PAGE.write_text(placed(PAGE.read_text(), part, text))


def placed(page: str, part: str, text: str) -> str:
    """The page with a part's table between its comments."""
    begin, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    if begin not in page or end not in page:
        raise SystemExit(f"{PAGE} has no place for {part!r}: write {begin} and {end} where its table is to be.")
    return re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.DOTALL)


def _section(part: str, seed: int, work: float) -> str:
    match part:
        case "false_alarms":
            return _rates("healthy windows, 20 columns and score", experiments.false_alarms(seed, work))
        case "false_alarms_wide":
            return _rates("healthy windows, columns of eleven shapes", experiments.false_alarms_wide(seed, work))
        case "power":
            return _rates("drift; windows of 1,000 rows, 20 columns and score", experiments.power(seed, work))
        case "power_at_4":
            return _rates("the same at .04", experiments.power(seed, work / 2, alpha=0.04))
        case "power_10k":
            return _rates("windows of 10,000 rows", experiments.power(seed, work / 4, rows=10_000))
        case "dependent":
            return _rates("bursts of 50 rows that share a .3 sd shift", experiments.dependent(seed, work / 2))
        case "slow":
            return _delays(sequences.healthy(seed, work, 0.0), sequences.delays(seed, work, 0.0))
        case "slow_in_bursts":
            return _delays(sequences.healthy(seed, work / 2, BURSTS), sequences.delays(seed, work / 2, BURSTS))
        case _:
            raise SystemExit(f"There is no part {part!r}; choose among {', '.join(PARTS)}.")


def _rates(title: str, rows: Iterable[Row]) -> str:
    lines = [f"| {title} | evidence | alarm ± standard error | windows |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.evidence:.4f} | {r.alarms:.4f} ± {r.error:.4f} | {r.windows} |" for r in rows]
    return "\n".join(lines)


def _delays(healthy: sequences.Healthy, rows: Iterator[Delays]) -> str:
    allowed = healthy.looks * sequences.BUDGET
    lines = [
        "| windows until the change is found: median (quartiles) | each alone | merges of 1 to 32 as well | streams |",
        "|---|---|---|---|",
        f"| *alarms that began in {healthy.looks:,} healthy looks; {allowed:.0f} allowed* "
        f"| {healthy.alone} | {healthy.together} | |",
    ]
    lines += [f"| {r.what} | {_quartiles(r.alone)} | {_quartiles(r.together)} | {len(r.alone)} |" for r in rows]
    return "\n".join(lines)


def _quartiles(found: tuple[int, ...]) -> str:
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return f"{middle:g} ({low:g} to {high:g})"


if __name__ == "__main__":
    main()
