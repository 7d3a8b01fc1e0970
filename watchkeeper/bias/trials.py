"""All metrics of all comparisons at once: their values, where their draws lie, and how far all must reach together.

Correction for looking at many is by the largest standardised deviation in each draw (Westfall & Young's max-T, from the
joint draws): the interval of every metric of every group is widened by one factor, until all of them hold together but
for a chance of alpha. Metrics that say the same thing twice, and there are many, then cost nothing; Bonferroni or Holm
would pay for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    level: Spread | None = None
    change: Spread | None = None

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
class _Counted:
    """A facet's counts, and draws of them."""

    cells: Integers
    drawn: Floats

    @classmethod
    def of(cls, cells: Integers, settings: BiasSettings, random: np.random.Generator) -> _Counted:
        return cls(cells, draw(cells, settings.draws, settings.dispersion, random))

    def sides(self, comparison: Comparison) -> tuple[Sides, Sides]:
        """The counts of the two groups, and draws of them."""
        groups = comparison.favoured, comparison.disfavoured
        return Sides.of(self.cells.astype(np.float64), *groups), Sides.of(self.drawn, *groups)


def run(baseline: GroupCounts | None, window: GroupCounts, settings: BiasSettings) -> Trials:
    """Draw the counts of both, facet by facet, and compute every metric of every draw."""
    random = np.random.default_rng(settings.seed)
    trials: list[Trial] = []
    levels, changes = np.zeros(settings.draws), np.zeros(settings.draws)
    stratified = window.binning.stratum is not None
    for facet, part in zip(window.binning.facets, window.binning.slices, strict=True):
        now = _Counted.of(window.cells[part], settings, random)
        before = None if baseline is None else _Counted.of(baseline.cells[part], settings, random)
        for comparison in facet.comparisons:
            if comparison.group != OTHER or now.cells[list(comparison.disfavoured)].any():
                sides = now.sides(comparison), None if before is None else before.sides(comparison)
                for metric in METRICS:
                    trials.append(_trial(comparison, metric, *sides, settings, stratified, levels, changes))
    return Trials(tuple(trials), reach(levels, settings.alpha), reach(changes, settings.alpha))


def _trial(
    comparison: Comparison,
    metric: Metric,
    now: tuple[Sides, Sides],
    before: tuple[Sides, Sides] | None,
    settings: BiasSettings,
    stratified: bool,
    levels: Floats,
    changes: Floats,
) -> Trial:
    """Measure one metric; the furthest deviations so far, by draw, are kept in `levels` and `changes`."""
    lacking = _lacking(metric, now[0], stratified)
    known_before = before is not None and not _lacking(metric, before[0], stratified)
    trial = Trial(
        comparison,
        metric,
        value=None if lacking else metric.value(now[0]),
        baseline=metric.value(before[0]) if before is not None and known_before else None,
        n=int(metric.basis.rows(now[0].d)),
        against_n=int(metric.basis.rows(now[0].a)),
        lacking=lacking,
        small=lacking or _small(metric, now[0], settings),
    )
    if lacking:
        return trial
    values = metric.on_scale(now[1])
    trial = replace(trial, level=Spread.of(values, settings.confidence))
    if trial.judged:
        _widen(levels, trial.level, values)
    if before is None or not known_before or trial.small or _small(metric, before[0], settings):
        return trial
    values = values - metric.on_scale(before[1])
    trial = replace(trial, change=Spread.of(values, settings.confidence))
    _widen(changes, trial.change, values)
    return trial


def _widen(furthest: Floats, spread: Spread | None, values: Floats) -> None:
    if spread is not None:
        np.maximum(furthest, spread.standardised(values), out=furthest)


def _lacking(metric: Metric, sides: Sides, stratified: bool) -> str:
    if metric.stratified and not stratified:
        return "no stratum is named"
    if not min(metric.basis.rows(sides.d), metric.basis.rows(sides.a)):
        return f"there are no {metric.basis}"
    return ""


def _small(metric: Metric, sides: Sides, settings: BiasSettings) -> str:
    rows = int(min(metric.basis.rows(sides.d), metric.basis.rows(sides.a)))
    if rows < settings.minimum_rows:
        return f"{rows} {metric.basis} in the smaller group, and {settings.minimum_rows} are needed"
    relevant = rows if metric.needs is None else int(metric.needs(sides))
    if relevant < settings.minimum_relevant:
        return f"a count of {relevant} that it divides by, and {settings.minimum_relevant} are needed"
    return ""
