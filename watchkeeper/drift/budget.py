"""How the budget of false alarms is spent: each family of tests has a share, each column a part of its family's share.

All tests of a look are put together by the Cauchy combination (Liu & Xie 2020) with these shares as weights: the
weighted mean of tan((½ − p)π) is standard Cauchy when nothing has changed, hardly depending on how the tests depend on
each other. Partial sums of the same terms give every column, and every aspect of it, a p-value that is corrected over
the whole look; a column needs one about as small as if it were tested alone with its part of alpha (Bonferroni's bound
for one strong test, less when several agree).

Shares follow how hard a change is to see, not how likely it is: missing values give tiny p-values as soon as they
matter, so they need little, while a small change of a mix or of the mean prediction needs much. New categories need a
tenth for the few rows of a name that chance alone might have kept from the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from watchkeeper.drift.tails import SMALLEST, Floats

SCALES = (1, 2, 4, 8, 16, 32)
"""Lengths of the merges that are looked at, in increments of time; each has an equal part of the budget."""
_LARGEST_P = 0.99
"""A discrete p-value of exactly 1 would cancel any evidence beside it."""
_LINEAR_BELOW = 1e-12
"""tan((½ − p)π) is 1/(pπ) for smaller p, to the last digit."""


class Family(StrEnum):
    """Tests of one sort, over all columns."""

    LOCATION = "location"
    SPREAD = "spread"
    SHAPE = "shape"
    MIX = "mix"
    LEVEL = "level"
    NEW = "new categories"
    MISSING = "missing"
    RANGE = "out of range"
    FAULTS = "wrong type"
    OUTCOME = "mean prediction"
    TOGETHER = "together"
    CORRELATION = "correlation"


SHARES: Mapping[Family, float] = {
    Family.LOCATION: 0.05,
    Family.SPREAD: 0.03,
    Family.SHAPE: 0.03,
    Family.MIX: 0.02,
    Family.LEVEL: 0.33,
    Family.NEW: 0.10,
    Family.MISSING: 0.02,
    Family.RANGE: 0.01,
    Family.FAULTS: 0.01,
    Family.OUTCOME: 0.18,
    Family.TOGETHER: 0.17,
    Family.CORRELATION: 0.05,
}
"""Of alpha. What a look has no column for is given to the others in proportion."""


def tangent(p: ArrayLike) -> Floats:
    """tan((½ − p)π), a test's term in the combination."""
    p = np.clip(np.asarray(p, np.float64), SMALLEST, _LARGEST_P)
    return np.where(p < _LINEAR_BELOW, 1 / (p * math.pi), np.tan((0.5 - p) * math.pi))


def p_value(total: float) -> float:
    """The p-value of a weighted mean of such terms."""
    if total > 1 / (_LINEAR_BELOW * math.pi):
        return max(1 / (total * math.pi), SMALLEST)
    return 0.5 - math.atan(total) / math.pi
