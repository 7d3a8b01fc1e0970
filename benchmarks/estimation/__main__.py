"""`python -m benchmarks.estimation`: estimates beside what labels show, with `--write` into results-estimation.md.

With `--data FOLDER` also on the public data sets Adult and Electricity, where `adult_train.csv`, `adult_test.csv` and
`electricity.csv` lie there (their tables are printed, and not part of the written page).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.estimation import ours, peer, trials
from benchmarks.estimation.said import Said, score
from benchmarks.estimation.worlds import COVARIATE, World, worlds
from watchkeeper.performance.metric import Name

PAGE = Path(__file__).parents[1] / "results-estimation.md"
ROWS, WINDOWS, REFERENCES = 2000, 10, 2
OURS, PLAIN, THEIRS, USUAL = "**Watchkeeper**", "by scores alone", "NannyML 0.13.1", "the baseline's"


class Tally:
    """Scores of one model's estimators, over several references."""

    def __init__(self) -> None:
        self.errors: dict[tuple[str, str], list[float]] = {}
        self.inside: dict[tuple[str, str], list[float]] = {}
        self.seconds: dict[str, float] = {}
        self.warned: dict[str, int] = {}
        self.windows: dict[str, int] = {}

    def add(self, world: World, *, with_peers: bool) -> None:
        """Ask all estimators of one world."""
        usual = ours.realised(world, world.reference)
        scale = usual if world.regression else dict.fromkeys(usual, 1.0)
        for tool, said in self._asked(world, usual, with_peers).items():
            self.seconds[tool] = self.seconds.get(tool, 0.0) + said.seconds
            for scenario, tables in world.windows.items():
                truths = [ours.realised(world, table) for table in tables]
                found = score(said, scenario, truths, ours.names(world), scale)
                self.errors.setdefault((tool, scenario), []).append(found.error)
                self.inside.setdefault((tool, scenario), []).append(found.inside)
                if tool == OURS:
                    self.warned[scenario] = self.warned.get(scenario, 0) + said.warned[scenario]
                    self.windows[scenario] = self.windows.get(scenario, 0) + len(tables)

    def _asked(self, world: World, usual: Mapping[Name, float], with_peers: bool) -> dict[str, Said]:
        asked = {OURS: ours.watchkeeper(world), PLAIN: ours.watchkeeper(world, most_features=0)}
        if with_peers:
            asked[THEIRS] = peer.nannyml(world)
        constant = {name: (value, value, value) for name, value in usual.items()}
        asked[USUAL] = Said({name: [constant] * len(tables) for name, tables in world.windows.items()})
        return asked

    def table(self, shifts: Sequence[str]) -> Iterator[str]:
        """Mean absolute errors in percent, and in brackets how often the 95 % interval held."""
        tools = list(self.seconds)
        yield "| windows | " + " | ".join(tools) + " | warned |"
        yield "|---|" + "---|" * (len(tools) + 1)
        for scenario in self.windows:
            cells = [self._cell(tool, [scenario]) for tool in tools]
            yield f"| {scenario} | {' | '.join(cells)} | {self.warned[scenario] / self.windows[scenario]:.0%} |"
        if shifts:
            means = [self._cell(tool, shifts) for tool in tools]
            yield f"| *all covariate shifts* | {' | '.join(means)} | |"
        yield "| *CPU s* | " + " | ".join(f"{s:.1f}" if s else "" for s in self.seconds.values()) + " | |"

    def _cell(self, tool: str, scenarios: Sequence[str]) -> str:
        error = float(np.mean([each for name in scenarios for each in self.errors[tool, name]]))
        inside = float(np.mean([each for name in scenarios for each in self.inside[tool, name]]))
        return f"{error:.2%}" if tool == USUAL else f"{error:.2%} ({inside:.0%})"


def measure(seed: int, work: float, *, with_peers: bool) -> str:
    """Every world of the generator as a table."""
    tallies: dict[str, Tally] = {}
    for number in range(max(1, round(REFERENCES * work))):
        for world in worlds(seed + 1000 * number, WINDOWS, ROWS):
            kind = "Regression" if world.regression else "Classifier"
            tallies.setdefault(f"{kind}: {world.title}", Tally()).add(world, with_peers=with_peers)
    shifts = [shift.title for shift in COVARIATE if shift.drift]
    return "\n\n".join(f"## {title}\n\n" + "\n".join(tally.table(shifts)) for title, tally in tallies.items())


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=2026)
    options.add_argument(
        "--work", type=float, default=1.0, help="how many references, relative to the published tables"
    )
    options.add_argument("--no-peers", action="store_true", help="without NannyML")
    options.add_argument("--data", type=Path, help="folder of the public data sets")
    options.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    chosen = options.parse_args()
    if chosen.data:
        for world in trials.worlds(chosen.data):
            tally = Tally()
            tally.add(world, with_peers=not chosen.no_peers)
            print(f"## {world.title}\n\n" + "\n".join(tally.table([])) + "\n", flush=True)
        return
    text = measure(chosen.seed, chosen.work, with_peers=not chosen.no_peers)
    page = f"# Measured: estimated performance\n\n{_notes(chosen.seed)}\n\n{text}\n"
    print(page)
    if chosen.write:
        PAGE.write_text(page)


def _notes(seed: int) -> str:
    return f"""\
Written by `python -m benchmarks.estimation --seed {seed} --write`.

{machine.described("numpy", "scikit-learn", "pandas")} References of 20,000 labelled rows, windows of {ROWS:,} without.
A cell is the mean absolute difference of estimated and realised metrics, and in brackets the share of realised values
within the stated 95 % intervals. Of classifiers it is the mean over accuracy, precision, recall, F1, ROC AUC and PR
AUC, in points; of regressions over MAE and RMSE, as a share of the reference's.

- "By scores alone" is ours with no correction by features (of a regression: the baseline's losses).
- "The baseline's" takes every window to be as the reference.
- NannyML is CBPE and DLE with their defaults, its intervals as 1.96 of its sampling errors.
- "Warned" is the share of windows of which we say that the estimate must not be trusted.
- CPU seconds are of everything but reading files.
- With more labels, or another concept, P(y | x) of the classifiers is no longer as it was: everybody must fail, and
  only labels show it."""


if __name__ == "__main__":
    main()
