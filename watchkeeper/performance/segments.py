"""The worst segments: cells of features in which predictions are worse, found among all of them at once.

Every cell with enough labelled rows is tested, one-sided, for a larger mean loss: against the rest of the same window
(weak segments), or against itself in the baseline (fallen segments). P-values are corrected by Holm's method over all
cells tested: it holds whatever the cells have to do with each other, and cells of correlated features have much. Those
that remain are ranked by harm, share of the rows × excess loss: where mending would gain most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from watchkeeper.drift import tails
from watchkeeper.drift.evidence import share_test
from watchkeeper.outcomes import Outcomes
from watchkeeper.outcomes.segments import Segment
from watchkeeper.performance.findings import SegmentFinding
from watchkeeper.performance.settings import CompareSettings
from watchkeeper.profile.layout import Floats

_SURE = 1e9
"""Standard deviations of a difference between losses that never vary."""
_EXACT_BEYOND = 1.5
"""Standard deviations from which on a share is tested exactly: below, no correction leaves a finding."""


@dataclass(frozen=True)
class Losses:
    """Loss of the labelled rows of some cells; all of shape (cells,).

    Attributes
    ----------
    n, total, squares : rows, and the sums of their losses and of the squares of these
    are_errors : losses are 1 for a wrong decision and 0 for a right one
    """

    n: Floats
    total: Floats
    squares: Floats
    are_errors: bool

    @classmethod
    def of(cls, outcomes: Outcomes) -> Losses:
        """Wrong decisions of a classifier, absolute errors of a regression."""
        if outcomes.binning.errors is not None:
            numbers = outcomes.errors.by_segment()
            return cls(numbers.labelled.astype(np.float64), numbers.absolute, numbers.squares, are_errors=False)
        cells = outcomes.scores.by_segment()
        errors = cells.errors.astype(np.float64)
        return cls(cells.labelled.astype(np.float64), errors, errors, are_errors=True)

    @cached_property
    def mean(self) -> Floats:
        """Mean loss; 0 without rows."""
        return self.total / np.maximum(self.n, 1.0)

    @cached_property
    def variance(self) -> Floats:
        """Variance of a row's loss."""
        second = self.squares / np.maximum(self.n, 1.0)
        return np.maximum(second - np.square(self.mean), 0.0)

    def rest(self, parts: tuple[slice, ...]) -> Losses:
        """All rows but those of each cell, feature by feature."""
        n, total, squares = (_of_feature(values, parts) - values for values in (self.n, self.total, self.squares))
        return Losses(n, total, squares, self.are_errors)


@dataclass(frozen=True)
class Contrast:
    """Losses of cells beside those that they are compared with; `against` says what these are of."""

    losses: Losses
    reference: Losses
    against: str

    def tested(self, settings: CompareSettings) -> list[int]:
        """Places of the cells with enough labelled rows on both sides."""
        enough = np.minimum(self.losses.n, self.reference.n) >= max(settings.minimum_segment, 2)
        places: list[int] = np.flatnonzero(enough).tolist()
        return places

    def p_value(self, place: int, overdispersion: float) -> float:
        """One-sided p of a larger mean loss: exact for errors (Fisher, mid-p), Welch's for others."""
        losses, reference = self.losses, self.reference
        n, m = float(losses.n[place]), float(reference.n[place])
        excess = float(losses.mean[place] - reference.mean[place])
        if excess <= 0:
            return 1.0
        spread = float(losses.variance[place]) / n + float(reference.variance[place]) / m
        z = excess / math.sqrt(spread * overdispersion) if spread > 0 else _SURE
        if losses.are_errors and z > _EXACT_BEYOND:
            return share_test(float(losses.total[place]), n, float(reference.total[place]), m, overdispersion) / 2
        return float(tails.student(z, max(min(n, m) / overdispersion - 1, 1.0))[0])

    def finding(
        self, place: int, name: Segment, share: float, p: float, corrected: float, settings: CompareSettings
    ) -> SegmentFinding:
        """What is known of one cell; `share` is its share of the labelled rows."""
        loss, before, n = float(self.losses.mean[place]), float(self.reference.mean[place]), int(self.losses.n[place])
        floor = settings.segment_floor * math.sqrt(float(self.reference.variance[place]))
        words = f"{loss:.1%} wrong, {before:.1%}" if self.losses.are_errors else f"off by {loss:.3g}, {before:.3g}"
        return SegmentFinding(
            feature=name.feature,
            cell=name.cell,
            n=n,
            share=share,
            loss=loss,
            reference=before,
            harm=share * (loss - before),
            p_value=p,
            corrected_p=corrected,
            worse=corrected < settings.alpha and loss - before > floor,
            summary=f"{name.feature} {name.cell} (n = {n:,}): {words} {self.against}",
        )


def weakest(outcomes: Outcomes, settings: CompareSettings) -> tuple[SegmentFinding, ...]:
    """Cells that are worse than the rest of the same rows, the most harmful first."""
    losses = Losses.of(outcomes)
    rest = losses.rest(outcomes.binning.segments.parts)
    return _worse(outcomes, Contrast(losses, rest, "in the rest of the window"), settings)


def fallen(baseline: Outcomes, window: Outcomes, settings: CompareSettings, share: float) -> tuple[SegmentFinding, ...]:
    """Cells that are worse than they are in the baseline, the most harmful first; `share` is their part of alpha."""
    return _worse(window, _with_baseline(baseline, window), settings, share)


def count_tested(baseline: Outcomes, window: Outcomes, settings: CompareSettings) -> int:
    """How many cells are compared with the baseline."""
    return len(_with_baseline(baseline, window).tested(settings))


def holm(p: Floats) -> Floats:
    """Holm's corrected p-values (1979)."""
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def _with_baseline(baseline: Outcomes, window: Outcomes) -> Contrast:
    return Contrast(Losses.of(window), Losses.of(baseline), "in the baseline")


def _worse(
    window: Outcomes, contrast: Contrast, settings: CompareSettings, share: float = 1.0
) -> tuple[SegmentFinding, ...]:
    places = contrast.tested(settings)
    p = np.array([contrast.p_value(place, settings.overdispersion) for place in places])
    corrected = np.minimum(holm(p) / share, 1.0)
    names = list(window.binning.segments.names())
    shares = contrast.losses.n / np.maximum(_of_feature(contrast.losses.n, window.binning.segments.parts), 1.0)
    found = [
        contrast.finding(place, names[place], float(shares[place]), own, sure, settings)
        for place, own, sure in zip(places, p.tolist(), corrected.tolist(), strict=True)
    ]
    worse = sorted((each for each in found if each.worse), key=lambda each: (-each.harm, each.feature, each.cell))
    return tuple(worse[: settings.most_segments])


def _of_feature(values: Floats, parts: tuple[slice, ...]) -> Floats:
    """For each cell, the sum over all cells of its feature."""
    totals = np.zeros_like(values)
    for part in parts:
        totals[part] = values[part].sum()
    return totals
