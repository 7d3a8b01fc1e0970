"""`python -m benchmarks.bias`: how fast a look at bias is, how often its intervals hold, how often it is right.

Counts are drawn from shares that are known; no rows are made, but for the time that counting takes. The tables of
docs/bias.md are its output.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias import (
    BiasFindings,
    GroupBinning,
    GroupCounts,
    GroupSettings,
    Measurement,
    Sensitive,
    Verdict,
    examine,
    observe,
)
from watchkeeper.bias.draws import Spread, draw
from watchkeeper.bias.metrics import METRICS
from watchkeeper.bias.sides import Sides
from watchkeeper.outcomes import Labelled
from watchkeeper.table import CategoryColumn

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """Rows of one group, and the shares behind them.

    Attributes
    ----------
    positive, recall, fall_out : shares of positives among rows, of predicted positives among positives and negatives
    """

    rows: int
    positive: float = 0.4
    recall: float = 0.8
    fall_out: float = 0.2

    @property
    def shares(self) -> Cells:
        """Of the confusion matrix, shape (1, 3, 3)."""
        q, r, f = self.positive, self.recall, self.fall_out
        return np.array([[[0, 0, 0], [0, (1 - q) * (1 - f), (1 - q) * f], [0, q * (1 - r), q * r]]])

    def draw(self, random: np.random.Generator, times: int = 1) -> NDArray[np.int64]:
        """Counts of so many rows, `times` over."""
        return random.multinomial(self.rows * times, self.shares.ravel()).reshape(1, 3, 3)


COVERED = {
    "1,000 and 400 rows": (Group(1000), Group(400, 0.3, 0.7, 0.15)),
    "100 and 100 rows": (Group(100), Group(100, 0.3, 0.7, 0.15)),
    "5 % positive, 2,000 and 300 rows": (Group(2000, 0.05, 0.6, 0.02), Group(300, 0.05, 0.6, 0.02)),
}
HEALTHY = {
    "2 groups, 600 and 300 rows": (Group(600), Group(300)),
    "6 groups, 800 to 110 rows": tuple(Group(rows, 0.3, 0.7, 0.1) for rows in (800, 400, 200, 150, 120, 110)),
    "6 groups, 8 % positive, 2,000 to 300 rows": tuple(
        Group(rows, 0.08, 0.6, 0.02) for rows in (2000, 1000, 500, 300, 300, 300)
    ),
    "10 groups, 1,000 rows each": (Group(1000),) * 10,
}
EDGE = {
    "recall .1 lower": (Group(2000), Group(1000, recall=0.7)),
    "predicted positive .1 less often": (Group(2000, 0.5, 0.7, 0.3), Group(1000, 0.5, 0.6, 0.2)),
}
UNFAIR = tuple(0.8 - gap for gap in (0.15, 0.2, 0.3))


def binning_of(groups: int) -> GroupBinning:
    """The groups g0, g1, …, of which the first is favoured and nothing else is compared."""
    names = [f"g{place}" for place in range(groups) for _ in range(groups - place)]
    rows = Labelled(len(names), {"group": CategoryColumn.of(names)}, {}, CategoryColumn.of(["1"] * len(names)))
    return GroupBinning.fit(GroupSettings((Sensitive("group", favoured=("g0",)),)), rows)


def counted(groups: Sequence[Group], random: np.random.Generator, times: int = 1) -> GroupCounts:
    """Counts drawn for all groups; the places of other and missing groups stay empty."""
    counts = GroupCounts.empty(binning_of(len(groups)))
    for place, group in enumerate(groups):
        counts.cells[place] = group.draw(random, times)
    return counts


def seconds(random: np.random.Generator) -> Iterator[str]:
    """CPU seconds of counting a million rows, and of looks at ten groups."""
    yield "| work | CPU s |"
    yield "|---|---|"
    n = 1_000_000
    attributes = {name: _column(random, n, levels) for name, levels in (("race", 10), ("sex", 2), ("place", 10))}
    answers = {"predicted label": CategoryColumn(random.integers(0, 2, n).astype(np.int32), ("positive", "negative"))}
    rows = Labelled(n, attributes, answers, CategoryColumn(random.integers(0, 2, n).astype(np.int32), ("0", "1")))
    wanted = {
        "10 groups": GroupSettings((Sensitive("race"),)),
        "10 groups in 10 strata": GroupSettings((Sensitive("race"),), stratum=Sensitive("place")),
        "10 and 2 groups and their 20 intersections": GroupSettings((Sensitive("race"), Sensitive("sex"))),
    }
    for name, settings in wanted.items():
        binning = GroupBinning.fit(settings, rows)
        counts = observe(binning, rows)
        measured = len(examine(None, counts).measurements)
        yield f"| count 1,000,000 rows, {name} | {_cpu(partial(observe, binning, rows)):.2f} |"
        yield f"| look, {name}: {measured} metrics with intervals | {_cpu(partial(examine, None, counts)):.2f} |"
        yield f"| the same against a baseline | {_cpu(partial(examine, counts, counts)):.2f} |"


def _column(random: np.random.Generator, n: int, levels: int) -> CategoryColumn:
    return CategoryColumn(random.integers(0, levels, n).astype(np.int32), tuple(f"level {i}" for i in range(levels)))


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def coverage(random: np.random.Generator, repeats: int) -> Iterator[str]:
    """How often the 95 % interval of each metric holds its true value."""
    metrics = [metric for metric in METRICS if not metric.stratified and metric.short != "CI"]
    yield f"| of 95 % | {' | '.join(metric.short for metric in metrics)} |"
    yield f"|---|{'---|' * len(metrics)}"
    for name, groups in COVERED.items():
        truth = Sides.of(np.stack([group.rows * group.shares for group in groups]), (0,), (1,))
        held = np.zeros(len(metrics))
        for _ in range(repeats):
            cells = np.stack([group.draw(random) for group in groups])
            drawn, seen = (Sides.of(each, (0,), (1,)) for each in (draw(cells, 1001, 1.0, random), cells.astype(float)))
            for place, metric in enumerate(metrics):
                spread, true = Spread.of(metric.on_scale(drawn), 0.95), metric.value(truth)
                low, high = metric.from_scale(spread.low, spread.high)
                low, high = min(low, metric.value(seen)), max(high, metric.value(seen))
                held[place] += low - 1e-12 <= true <= high + 1e-12
        yield f"| {name} | {' | '.join(f'{share:.3f}' for share in held / repeats)} |"


def false_alarms(random: np.random.Generator, repeats: int) -> Iterator[str]:
    """Looks with any finding that is none: drift where nothing changed, bias where it is just tolerated."""
    yield "| nothing changed (baseline 5 times the rows) | any drift | any bias |"
    yield "|---|---|---|"
    for name, groups in HEALTHY.items():
        looks = [examine(counted(groups, random, 5), counted(groups, random)) for _ in range(repeats)]
        drifted, biased = (np.mean([bool(found) for found in side]) for side in _sides(looks))
        yield f"| {name} | {drifted:.4f} | {biased:.4f} |"
    for name, groups in EDGE.items():
        looks = [examine(None, counted(groups, random)) for _ in range(repeats)]
        told = "RD" if "recall" in name else "DPPL"
        wrong = np.mean([any(found.metric == told for found in look.biased) for look in looks])
        yield f"| 2 groups, {name}: just tolerated | | {wrong:.4f} ({told}) |"


def _sides(looks: Sequence[BiasFindings]) -> Iterator[list[tuple[Measurement, ...]]]:
    yield [look.drifted for look in looks]
    yield [look.biased for look in looks]


def power(random: np.random.Generator, repeats: int) -> Iterator[str]:
    """How often a recall too low in one of two groups is called biased; and drifted, when the baseline's was not."""
    yield "| rows of the group | " + " | ".join(f"recall {0.8 - recall:.2f} lower" for recall in UNFAIR) + " |"
    yield "|---|---|---|---|"
    for rows in (300, 1000, 3000):
        shares = []
        for recall in UNFAIR:
            before = (Group(2 * rows), Group(rows))
            now = (Group(2 * rows), Group(rows, recall=recall))
            looks = [examine(counted(before, random, 5), counted(now, random)) for _ in range(repeats)]
            found = [next(each for each in look.measurements if each.metric == "RD") for look in looks]
            biased = np.mean([each.verdict is Verdict.BIASED for each in found])
            shares.append(f"{biased:.2f}; {np.mean([each.drifted for each in found]):.2f}")
        yield f"| {rows:,} | {' | '.join(shares)} |"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=2000, help="samples behind each share")
    options.add_argument("--seed", type=int, default=2026)
    chosen = options.parse_args()
    random = np.random.default_rng(chosen.seed)
    print("\n".join(seconds(random)), end="\n\n", flush=True)
    print("\n".join(coverage(random, chosen.repeats)), end="\n\n", flush=True)
    print("\n".join(false_alarms(random, chosen.repeats)), end="\n\n", flush=True)
    print("\n".join(power(random, chosen.repeats // 10)))


if __name__ == "__main__":
    main()
