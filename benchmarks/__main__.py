"""`python -m benchmarks PART …`: measure on this machine, and write `benchmarks/results-PART.md`.

Every figure stands beside its target and, where there is one, beside a floor or a peer measured in the same run. Wall
times are whole processes; CPU seconds are the operating system's own account of a finished child.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HERE = Path(__file__).parent
PARTS = ("stack", "speed", "scale", "labels", "verdicts")


def main() -> None:
    """Measure and write."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("part", nargs="+", choices=[*PARTS, "all"])
    options.add_argument("--no-demo", action="store_true", help="stack: leave out the demo (3 minutes)")
    options.add_argument(
        "--quick", action="store_true", help="speed, scale, labels: 100,000 rows once, to see whether all of it works"
    )
    options.add_argument("--no-peers", action="store_true", help="speed, verdicts: ours and the floor alone")
    options.add_argument(
        "--repeats", type=int, default=3, help="speed: runs of each program, of which the medians count"
    )
    options.add_argument("--windows", type=int, default=200, help="verdicts: windows of each scenario")
    options.add_argument("--seed", type=int, default=1, help="verdicts: another number, other windows")
    options.add_argument("--rows", type=int, nargs="+", default=[1_000, 10_000], help="verdicts: rows of a window")
    options.add_argument("--again", nargs="+", default=[], help="verdicts: judge by these tools only; keep the others'")
    chosen = options.parse_args()
    parts = PARTS if "all" in chosen.part else tuple(chosen.part)
    for part in parts:
        if part == "stack":
            from benchmarks import stack

            text = stack.measure(with_demo=not chosen.no_demo)
        elif part == "speed":
            from benchmarks.speed import report

            text = report.measure(chosen.quick, chosen.repeats, with_peers=not chosen.no_peers)
        elif part == "scale":
            from benchmarks.scale import report as scale

            text = scale.measure(chosen.quick)
        elif part == "labels":
            from benchmarks.labels import report as labels

            text = labels.measure(100_000 if chosen.quick else 1_000_000)
        else:
            from benchmarks.verdicts import report as verdicts

            text = verdicts.measure(chosen.rows, chosen.windows, chosen.seed, not chosen.no_peers, chosen.again)
        (HERE / f"results-{part}.md").write_text(text)
        print(text)


if __name__ == "__main__":
    main()
