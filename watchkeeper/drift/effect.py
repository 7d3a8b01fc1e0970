"""How large a change is, apart from how sure one is of it: with a million rows everything is significant.

The scale is the Jensen-Shannon distance (square root of the divergence, in nats): 0 for equal, 0.83 for disjoint. A
mean moved by d standard deviations is about d/2.8. Estimates are debiased, or small windows would always look changed.
As in `evidence`, each row of an array is a column.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.drift.evidence import Counts, effective_size, shares
from watchkeeper.drift.tails import Floats


def jensen_shannon(window: Counts, reference: Counts) -> Floats:
    """Debiased distance: √max(0, JS − (L−1)(1/n + 1/m)/8) over the L bins that hold any row.

    The bias is that of independent samples of n and m rows from one distribution, to first order.
    """
    held = ((window + reference) > 0).sum(axis=-1)
    divergence = contributions(window, reference).sum(axis=-1)
    return _root(divergence - np.maximum(held - 1, 0) * _noise(window, reference) / 8, window, reference)


def contributions(window: Counts, reference: Counts) -> Floats:
    """Each bin's part of the Jensen-Shannon divergence; never negative."""
    return _divergence(shares(window), shares(reference))


def smooth(location: Floats, spread: Floats, window: Counts, reference: Counts) -> Floats:
    """The part of the distance that location and spread alone make, to first order: √((z₁² + z₂² − 2)/(8nₑ)).

    Two components have little noise, so that it sees at 1,000 rows what the distance over many bins cannot.
    """
    size = effective_size(window.sum(axis=-1), reference.sum(axis=-1))
    return _root((np.square(location) + np.square(spread) - 2) / (8 * np.maximum(size, 1e-9)), window, reference)


def single_levels(window: Counts, reference: Counts) -> Floats:
    """The largest debiased distance that one category against all others makes."""
    p, q = shares(window), shares(reference)
    largest = (_divergence(p, q) + _divergence(1 - p, 1 - q)).max(axis=-1)
    return _root(largest - _noise(window, reference) / 8, window, reference)


def _divergence(p: Floats, q: Floats) -> Floats:
    middle = (p + q) / 2
    total = np.zeros(np.broadcast(p, q).shape)
    for side in (p, q):
        ratio = np.divide(side, middle, out=np.ones_like(middle), where=side > 0)
        total += side * np.log(ratio)
    return np.maximum(total / 2, 0.0)


def _noise(window: Counts, reference: Counts) -> Floats:
    """1/n + 1/m."""
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    return 1 / np.maximum(n, 1e-9) + 1 / np.maximum(m, 1e-9)


def _root(square: Floats, window: Counts, reference: Counts) -> Floats:
    """Square root of what is left of a debiased square; 0 where a side has no rows."""
    both = (window.sum(axis=-1) > 0) & (reference.sum(axis=-1) > 0)
    return np.sqrt(np.where(both, np.maximum(square, 0.0), 0.0))
