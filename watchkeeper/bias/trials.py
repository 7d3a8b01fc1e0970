"""All metrics of all comparisons at once: their values, where their draws lie, and how far all must reach together.

Correction for looking at many is by the largest standardised deviation in each draw (Westfall & Young's max-T, from the
joint draws): the interval of every metric of every group is widened by one factor, until all of them hold together but
for a chance of alpha. Metrics that say the same thing twice, and there are many, then cost nothing; Bonferroni or Holm
would pay for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias.attribute import OTHER
from watchkeeper.bias.counts import GroupCounts
from watchkeeper.bias.draws import Spread, draw, reach
from watchkeeper.bias.facet import Comparison
from watchkeeper.bias.metric import Metric
from watchkeeper.bias.metrics import METRICS
from watchkeeper.bias.settings import BiasSettings
from watchkeeper.bias.sides import Floats, Sides

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Trial:
    """One metric of one comparison.

    Attributes
    ----------
    value, baseline : of the window's counts and the baseline's; None where it cannot be measured
    n, against_n : rows of the metric's basis in the group, and in those it is compared with
    lacking : what keeps it from being measured, in words; "" when nothing does
    small : what keeps it from being judged, in words; "" when nothing does
    level : where draws of the metric lie; None where it is not measured
    change : where draws of its difference to the baseline's lie; None where either side is too small to be judged
    """

    comparison: Comparison
    metric: Metric
    value: float | None
    baseline: float | None
    n: int
    against_n: int
    lacking: str
    small: str
    level: Spread | None
    change: Spread | None

    @property
    def judged(self) -> bool:
        """Whether it can be called biased."""
        return self.level is not None and self.metric.tolerated and not self.small


@dataclass(frozen=True)
class Trials:
    """All of a look, and how many deviations its intervals must reach to hold together."""

    trials: tuple[Trial, ...]
    level_reach: float
    change_reach: float


@dataclass(frozen=True)
class _Pair:
    """Counts of two groups, and draws of them."""

    counts: Sides
    draws: Sides


@dataclass(frozen=True)
class _Facet:
    """A facet's counts, and draws of them."""

    cells: Integers
    draws: Floats

    def pair(self, comparison: Comparison) -> _Pair:
        groups = comparison.favoured, comparison.disfavoured
        return _Pair(Sides.of(self.cells.astype(np.float64), *groups), Sides.of(self.draws, *groups))


def run(baseline: GroupCounts | None, window: GroupCounts, settings: BiasSettings) -> Trials:
    """Draw the counts of both, facet by facet, and compute every metric of every draw."""
    look = _Run(settings, stratified=window.binning.stratum is not None)
    trials: list[Trial] = []
    for facet, part in zip(window.binning.facets, window.binning.slices, strict=True):
        now = look.drawn(window.cells[part])
        before = None if baseline is None else look.drawn(baseline.cells[part])
        for comparison in facet.comparisons:
            if comparison.group == OTHER and not now.cells[list(comparison.disfavoured)].any():
                continue
            pair, old = now.pair(comparison), None if before is None else before.pair(comparison)
            trials += [look.trial(comparison, metric, pair, old) for metric in METRICS]
    return Trials(tuple(trials), look.level_reach, look.change_reach)


class _Run:
    """Makes trials, and keeps in each draw the deviations of the metric that is furthest out."""

    def __init__(self, settings: BiasSettings, *, stratified: bool) -> None:
        self._settings = settings
        self._stratified = stratified
        self._random = np.random.default_rng(settings.seed)
        self._levels, self._changes = np.zeros(settings.draws), np.zeros(settings.draws)

    @property
    def level_reach(self) -> float:
        """Of the intervals of all metrics that are judged."""
        return reach(self._levels, self._settings.alpha)

    @property
    def change_reach(self) -> float:
        """Of the intervals of all differences to the baseline."""
        return reach(self._changes, self._settings.alpha)

    def drawn(self, cells: Integers) -> _Facet:
        return _Facet(cells, draw(cells, self._settings.draws, self._settings.dispersion, self._random))

    def trial(self, comparison: Comparison, metric: Metric, now: _Pair, before: _Pair | None) -> Trial:
        """Measure one metric in the window and, where it can be, in the baseline."""
        lacking = self._lacking(metric, now.counts)
        small = lacking or self._small(metric, now.counts)
        old = None if before is None or self._lacking(metric, before.counts) else before
        level = change = None
        if not lacking:
            values = metric.on_scale(now.draws)
            level = self._spread(values, self._levels if metric.tolerated and not small else None)
            if old is not None and not small and not self._small(metric, old.counts):
                change = self._spread(values - metric.on_scale(old.draws), self._changes)
        return Trial(
            comparison,
            metric,
            value=None if lacking else metric.value(now.counts),
            baseline=None if old is None else metric.value(old.counts),
            n=int(metric.basis.rows(now.counts.d)),
            against_n=int(metric.basis.rows(now.counts.a)),
            lacking=lacking,
            small=small,
            level=level,
            change=change,
        )

    def _spread(self, values: Floats, furthest: Floats | None) -> Spread:
        spread = Spread.of(values, self._settings.confidence)
        if furthest is not None:
            np.maximum(furthest, spread.standardised(values), out=furthest)
        return spread

    def _lacking(self, metric: Metric, sides: Sides) -> str:
        if metric.stratified and not self._stratified:
            return "no stratum is named"
        return "" if metric.rows(sides) else f"there are no {metric.basis}"

    def _small(self, metric: Metric, sides: Sides) -> str:
        rows, least = metric.rows(sides), self._settings
        if rows < least.minimum_rows:
            return f"{rows} {metric.basis} in the smaller group, and {least.minimum_rows} are needed"
        relevant = rows if metric.needs is None else int(metric.needs(sides))
        if relevant < least.minimum_relevant:
            return f"a count of {relevant} that it divides by, and {least.minimum_relevant} are needed"
        return ""
