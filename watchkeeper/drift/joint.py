"""How the columns move together: what single columns cannot show.

*Together*: Hotelling's T² of the columns' mean scores, under the baseline's covariance. A shift that every column alone
bears easily may be unheard of in a direction in which the columns hardly vary. *Correlation*: the largest change of any
pair's correlation, in units of its standard error (from the baseline's fourth moments, for scores are not normal); it
sees what leaves every column as it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import tails
from watchkeeper.drift.aspects import (
    CORRELATION_CHANGE,
    CORRELATION_THRESHOLD,
    MAHALANOBIS,
    TOGETHER_THRESHOLD,
    Aspect,
    Test,
)
from watchkeeper.drift.budget import Family
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersions
from watchkeeper.drift.tails import Floats
from watchkeeper.profile import JointProfile

_LEAST_VARIANCE = 1e-3
"""Of an estimated correlation times its rows: columns that are all but one would otherwise decide."""
_LEAST_EIGENVALUE = 1e-4
"""Directions of less variance than this, of the largest, are rounding of the scores."""
_LEAST_SKEWNESS = 0.01
"""Below it, the law of the χ² for it is the normal one to a tenth, five deviations out."""
_CANDIDATES = 64
"""Pairs, those of the largest z, whose exact tails are worth computing."""
_ROWS_A_COLUMN = 5
"""The baseline's rows for each column below which its covariance is not worth inverting."""


@dataclass(frozen=True)
class Joint:
    """The joint parts of a window and of other rows, over the columns that vary in the baseline.

    Attributes
    ----------
    places, columns : where these columns are among all of the joint part, and how many those are
    n, m : rows of the window and of the others
    moved : difference of the mean scores, of shape (columns kept,)
    covariance : of the scores in the baseline; the matrices are of shape (columns kept, columns kept)
    variance : n times the variance of each estimated correlation
    skewness : of the scores in the baseline, of shape (columns kept,)
    predicted : whether the last column is the prediction
    """

    names: tuple[str, ...]
    places: NDArray[np.intp]
    columns: int
    n: int
    m: int
    moved: Floats
    covariance: Floats
    window_correlation: Floats
    correlation: Floats
    variance: Floats
    skewness: Floats
    predicted: bool

    @classmethod
    def of(
        cls, window: JointProfile, other: JointProfile, law: JointProfile, skewness: Floats, *, predicted: bool
    ) -> Joint | None:
        """Put two joint parts side by side; None where they cannot be compared.

        Parameters
        ----------
        law : the baseline's own, whose covariance and fourth moments say how much is chance
        skewness : of each column's scores in the baseline
        predicted : whether every row has its prediction; else the prediction is left out
        """
        n, m = window.rows, other.rows
        if n < 2 or m < 2 or law.squares is None or law.cubes is None:
            return None
        covariance = _covariance(law)
        kept = np.diag(covariance) > 0
        if law.binning.predicted and not predicted:
            kept[-1] = False
        places = np.flatnonzero(kept)
        if len(places) < 2:
            return None
        square = np.ix_(places, places)
        return cls(
            names=tuple(window.columns[place] for place in places),
            places=places,
            columns=len(kept),
            n=n,
            m=m,
            moved=(window.sums / n - other.sums / m)[places],
            covariance=covariance[square],
            window_correlation=_correlation(_covariance(window)[square]),
            correlation=_correlation(_covariance(other)[square]),
            variance=_variance(law)[square],
            skewness=skewness[places],
            predicted=bool(law.binning.predicted and kept[-1]),
        )

    @property
    def features(self) -> Joint | None:
        """The same without the prediction; None when that leaves no two columns."""
        if not self.predicted:
            return self
        if len(self.names) <= 2:
            return None
        return replace(
            self,
            names=self.names[:-1],
            places=self.places[:-1],
            moved=self.moved[:-1],
            covariance=self.covariance[:-1, :-1],
            window_correlation=self.window_correlation[:-1, :-1],
            correlation=self.correlation[:-1, :-1],
            variance=self.variance[:-1, :-1],
            skewness=self.skewness[:-1],
            predicted=False,
        )

    @property
    def noise(self) -> float:
        """1/n + 1/m."""
        return 1 / self.n + 1 / self.m

    @property
    def usable(self) -> bool:
        """Whether there are enough rows for T²."""
        return self.m > _ROWS_A_COLUMN * len(self.names)

    @cached_property
    def together(self) -> tuple[float, int]:
        """T² and its number of directions."""
        scale = np.sqrt(np.diag(self.covariance))
        values, vectors = np.linalg.eigh(self.correlation)
        held = values > _LEAST_EIGENVALUE * values[-1]
        along = vectors[:, held].T @ (self.moved / scale)
        return float((np.square(along) / values[held]).sum()) / self.noise, int(held.sum())

    @cached_property
    def changes(self) -> Floats:
        """z of each pair's change of correlation; of shape (columns, columns), 0 on the diagonal."""
        z: Floats = (self.window_correlation - self.correlation) / np.sqrt(self.variance * self.noise)
        np.fill_diagonal(z, 0.0)
        return z

    def measures(self) -> Mapping[Family, Floats]:
        """Each family's statistic in the form whose mean is 1 for independent rows: of correlations, each column's."""
        statistic, directions = self.together
        changes = np.full(self.columns, np.nan)
        changes[self.places] = np.square(self.changes).sum(axis=-1) / (len(self.names) - 1)
        return {
            Family.TOGETHER: np.array([statistic / max(directions, 1) if self.usable else np.nan]),
            Family.CORRELATION: changes,
        }

    def aspects(self, weights: Mapping[Family, float], dispersions: Dispersions = INDEPENDENT) -> list[Aspect]:
        """What is tested."""
        found = [self._together(weights[Family.TOGETHER], dispersions)] if self.usable else []
        return [*found, self._correlation(weights[Family.CORRELATION], dispersions)]

    def strongest_pair(self, dispersions: Dispersions = INDEPENDENT) -> tuple[int, int, float]:
        """The pair whose correlation changed most surely, and the p-value of that pair alone.

        The product of two rare events' scores is skewed even over 1,000 rows, and its tail far from normal. It is that
        of Pearson's type III (a shifted χ²) with the third cumulant that independent columns would have.
        """
        first, second = np.triu_indices(len(self.names), 1)
        z = (self.changes / np.sqrt(self._pair_dispersion(dispersions)))[first, second]
        third = np.outer(self.skewness, self.skewness)[first, second] * (self.n**-2 - self.m**-2)
        skewness = third / (self.variance[first, second] * self.noise) ** 1.5
        far = np.argsort(-np.abs(z), kind="stable")[:_CANDIDATES]
        p = _skewed_tails(z[far], skewness[far])
        best = int(np.argmin(p))
        return int(first[far[best]]), int(second[far[best]]), float(p[best])

    def movers(self) -> tuple[int, ...]:
        """Columns by how far their mean score moved, in standard deviations, farthest first."""
        far = np.abs(self.moved) / np.sqrt(np.diag(self.covariance))
        return tuple(np.argsort(-far, kind="stable").tolist())

    def _together(self, weight: float, dispersions: Dispersions) -> Aspect:
        statistic, directions = self.together
        within = float(self.m - directions)
        plain = tails.fisher(statistic * within / (directions * (self.m - 1)), directions, within)
        freedom = np.array([float(directions)])
        p = float(dispersions.chi_squared(Family.TOGETHER, np.array([statistic]), freedom, plain)[0])
        size = math.sqrt(max(0.0, statistic - directions) * self.noise)
        return Aspect(Family.TOGETHER.value, (Test(Family.TOGETHER, p, weight),), size, TOGETHER_THRESHOLD, MAHALANOBIS)

    def _correlation(self, weight: float, dispersions: Dispersions) -> Aspect:
        columns = len(self.names)
        first, second, alone = self.strongest_pair(dispersions)
        p = min(1.0, columns * (columns - 1) / 2 * alone)
        change = float(self.window_correlation[first, second] - self.correlation[first, second])
        bias = float(self.variance[first, second]) * self.noise
        size = math.sqrt(max(0.0, change**2 - bias))
        test = Test(Family.CORRELATION, p, weight)
        return Aspect(Family.CORRELATION.value, (test,), size, CORRELATION_THRESHOLD, CORRELATION_CHANGE)

    def _pair_dispersion(self, dispersions: Dispersions) -> Floats:
        """Overdispersion of each pair: the larger of its two columns'."""
        of_columns = dispersions.mean(Family.CORRELATION, self.columns)[self.places]
        return np.maximum(of_columns[:, None], of_columns[None, :])


