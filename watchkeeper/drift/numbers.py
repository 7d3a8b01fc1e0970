"""The numeric columns of a look, stacked: each step is one array operation for all of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import effect, evidence, tails
from watchkeeper.drift.aspects import (
    DEVIATIONS,
    DISTANCE,
    FAULTS_THRESHOLD,
    MISSING_THRESHOLD,
    OUTCOME_THRESHOLD,
    RANGE_THRESHOLD,
    SHARE_CHANGE,
    VALUES_THRESHOLD,
    Aspect,
    Test,
)
from watchkeeper.drift.budget import Family
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersions
from watchkeeper.drift.evidence import ChiSquared, Counts
from watchkeeper.drift.tails import Floats
from watchkeeper.profile import NumberProfile


@dataclass(frozen=True)
class NumberSide:
    """The columns' profiles of one side: `counts` and `means` of shape (columns, bins), the rest (columns,)."""

    counts: Counts
    means: Floats
    rows: Floats
    missing: Floats
    faults: Floats
    deviation: Floats
    least: Floats
    greatest: Floats

    @classmethod
    def of(cls, profiles: Sequence[NumberProfile]) -> NumberSide:
        """Stack profiles; shorter ones end in bins without rows."""
        width = max((profile.binning.bins for profile in profiles), default=1)
        counts, means = np.zeros((len(profiles), width)), np.zeros((len(profiles), width))
        for place, profile in enumerate(profiles):
            counts[place, : profile.binning.bins] = profile.counts
            means[place, : profile.binning.bins] = np.nan_to_num(profile.bin_means())
        return cls(
            counts=counts,
            means=np.where(counts > 0, means, 0.0),
            rows=_floats(profile.rows for profile in profiles),
            missing=_floats(profile.missing for profile in profiles),
            faults=_floats(profile.invalid + profile.infinite for profile in profiles),
            deviation=_floats(profile.deviation or np.nan for profile in profiles),
            least=_floats(np.nan if profile.least is None else profile.least for profile in profiles),
            greatest=_floats(np.nan if profile.greatest is None else profile.greatest for profile in profiles),
        )

    @cached_property
    def present(self) -> Floats:
        """Finite values of each column."""
        return self.counts.sum(axis=-1)


