"""How large a change is, apart from how sure one is of it: with a million rows everything is significant.

The scale is the Jensen-Shannon distance (square root of the divergence, in nats): 0 for equal, 0.83 for disjoint. A
mean moved by d standard deviations is about d/2.8. Estimates are debiased, or small windows would always look changed.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.drift.evidence import Counts, effective_size


def jensen_shannon(window: Counts, reference: Counts) -> float:
    """Debiased distance: √max(0, JS − (L−1)(1/n + 1/m)/8) over the L bins that hold any row.

    The bias is that of independent samples of n and m rows from one distribution, to first order.
    """
    n, m = window.sum(), reference.sum()
    if n == 0 or m == 0:
        return 0.0
    kept = (window + reference) > 0
    bias = (int(kept.sum()) - 1) * (1 / n + 1 / m) / 8
    return math.sqrt(max(0.0, float(contributions(window, reference).sum()) - bias))


def contributions(window: Counts, reference: Counts) -> Counts:
    """Each bin's part of the Jensen-Shannon divergence; never negative."""
    p, q = window / window.sum(), reference / reference.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(p > 0, p * np.log(p / middle), 0.0)
        right = np.where(q > 0, q * np.log(q / middle), 0.0)
    parts: Counts = np.maximum((left + right) / 2, 0.0)
    return parts


def smooth(z: tuple[float, float], n: float, m: float) -> float:
    """The part of the distance that location and spread alone make, to first order: √((z₁² + z₂² − 2)/(8nₑ)).

    Two components have little noise, so that it sees at 1,000 rows what the distance over many bins cannot.
    """
    return math.sqrt(max(0.0, (z[0] ** 2 + z[1] ** 2 - 2) / (8 * effective_size(n, m))))


def single_levels(window: Counts, reference: Counts) -> float:
    """The largest debiased distance that one category against all others makes."""
    n, m = window.sum(), reference.sum()
    if n == 0 or m == 0:
        return 0.0
    inside = contributions(window, reference)
    outside = _binary_rest(window / n, reference / m)
    return math.sqrt(max(0.0, float(np.max(inside + outside)) - (1 / n + 1 / m) / 8))


def _binary_rest(p: Counts, q: Counts) -> Counts:
    """Part of the divergence of (1 − p, 1 − q), for each bin."""
    rest_p, rest_q = np.clip(1 - p, 0, 1), np.clip(1 - q, 0, 1)
    middle = (rest_p + rest_q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.where(rest_p > 0, rest_p * np.log(rest_p / middle), 0.0)
        right = np.where(rest_q > 0, rest_q * np.log(rest_q / middle), 0.0)
    parts: Counts = (left + right) / 2
    return parts
