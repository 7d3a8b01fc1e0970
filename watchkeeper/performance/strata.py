"""Labels of baseline and window side by side, by strata of what was predicted: P(y | x) seen through the score.

Of rows with the same score, the same share must turn out positive, however many such rows there are now: so strata of
the score take covariate shift out, which comparing overall shares would take for a change. Classifiers are stratified
by the cells of the grid; given how many rows of a cell are positive on both sides together, those of the window are
hypergeometric (Cochran 1954; Mantel & Haenszel 1959), which holds the baseline's own error and needs no calibration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import PREDICTED_VALUE
from watchkeeper.drift import tails
from watchkeeper.drift.evidence import two_sided
from watchkeeper.outcomes import Outcomes, grid
from watchkeeper.outcomes.scored import NO
from watchkeeper.profile.layout import Floats, Integers

MOST_GROUPS = 10
_LEAST_ROWS = 10
"""Of a stratum of predicted values, on both sides."""
_LEAST_VARIANCE = 5.0
"""Of a group's positives: below, its z is not normal enough."""


@dataclass(frozen=True)
class Strata:
    """Groups of neighbouring strata, each with about the same information; all of shape (groups,).

    Attributes
    ----------
    labels : the ranges of scores
    n, m : labelled rows of window and baseline
    surplus, variance : by how much the window's labels, added up, exceed what both sides together let expect; and the
        variance of that when nothing changed
    expected, observed : mean label of the window's rows, by what the baseline taught and as it is
    size : Σ nm/(n + m) over the strata: rows that the comparison has
    unsupported : share of the window's labelled rows in strata without any of the baseline's
    slack : variance that the calibration's own error puts on the difference of two mean residuals
    """

    labels: tuple[str, ...]
    n: Floats
    m: Floats
    surplus: Floats
    variance: Floats
    expected: Floats
    observed: Floats
    size: Floats
    unsupported: float
    slack: float = 0.0

    @property
    def z(self) -> Floats:
        """Surplus of each group in its standard deviations."""
        return np.divide(self.surplus, np.sqrt(self.variance), out=np.zeros_like(self.surplus), where=self.variance > 0)

    @property
    def level(self) -> float:
        """z of all labels together: higher or lower than they were."""
        total = float(self.variance.sum())
        return float(self.surplus.sum()) / math.sqrt(total) if total > 0 else 0.0

    @property
    def form(self) -> tuple[float, int]:
        """χ² of what differs between the groups (Cochran's Q), and its degrees of freedom."""
        return max(float(np.square(self.z).sum()) - self.level**2, 0.0), max(len(self.n) - 1, 0)

    def p_values(self, overdispersion: float) -> tuple[float, float]:
        """Of level and form; dependent rows make both statistics larger by their overdispersion."""
        statistic, freedom = self.form
        level = float(two_sided(np.array([self.level / math.sqrt(overdispersion)]))[0])
        return level, float(tails.chi_squared(statistic / overdispersion, freedom)[0])

    def effects(self) -> tuple[float, float]:
        """Level and form in standard deviations of a label given its prediction, debiased; level is signed."""
        size = max(float(self.size.sum()), 1e-9)
        statistic, freedom = self.form
        level = math.copysign(math.sqrt(max(self.level**2 - 1, 0.0) / size), self.level)
        return level, math.sqrt(max(statistic - freedom, 0.0) / size)


def of_scores(baseline: Outcomes, window: Outcomes) -> Strata:
    """Strata of a classifier's scores, from the grid's cells; rows without a score are one of their own."""
    before, after = (side.scores.histogram[NO:].astype(np.float64) for side in (baseline, window))
    m, n = before.sum(axis=0), after.sum(axis=0)
    both, hits = n + m, before[1] + after[1]
    share = np.divide(hits, both, out=np.zeros_like(both), where=both > 0)
    size = np.divide(n * m, both, out=np.zeros_like(both), where=both > 0)
    surplus = after[1] - n * share
    variance = size * share * (1 - share) * np.divide(both, both - 1, out=np.zeros_like(both), where=both > 1)
    groups = _groups(variance)
    compared = np.where(m > 0, n, 0.0)
    calibration = baseline.binning.calibration
    assert calibration is not None  # every classifier's bins have one

    def by_group(values: Floats) -> Floats:
        return np.bincount(groups, values, int(np.max(groups)) + 1)

    rows = by_group(compared)
    return Strata(
        labels=_labels(groups, both > 0),
        n=rows,
        m=by_group(m),
        surplus=by_group(surplus),
        variance=by_group(variance),
        expected=by_group(compared * calibration.probabilities) / np.maximum(rows, 1.0),
        observed=by_group(np.where(m > 0, after[1], 0.0)) / np.maximum(rows, 1.0),
        size=by_group(size),
        unsupported=1 - float(compared.sum()) / max(float(n.sum()), 1.0),
        slack=_slack(by_group(n), by_group(m), by_group(compared * calibration.probabilities)),
    )