@dataclass(frozen=True)
class Numbers:
    """Numeric columns in a window and in the reference.

    Attributes
    ----------
    outcomes : which columns are a numeric prediction, whose mean is a test of its own
    """

    window: NumberSide
    reference: NumberSide
    edges: Floats
    last: NDArray[np.intp]
    outcomes: NDArray[np.bool_]

    @classmethod
    def of(
        cls, window: Sequence[NumberProfile], reference: Sequence[NumberProfile], outcomes: Sequence[bool]
    ) -> Numbers:
        """Put the columns' profiles side by side."""
        width = max((profile.binning.bins for profile in window), default=1)
        edges = np.zeros((len(window), max(width - 1, 0)))
        for row, profile in zip(edges, window, strict=True):
            cuts = profile.binning.cuts
            row[: len(cuts)] = cuts
            row[len(cuts) :] = cuts[-1] if len(cuts) else 0.0
        last = np.array([profile.binning.bins - 1 for profile in window], np.intp)
        return cls(NumberSide.of(window), NumberSide.of(reference), edges, last, np.array(outcomes, bool))

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self.last)

    @cached_property
    def observed(self) -> NDArray[np.bool_]:
        """Columns with rows on both sides: where only requests are captured, there are no predictions."""
        return (self.window.rows > 0) & (self.reference.rows > 0)

    @cached_property
    def valued(self) -> NDArray[np.bool_]:
        """Columns with values on both sides."""
        return (self.window.present > 0) & (self.reference.present > 0)

    @cached_property
    def below(self) -> tuple[Floats, Floats]:
        """Values below the baseline's least, in window and reference."""
        held = self.last > 0
        return self.window.counts[:, 0] * held, self.reference.counts[:, 0] * held

    @cached_property
    def above(self) -> tuple[Floats, Floats]:
        """Values above the baseline's greatest."""
        held, rows = self.last > 0, np.arange(self.columns)
        return self.window.counts[rows, self.last] * held, self.reference.counts[rows, self.last] * held

    @cached_property
    def components(self) -> tuple[Floats, Floats]:
        """z of location and of spread."""
        first, second = evidence.normal_scores(self.reference.counts)
        return self._linear(first), self._linear(second)

    @cached_property
    def outcome(self) -> Floats:
        """z of the mean prediction: on its own scale where that is a probability, in normal scores otherwise.

        When only the shares of the labels change, the likelihood ratio is a function of P(label | x), which the score
        estimates: its mean is the most powerful statistic there is.
        """
        probability = (self.reference.least >= 0) & (self.reference.greatest <= 1)
        share = evidence.shares(self.reference.counts)
        means = self.reference.means
        raw = means - (share * means).sum(axis=-1, keepdims=True)
        low, high = self.reference.least[:, None], self.reference.greatest[:, None]
        raw = np.where(
            share > 0, raw, np.where(np.arange(raw.shape[1]) == 0, low, high) - (share * means).sum(-1)[:, None]
        )
        norm = np.sqrt((share * np.square(raw)).sum(axis=-1, keepdims=True))
        scores = np.divide(raw, norm, out=np.zeros_like(raw), where=norm > 1e-12)
        usable = (probability & self.outcomes)[:, None]
        return self._linear(np.where(usable, np.nan_to_num(scores), evidence.normal_scores(self.reference.counts)[0]))

    @cached_property
    def coarse(self) -> tuple[Counts, Counts]:
        """Counts over 16 bins of about equal share."""
        groups = evidence.coarse_groups(self.reference.counts)
        return evidence.coarsen(self.window.counts, groups), evidence.coarsen(self.reference.counts, groups)

    @cached_property
    def shape(self) -> ChiSquared:
        """χ² over the coarse bins, without what location and spread explain."""
        return evidence.shape(*self.coarse)

    def measures(self) -> Mapping[Family, Floats]:
        """Each family's statistic in the form whose mean is 1 for independent rows; NaN where there is none."""
        location, spread = self.components
        valued = np.where(self.valued, 1.0, np.nan)
        freedom = np.where(self.shape.freedom > 0, self.shape.freedom, np.nan)
        return {
            Family.LOCATION: valued * np.square(location),
            Family.SPREAD: valued * np.square(spread),
            Family.SHAPE: valued * self.shape.statistic / freedom,
            Family.OUTCOME: np.where(self.outcomes, valued, np.nan) * np.square(self.outcome),
            Family.MISSING: share_z(self.window.missing, self.window.rows, self.reference.missing, self.reference.rows),
        }

    def aspects(self, weights: Mapping[Family, float], dispersions: Dispersions = INDEPENDENT) -> list[list[Aspect]]:
        """What is tested in each column; nothing where a side has no rows."""
        location, spread = self.components
        p = {
            Family.LOCATION: dispersions.normal(Family.LOCATION, location),
            Family.SPREAD: dispersions.normal(Family.SPREAD, spread),
            Family.SHAPE: dispersions.chi_squared(Family.SHAPE, *self.shape, tails.chi_squared(*self.shape)),
        }
        outcome = dispersions.normal(Family.OUTCOME, self.outcome)
        values = np.maximum(effect.jensen_shannon(*self.coarse), effect.smooth(location, spread, *self._counts))
        moved = self._outcome_size()
        shares = (self.columns,)
        outside = dispersions.moderated(Family.LOCATION, shares)
        missing = dispersions.moderated(Family.MISSING, shares)
        found: list[list[Aspect]] = []
        for place in range(self.columns):
            aspects: list[Aspect] = []
            if self.valued[place]:
                tests = tuple(Test(family, float(p[family][place]), weights[family]) for family in p)
                aspects.append(Aspect("values", tests, float(values[place]), VALUES_THRESHOLD, DISTANCE))
                aspects.append(self._outside(place, weights[Family.RANGE], at(outside, place)))
                if self.outcomes[place]:
                    test = Test(Family.OUTCOME, float(outcome[place]), weights[Family.OUTCOME])
                    aspects.append(
                        Aspect("mean prediction", (test,), float(moved[place]), OUTCOME_THRESHOLD, DEVIATIONS)
                    )
            if self.observed[place]:
                aspects += self._shares(place, weights, at(missing, place))
            found.append(aspects)
        return found

    @property
    def _counts(self) -> tuple[Counts, Counts]:
        return self.window.counts, self.reference.counts

    def _linear(self, scores: Floats) -> Floats:
        return evidence.linear(self.window.counts, self.reference.counts, scores)

    def _outcome_size(self) -> Floats:
        """How far the mean prediction moved, in standard deviations, debiased."""
        size = np.maximum(evidence.effective_size(self.window.present, self.reference.present), 1e-9)
        moved: Floats = np.sqrt(np.maximum(np.square(self.outcome) - 1, 0.0) / size)
        return moved

    def _outside(self, place: int, weight: float, dispersion: tuple[float, float]) -> Aspect:
        """Values beyond the baseline's extremes: what bins cannot see when the baseline has a single value, say."""
        factor, freedom = dispersion
        n, m = self.window.present[place], self.reference.present[place]
        (low, low_before), (high, high_before) = (
            [float(side[place]) for side in pair] for pair in (self.below, self.above)
        )
        change = float(abs((low + high) / n - (low_before + high_before) / m))
        if low_before + high_before:  # the bins were made from a sample of the reference
            p = evidence.share_test(low + high, n, low_before + high_before, m, factor, freedom)
        else:
            kept = max(round(n / factor), 1)
            p = min(
                1.0,
                *(
                    2 * tails.all_from_first(min(round(hits / factor), kept), kept, round(m / factor))
                    for hits in (low, high)
                ),
            )
        return Aspect(Family.RANGE.value, (Test(Family.RANGE, p, weight),), change, RANGE_THRESHOLD, SHARE_CHANGE)

    def _shares(self, place: int, weights: Mapping[Family, float], dispersion: tuple[float, float]) -> list[Aspect]:
        n, m = self.window.rows[place], self.reference.rows[place]
        return share_aspects(
            (self.window.missing[place], n, self.reference.missing[place], m),
            (self.window.faults[place], n, self.reference.faults[place], m),
            weights,
            dispersion,
        )


