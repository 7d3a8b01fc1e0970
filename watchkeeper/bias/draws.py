"""Random draws of counts, and where a metric's draws lie: intervals from counts alone.

What the counts tell of the shares behind them is drawn from their Dirichlet posterior: a gamma draw for each cell, not
scaled, for every metric is a ratio. Its prior is half a row in each cell of a group's confusion matrix (Jeffreys), so
that the shares of labels and of predictions get a row of each outcome, as Agresti & Caffo (2000) add to the difference
of two shares. A share of 0 in 500 rows then has an interval as well. All metrics of a facet come from the same draws,
so how they depend on each other is known, and correcting for many costs no more than it must.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias.positive import NEGATIVE_OUTCOME as NEGATIVE
from watchkeeper.bias.sides import Floats
from watchkeeper.drift.tails import normal, normal_quantile

PRIOR = 0.5
_WELL_KNOWN = 0.05
_ONE_DEVIATION = 0.8413447460685429
"""P(Z ≤ 1) for a standard normal Z."""


def draw(cells: NDArray[np.int64], draws: int, dispersion: float, random: np.random.Generator) -> Floats:
    """Draws of a facet's counts, float64 of shape (groups, strata, 3, 3, draws)."""
    weights = cells / dispersion
    weights[:, :, NEGATIVE:, NEGATIVE:] += PRIOR / cells.shape[1]
    held = weights > 0
    drawn = np.zeros((*cells.shape, draws))
    drawn[held] = random.standard_gamma(weights[held][:, None], (int(held.sum()), draws))
    return drawn


@dataclass(frozen=True)
class Spread:
    """Where the draws of one metric lie, on its scale.

    Attributes
    ----------
    low, high : ends of the interval that holds the metric with the confidence asked for
    middle : the median
    down, up : how far one standard deviation reaches below and above it
    """

    low: float
    high: float
    middle: float
    down: float
    up: float

    @classmethod
    def of(cls, values: Floats, confidence: float) -> Spread:
        """Of any number of draws; infinite ones are the outermost."""
        ranked = np.sort(values)
        tail = (1 - confidence) / 2
        shares = (tail, 1 - tail, 0.5, 1 - _ONE_DEVIATION, _ONE_DEVIATION)
        low, high, middle, lower, upper = (float(ranked[round(share * (len(ranked) - 1))]) for share in shares)
        return cls(low, high, middle, _apart(middle, lower), _apart(upper, middle))

    def standardised(self, values: Floats) -> Floats:
        """How many deviations draws are from their median, never negative; nothing where they do not vary."""
        with np.errstate(divide="ignore", invalid="ignore"):
            away = np.where(values < self.middle, (self.middle - values) / self.down, (values - self.middle) / self.up)
        return np.nan_to_num(away, nan=0.0, posinf=np.inf)

    def within(self, reach: float) -> tuple[float, float]:
        """The interval that reaches so many deviations to either side."""
        return self.middle - reach * self.down, self.middle + reach * self.up


def reach(extremes: Floats, alpha: float) -> float:
    """How many deviations all intervals must reach for all of them to hold at once, but for a chance of alpha.

    Draws tell the chance of `_WELL_KNOWN` well. For a smaller one, they tell of how many independent normal tests that
    reach would be (fewer than there are metrics, for many say alike), and the normal law tells the rest.

    Parameters
    ----------
    extremes : in each draw, the deviations of the metric that is furthest out
    """
    known = float(np.quantile(extremes, 1 - max(alpha, _WELL_KNOWN), method="higher"))
    if alpha >= _WELL_KNOWN or math.isinf(known):
        return known
    tests = _WELL_KNOWN / (2 * float(normal(known)))
    return -float(normal_quantile(alpha / (2 * tests)))


def _apart(upper: float, lower: float) -> float:
    return 0.0 if upper == lower else upper - lower
