"""Model Monitor's distances between two distributions, as its library Deequ defines them.

Numbers: the largest difference of the two cumulative shares, `simple`; `robust` takes 1.8·√((n+m)/(n·m)) off it, what
the two-sample Kolmogorov-Smirnov test allows to chance at a level of 0.003. Categories: the largest difference of a
category's shares, simple or robust alike, or a chi-squared test against the baseline's shares.
Source: awslabs/deequ, `analyzers/Distance.scala`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.modelmonitor.constraints import SIMPLE
from watchkeeper.modelmonitor.statistics import NumericalStatistics

ROBUST_FACTOR = 1.8
_SMALL_EXPECTED, _SMALL_EXPECTED_OF_TWO = 5.0, 10.0
_SMALL_SHARE = 0.2
"""Categories that may expect fewer rows before the smallest are put together (Yates; of two, Cochran)."""

_RARE = "(rarer categories)"

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Cumulative:
    """A distribution of `size` numbers, by the share of them below each of some points.

    Attributes
    ----------
    points : ascending
    below : share of the numbers below each point
    steps : whether all numbers lie at the points; otherwise the share between points is interpolated
    edges, below_edges : of bins: where the shares are known exactly; empty of what has none
    """

    points: Numbers
    below: Numbers
    size: float
    steps: bool = False
    edges: Numbers = field(default_factory=lambda: np.empty(0))
    below_edges: Numbers = field(default_factory=lambda: np.empty(0))

    def at(self, places: Numbers) -> Numbers:
        """Share of the numbers below each place."""
        if not self.steps:
            found: Numbers = np.interp(places, self.points, self.below, left=0.0, right=1.0)
            return found
        return np.append(self.below, 1.0)[np.searchsorted(self.points, places, side="left")]

    def at_edges(self, edges: Numbers) -> Numbers:
        """Share of the numbers below each edge of bins: exactly, where they are its own."""
        return self.below_edges if np.array_equal(edges, self.edges) else self.at(edges)

    @classmethod
    def of_weights(cls, values: Numbers, weights: Numbers) -> Cumulative:
        """Of numbers that stand for `weights` numbers each."""
        points, places = np.unique(values, return_inverse=True)
        total = np.cumsum(np.bincount(places, weights, len(points)))
        return cls(points, np.concatenate([[0.0], total[:-1]]) / total[-1], float(total[-1]), steps=True)

    @classmethod
    def of_statistics(cls, statistics: NumericalStatistics) -> Cumulative | None:
        """From a sketch or, without one, from the ten buckets; None when there is neither, or no value."""
        if statistics.sketch is not None and any(statistics.sketch.data):
            items = [np.asarray(level, np.float64) for level in statistics.sketch.data]
            weights = [np.full(len(level), 2.0**height) for height, level in enumerate(items)]
            return cls.of_weights(np.concatenate(items), np.concatenate(weights))
        counts = np.asarray([bucket.count for bucket in statistics.buckets], np.float64)
        if not counts.sum():
            return None
        bounds = [statistics.buckets[0].lower_bound, *(bucket.upper_bound for bucket in statistics.buckets)]
        below = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
        return cls(np.asarray(bounds, np.float64), below, float(counts.sum()))


def of_numbers(first: Cumulative, second: Cumulative, method: str) -> float:
    """Distance of two distributions of numbers.

    Compared at the bins' edges when one of them has bins, else at all points. Over the same bins the result is never
    above the distance of the rows, and below it by at most one bin's share.
    """
    edges = next((one.edges for one in (first, second) if len(one.edges)), None)
    if edges is None:
        edges = np.concatenate([first.points, second.points])
    simple = float(np.max(np.abs(first.at_edges(edges) - second.at_edges(edges))))
    return _selected(simple, first.size, second.size, method)


@dataclass(frozen=True)
class Categories:
    """A distribution of categories.

    Attributes
    ----------
    counts : rows of each category that is counted apart
    rare : names of categories that are counted together
    rare_rows : the rows of those
    other_rows : rows of further categories, whose names are not known
    """

    counts: Mapping[str, float]
    rare: frozenset[str] = frozenset()
    rare_rows: float = 0.0
    other_rows: float = 0.0

    @property
    def size(self) -> float:
        """All rows."""
        return sum(self.counts.values()) + self.rare_rows + self.other_rows

    def with_rare(self, rare: frozenset[str]) -> Categories:
        """The same with the categories in `rare` counted together."""
        moved = sum(count for name, count in self.counts.items() if name in rare)
        kept = {name: count for name, count in self.counts.items() if name not in rare}
        return Categories(kept, rare, self.rare_rows + moved, self.other_rows)


def of_categories(first: Categories, second: Categories, method: str) -> float:
    """Distance of two distributions of categories; 0 when either holds no rows.

    Categories that are counted together take no part: none of them alone is far.
    """
    n, m = first.size, second.size
    if not n or not m:
        return 0.0
    names = first.counts.keys() | second.counts.keys()
    simple = max((abs(first.counts.get(name, 0) / n - second.counts.get(name, 0) / m) for name in names), default=0.0)
    return _selected(simple, n, m, method)


def _selected(simple: float, n: float, m: float, method: str) -> float:
    return simple if method == SIMPLE else max(0.0, simple - ROBUST_FACTOR * math.sqrt((n + m) / (n * m)))


def chi_squared(window: Categories, reference: Categories) -> tuple[float, int] | None:
    """Statistic and degrees of freedom of the window's counts against the reference's shares.

    Categories that the reference does not know are left out, as Deequ leaves them; the domain check is for them. The
    smallest are put together until few expect fewer than 5 rows (of two, 10). None when fewer than two are left.
    """
    observed, baseline = dict(window.counts), dict(reference.counts)
    if reference.rare_rows:
        observed[_RARE], baseline[_RARE] = window.rare_rows, reference.rare_rows
    seen = {name: float(observed.get(name, 0)) for name in baseline}
    rows, total = sum(seen.values()), sum(baseline.values())
    if not rows or not total:
        return None
    expected = {name: count / total * rows for name, count in baseline.items()}
    while len(expected) >= 2 and _too_small(expected):
        smallest = min(expected, key=lambda name: (expected[name], name))
        moved, moved_seen = expected.pop(smallest), seen.pop(smallest)
        next_one = min(expected, key=lambda name: (expected[name], name))
        expected[next_one] += moved
        seen[next_one] += moved_seen
    if len(expected) < 2:
        return None
    return sum((seen[name] - value) ** 2 / value for name, value in expected.items()), len(expected) - 1


def _too_small(expected: Mapping[str, float]) -> bool:
    if len(expected) == 2:
        return min(expected.values()) < _SMALL_EXPECTED_OF_TWO
    small = sum(value < _SMALL_EXPECTED for value in expected.values())
    return small > int(_SMALL_SHARE * len(expected))