def share_aspects(
    missing: tuple[float, float, float, float],
    faults: tuple[float, float, float, float],
    weights: Mapping[Family, float],
    dispersion: tuple[float, float] = (1.0, math.inf),
) -> list[Aspect]:
    """Missing values and values of the wrong type; each given as hits, rows, hits before, rows before.

    `dispersion` is the overdispersion of shares and the degrees of freedom with which it is known.
    """
    return [
        Aspect(
            family.value,
            (Test(family, evidence.share_test(*counts, *dispersion), weights[family]),),
            float(abs(counts[0] / counts[1] - counts[2] / counts[3])),
            threshold,
            SHARE_CHANGE,
        )
        for family, counts, threshold in (
            (Family.MISSING, missing, MISSING_THRESHOLD),
            (Family.FAULTS, faults, FAULTS_THRESHOLD),
        )
        if family is Family.MISSING or counts[0] or counts[2]
    ]


def share_z(hits: Floats, n: Floats, before: Floats, m: Floats) -> Floats:
    """z² of the difference of two shares; NaN where nothing varies."""
    pooled = (hits + before) / np.maximum(n + m, 1)
    variance = pooled * (1 - pooled)
    difference = hits / np.maximum(n, 1) - before / np.maximum(m, 1)
    square = evidence.effective_size(n, m) * np.square(difference)
    varies = (variance > 0) & (n > 0) & (m > 0)
    ratio: Floats = np.divide(square, variance, out=np.full(len(square), np.nan), where=varies)
    return ratio


def at(dispersion: tuple[Floats, Floats], place: int) -> tuple[float, float]:
    """One column's overdispersion and degrees of freedom."""
    return float(dispersion[0][place]), float(dispersion[1][place])


def _floats(values: Iterable[float]) -> Floats:
    return np.fromiter(values, np.float64)