def _skewed_tails(z: Floats, skewness: Floats) -> Floats:
    """Two-sided p: twice the tail on z's own side, for a law of this skewness."""
    toward = skewness * np.sign(z)
    plain = tails.normal(np.abs(z))
    heavy = toward > _LEAST_SKEWNESS
    freedom = 8 / np.square(np.where(heavy, toward, 1.0))
    skewed = tails.chi_squared(freedom + np.abs(z) * np.sqrt(2 * freedom), np.where(heavy, freedom, 1.0))
    p: Floats = np.clip(2 * np.where(heavy, skewed, plain), tails.SMALLEST, 1.0)
    return p


def _covariance(profile: JointProfile) -> Floats:
    mean = profile.sums / profile.rows
    covariance: Floats = profile.products / profile.rows - np.outer(mean, mean)
    return covariance


def _correlation(covariance: Floats) -> Floats:
    scale = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    product = np.outer(scale, scale)
    correlation: Floats = np.divide(covariance, product, out=np.zeros_like(covariance), where=product > 0)
    return correlation


def _variance(reference: JointProfile) -> Floats:
    """n times the variance of each estimated correlation, from fourth moments of the standardised scores.

    V = E[x²y²] + r²/4·(E x⁴ + E y⁴ + 2 E x²y²) − r(E x³y + E xy³), the delta method. Scores have mean 0 up to rounding.
    """
    assert reference.squares is not None
    assert reference.cubes is not None
    scale = np.sqrt(np.maximum(np.diag(reference.products) / reference.rows, 1e-12))
    r = _correlation(_covariance(reference))
    both = np.outer(scale, scale)
    squares = reference.squares / reference.rows / np.square(both)
    cubes = reference.cubes / reference.rows / np.outer(scale**3, scale)
    fourth = np.diag(squares)
    variance = squares + np.square(r) / 4 * (fourth[:, None] + fourth[None, :] + 2 * squares) - r * (cubes + cubes.T)
    return np.maximum(variance, _LEAST_VARIANCE)
