"""Tests on counts: each gives a p-value for "window and reference come from one distribution".

All take the reference as a sample of its own, not as the truth: a chi-squared test that takes it as known raises false
alarms on a third or more of healthy columns when both have 1,000 rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

Counts = NDArray[np.float64]

SMALLEST_EXPECTED = 5.0
COARSE_BINS = 16
_P_CLIP = 0.99
"""A discrete p-value of exactly 1 would, in a Cauchy combination, cancel any evidence beside it."""


def cauchy(p_values: Sequence[float]) -> float:
    """One p-value out of several dependent ones (Liu & Xie 2020): mean of tan((½ − p)π), which is standard Cauchy.

    The result is hardly above the smallest, times how many there are, whatever the dependence.
    """
    if not p_values:
        return 1.0
    p = np.clip(np.asarray(p_values, dtype=np.float64), 1e-300, _P_CLIP)
    tangents = np.where(p < 1e-15, 1 / (p * math.pi), np.tan((0.5 - p) * math.pi))
    mean = float(np.mean(tangents))
    return 1 / (mean * math.pi) if mean > 1e15 else max(0.5 - math.atan(mean) / math.pi, 1e-300)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected over all of them (Holm 1979): controls the chance of any false alarm, under any dependence."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [1.0] * len(p_values)
    running = 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, p_values[place] * (len(p_values) - rank)))
        corrected[place] = running
    return corrected


def normal_scores(reference: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Polynomials of degree 1 and 2 in the bins' mean normal scores, orthonormal under the reference's shares.

    Moved mass shows in the first (location) and the second (spread). The second is all zero for fewer than three bins.
    """
    shares = reference / reference.sum()
    edges = special.ndtri(np.clip(np.concatenate([[0.0], np.cumsum(shares)]), 0.0, 1.0))
    density = np.exp(-0.5 * np.square(edges)) / math.sqrt(2 * math.pi)
    scores = np.divide(-np.diff(density), shares, out=np.zeros_like(shares), where=shares > 0)
    empty = shares == 0
    scores[empty] = np.clip(edges[:-1][empty], -4.0, 4.0)
    first = _unit(scores - shares @ scores, shares)
    square = np.square(first)
    second = square - shares @ square
    second = second - (shares @ (second * first)) * first
    return first, _unit(second, shares)


def _unit(values: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = math.sqrt(float(shares @ np.square(values)))
    return values / norm if norm > 1e-9 else np.zeros_like(values)


def components(window: Counts, reference: Counts) -> tuple[float, float]:
    """z of location and of spread: standard normal each when nothing has changed."""
    size = effective_size(window.sum(), reference.sum())
    difference = window / window.sum() - reference / reference.sum()
    first, second = normal_scores(reference)
    return math.sqrt(size) * float(first @ difference), math.sqrt(size) * float(second @ difference)


def two_sided(z: float) -> float:
    """p-value of a standard normal z."""
    return 2 * float(special.ndtr(-abs(z)))


def chi_squared(window: Counts, reference: Counts) -> float:
    """Two-sample chi-squared test; bins expecting fewer than 5 in the smaller sample are pooled into one."""
    n, m = window.sum(), reference.sum()
    expected = (window + reference) * min(n, m) / (n + m)
    small = expected < SMALLEST_EXPECTED
    if small.any():
        window = np.append(window[~small], window[small].sum())
        reference = np.append(reference[~small], reference[small].sum())
    pooled = (window + reference) / (n + m)
    kept = pooled > 0
    if kept.sum() < 2:
        return 1.0
    difference = window[kept] / n - reference[kept] / m
    statistic = effective_size(n, m) * float((np.square(difference) / pooled[kept]).sum())
    return float(special.chdtrc(int(kept.sum()) - 1, statistic))


def coarsen(window: Counts, reference: Counts, bins: int = COARSE_BINS) -> tuple[Counts, Counts]:
    """Neighbouring bins put together until each holds about an equal share of the reference."""
    if len(reference) <= bins:
        return window, reference
    middle = (np.cumsum(reference) - reference / 2) / reference.sum()
    group = np.minimum((middle * bins).astype(int), bins - 1)
    return np.bincount(group, window, bins), np.bincount(group, reference, bins)


def effective_size(n: float, m: float) -> float:
    """nm/(n+m): the size that a difference of two samples' shares has."""
    return float(n) * float(m) / (float(n) + float(m))


def share_test(hits: int, n: int, reference_hits: int, m: int) -> float:
    """Two-sided p-value for one share in two samples: Fisher's exact test, mid-p, twice the smaller tail.

    Exact: `hits` is hypergeometric given all hits together, whatever the true share.
    """
    total = hits + reference_hits
    if n == 0 or m == 0 or total == 0 or total == n + m:
        return 1.0
    lowest, highest = max(0, total - m), min(n, total)
    mean = n * total / (n + m)
    spread = math.sqrt(max(mean * m * (n + m - total) / (n + m) / max(n + m - 1, 1), 1.0))
    reach = math.ceil(40 * spread) + 50  # the tail beyond is below 1e-300
    low, high = max(lowest, math.floor(mean) - reach), min(highest, math.ceil(mean) + reach)
    if not low <= hits <= high:
        return 1e-300
    support = np.arange(low, high + 1, dtype=np.float64)
    logs = _log_choose(float(total), support) + _log_choose(float(n + m - total), n - support)
    weights = np.asarray(np.exp(logs - float(np.max(logs))), dtype=np.float64)
    weights /= float(weights.sum())
    place = hits - low
    tail = min(float(weights[:place].sum()), float(weights[place + 1 :].sum())) + float(weights[place]) / 2
    return min(1.0, max(2 * tail, 1e-300))


def _log_choose(n: float, k: Counts) -> Counts:
    chosen, left = np.asarray(special.gammaln(k + 1)), np.asarray(special.gammaln(n - k + 1))
    return float(special.gammaln(n + 1)) - chosen - left


def exceedance_test(beyond: int, n: int, m: int) -> float:
    """p-value for `beyond` of n values past the extreme of m reference values.

    Of exchangeable values the `beyond` most extreme all come from the window with chance C(n, k)/C(n+m, k).
    """
    if beyond == 0:
        return 1.0
    k = float(beyond)
    log_p = (
        special.gammaln(n + 1)
        - special.gammaln(n - k + 1)
        - special.gammaln(n + m + 1)
        + special.gammaln(n + m - k + 1)
    )
    return max(math.exp(float(log_p)), 1e-300)


def unseen_test(unseen: int, n: int, once: int, twice: int, sampled: int) -> float:
    """p-value for `unseen` rows of categories that the reference never held, among `n`.

    A long-tailed category always brings new names. Good and Turing estimate how many from the categories that `sampled`
    reference rows held once and twice; the count is negative binomial with mean n(N₁+1)/m and size (N₁+1)²/(N₁+1+2N₂).
    """
    if unseen == 0 or sampled == 0:
        return 1.0
    mean = n * (once + 1) / sampled
    size = (once + 1) ** 2 / (once + 1 + 2 * twice)
    return float(max(special.betainc(unseen, size, mean / (mean + size)), 1e-300))