def _slack(n: Floats, m: Floats, expected: Floats) -> float:
    """Variance of what the calibration is wrong by in the window less that in the baseline.

    The curve was learnt from the baseline's rows. Where predictions stay as they are, its error is in both means and
    cancels; where they move, the error of the curve there against the error here remains: Σ shift²·v/m.
    """
    shift = n / max(float(n.sum()), 1.0) - m / max(float(m.sum()), 1.0)
    chance = np.clip(expected / np.maximum(n, 1.0), 1e-6, 1 - 1e-6)
    return float((np.square(shift) * chance * (1 - chance) / np.maximum(m, 1.0)).sum())


def of_values(baseline: Outcomes, window: Outcomes) -> Strata:
    """Strata of a regression's predicted values: the cells that the baseline fixed, each a group of its own.

    A label is taken less its prediction, and the means of both sides are compared (Welch).
    """
    segments = window.binning.segments
    part = segments.parts[list(segments.partitions).index(PREDICTED_VALUE)]
    cells = [side.errors.by_segment() for side in (baseline, window)]
    m, n = (side.labelled[part].astype(np.float64) for side in cells)
    means = [-side.error[part] / np.maximum(side.labelled[part], 1) for side in cells]
    spreads = [
        np.maximum(side.squares[part] / np.maximum(side.labelled[part], 1) - np.square(mean), 0.0)
        for side, mean in zip(cells, means, strict=True)
    ]
    kept = np.flatnonzero((np.minimum(n, m) >= _LEAST_ROWS) & (spreads[0] + spreads[1] > 0))
    m, n, before, after = m[kept], n[kept], means[0][kept], means[1][kept]
    error = np.sqrt((spreads[0][kept] * m + spreads[1][kept] * n) / (n + m))  # of a label given its prediction
    size = n * m / (n + m)
    partition = segments.partitions[PREDICTED_VALUE]
    total = float(cells[1].labelled[part].sum())
    return Strata(
        labels=tuple(partition.label(place) for place in kept.tolist()),
        n=n,
        m=m,
        surplus=size * (after - before) / error,
        variance=np.square(size / error) * (spreads[1][kept] / n + spreads[0][kept] / m),
        expected=before,
        observed=after,
        size=size,
        unsupported=1 - float(n.sum()) / max(total, 1.0),
    )


def of_predictions(baseline: Outcomes, window: Outcomes) -> Strata:
    """Strata of scores or of predicted values, as the model's task is."""
    return of_scores(baseline, window) if window.binning.errors is None else of_values(baseline, window)


def _groups(variance: Floats) -> Integers:
    """Group of each stratum: as many of equal variance as have enough."""
    total = float(variance.sum())
    count = int(np.clip(total // _LEAST_VARIANCE, 1, MOST_GROUPS))
    middle = np.cumsum(variance) - variance / 2
    groups = np.minimum(middle * count / max(total, 1e-300), count - 1).astype(np.int64)
    kept = np.unique(groups[variance > 0])  # strata without information are in no group of their own
    return np.minimum(np.searchsorted(kept, groups), max(len(kept) - 1, 0))


def _labels(groups: Integers, held: NDArray[np.bool_]) -> tuple[str, ...]:
    """The range of scores that each group's rows lie in."""
    edges = np.concatenate([[-math.inf], grid.EDGES, [math.inf]])
    labels = []
    for group in range(int(np.max(groups)) + 1):
        places = np.flatnonzero((groups == group) & held)
        scored = places[places < grid.CELLS]
        if len(scored):
            labels.append(f"{edges[scored[0]]:.3g} to {edges[scored[-1] + 1]:.3g}")
        else:
            labels.append("no score")
    return tuple(labels)
