"""Tests on counts, for many columns at once: each row of an array is a column, each place in it a bin or a category.

All take the reference as a sample of its own, not as the truth: a chi-squared test that takes it as known raises false
alarms on a third or more of healthy columns when both have 1,000 rows. Rows shorter than the longest end in zeros,
which no test sees.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import tails
from watchkeeper.drift.tails import Floats

Counts: TypeAlias = NDArray[np.float64]

SMALLEST_EXPECTED = 5.0
COARSE_BINS = 16
NO_EVIDENCE = 0.2
"""Larger p-values weigh next to nothing in the combination: how much larger they should be is not worked out."""
_NEWTON_STEPS = 12
_SADDLE_REACH = 12.0
"""Beyond so many deviations the plain z serves: no decision is that close."""


class ChiSquared(NamedTuple):
    """A chi-squared statistic for each row, and its degrees of freedom."""

    statistic: Floats
    freedom: Floats


def shares(counts: Counts) -> Floats:
    """Each row over its sum; zeros where a row has none."""
    totals = counts.sum(axis=-1, keepdims=True)
    return np.divide(counts, totals, out=np.zeros_like(counts, dtype=np.float64), where=totals > 0)


def effective_size(n: Floats, m: Floats) -> Floats:
    """nm/(n + m): the size that a difference of two samples' shares has."""
    return np.divide(n * m, n + m, out=np.zeros(np.broadcast(n, m).shape), where=(n + m) > 0)


def normal_scores(reference: Counts) -> tuple[Floats, Floats]:
    """Polynomials of degree 1 and 2 in the bins' mean normal scores, orthonormal under the reference's shares.

    Moved mass shows in the first (location) and the second (spread): Neyman's smooth test with normal scores. The
    second is all zero for fewer than three bins that hold anything.
    """
    share = shares(reference)
    ends = np.cumsum(reference, axis=-1) / np.maximum(reference.sum(axis=-1, keepdims=True), 1)
    edges = tails.normal_quantile(np.concatenate([np.zeros((*ends.shape[:-1], 1)), ends], axis=-1))
    density = np.exp(-0.5 * np.square(edges)) / math.sqrt(2 * math.pi)
    empty = share == 0
    scores = np.divide(-np.diff(density), share, out=np.zeros_like(share), where=~empty)
    scores = np.where(empty, np.clip(edges[..., :-1], -4.0, 4.0), scores)
    first = _unit(scores - _mean(scores, share), share)
    square = np.square(first)
    second = square - _mean(square, share)
    second = second - _mean(second * first, share) * first
    return first, _unit(second, share)


def linear(window: Counts, reference: Counts, scores: Floats) -> Floats:
    """z of the difference in the mean of `scores`, which have mean 0 and variance 1 under the reference.

    Lugannani and Rice's saddle point in Barndorff-Nielsen's form: standard normal far into the tails also where the
    scores are skewed, as those of spread and of small categories are.
    """
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    observed = ((shares(window) - shares(reference)) * scores).sum(axis=-1)
    plain = np.sqrt(effective_size(n, m)) * observed
    usable = (n > 0) & (m > 0) & (np.abs(plain) > 0.05) & (np.abs(plain) < _SADDLE_REACH)
    z = plain.copy()
    if usable.any():
        saddle = _saddle_point(observed[usable], shares(reference)[usable], scores[usable], n[usable], m[usable])
        z[usable] = np.where(np.isfinite(saddle), saddle, plain[usable])
    return z


def two_sided(z: Floats) -> Floats:
    """p-value of a standard normal z."""
    return np.clip(2 * tails.normal(np.abs(z)), tails.SMALLEST, 1.0)


def chi_squared(window: Counts, reference: Counts) -> ChiSquared:
    """Two-sample chi-squared test; bins expecting fewer than 5 in the smaller sample are pooled into one."""
    window, reference = pooled(window, reference)
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    both = window + reference
    share, held = shares(both), both > 0
    difference = np.square(shares(window) - shares(reference))
    terms = np.divide(difference, share, out=np.zeros_like(share), where=held)
    freedom = np.maximum(held.sum(axis=-1) - 1, 0) * ((n > 0) & (m > 0))
    return ChiSquared(effective_size(n, m) * terms.sum(axis=-1), freedom.astype(np.float64))


def shape(window: Counts, reference: Counts) -> ChiSquared:
    """What of the chi-squared over ordered bins is neither location nor spread (Rayner & Best's components).

    Those two have tests of their own, and dependent rows mostly share shifts of location: the rest hardly feels them.
    """
    whole = chi_squared(window, reference)
    window, reference = pooled(window, reference)
    size = effective_size(window.sum(axis=-1), reference.sum(axis=-1))
    difference = shares(window) - shares(reference)
    statistic, freedom = whole.statistic, whole.freedom
    for scores in normal_scores(window + reference):
        statistic = statistic - size * np.square((difference * scores).sum(axis=-1))
        freedom = freedom - (scores != 0).any(axis=-1)
    return ChiSquared(np.maximum(statistic, 0.0), np.maximum(freedom, 0.0))


def pooled(window: Counts, reference: Counts) -> tuple[Counts, Counts]:
    """Both with their small bins, those expecting fewer than 5 in the smaller sample, put together in one more bin."""
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    small = (window + reference) * np.minimum(n, m) / np.maximum(n + m, 1) < SMALLEST_EXPECTED
    return _pool(window, small), _pool(reference, small)


def coarse_groups(reference: Counts, bins: int = COARSE_BINS) -> NDArray[np.intp]:
    """Group of each bin, so that every group holds about an equal share of the reference."""
    total = np.maximum(reference.sum(axis=-1, keepdims=True), 1)
    middle = (np.cumsum(reference, axis=-1) - reference / 2) / total
    return np.minimum((middle * bins).astype(np.intp), bins - 1)


def coarsen(counts: Counts, groups: NDArray[np.intp], bins: int = COARSE_BINS) -> Counts:
    """The counts of each group."""
    rows = len(counts)
    flat = (np.arange(rows)[:, None] * bins + groups).ravel()
    return np.bincount(flat, counts.ravel(), rows * bins).reshape(rows, bins)


def largest_level(window: Counts, reference: Counts, factor: Floats, freedom: Floats) -> Floats:
    """p-value of the single category that changed most, corrected over all: Fisher's exact test, mid-p.

    A level gets a part of alpha in proportion to its variance q(1 − q): chance moves more rows in a frequent level, so
    that it needs the smaller threshold to be found as surely as a rare one.

    Parameters
    ----------
    factor, freedom : of each level, see `share_test`
    """
    n, m = window.sum(axis=-1), reference.sum(axis=-1)
    z, variance = level_changes(window, reference)
    weights = shares(variance)
    promise = np.where(weights > 0, np.square(z) / factor + 2 * np.log(np.maximum(weights, 1e-12)), -np.inf)
    p = np.ones(len(window))
    for row, places in enumerate(np.argsort(promise)[:, -3:]):
        for place in places:
            if weights[row, place] > 0:
                counts = window[row, place], n[row], reference[row, place], m[row]
                exact = share_test(*counts, factor[row, place], freedom[row, place])
                p[row] = min(p[row], exact / weights[row, place])
    return p


def level_changes(window: Counts, reference: Counts) -> tuple[Floats, Floats]:
    """z of each category's share, and the variance q(1 − q) of a row in it."""
    n, m = window.sum(axis=-1, keepdims=True), reference.sum(axis=-1, keepdims=True)
    q = (window + reference) / np.maximum(n + m, 1)
    variance = np.maximum(q * (1 - q), 0.0)
    difference = np.sqrt(effective_size(n, m)) * (shares(window) - shares(reference))
    return np.divide(difference, np.sqrt(variance), out=np.zeros_like(q), where=variance > 0), variance


def share_test(hits: float, n: float, before: float, m: float, factor: float = 1.0, freedom: float = math.inf) -> float:
    """Two-sided p of a share in two samples (Fisher, mid-p).

    Parameters
    ----------
    factor, freedom : how many dependent rows count as one, and with how many degrees of freedom that is known
    """
    if factor > 1.0:
        hits, before = round(hits / factor), round(before / factor)
        n, m = max(round(n / factor), hits), max(round(m / factor), before)
    p = tails.fisher_exact(int(hits), int(n), int(before), int(m))
    if math.isinf(freedom) or p > NO_EVIDENCE:
        return p
    return min(1.0, 2 * float(tails.inflated(p / 2, freedom)[0]))


def unseen_test(unseen: float, n: float, once: float, twice: float, sampled: float) -> float:
    """p-value for `unseen` rows of categories that the reference never held, among `n`.

    A long-tailed category always brings new names. Good and Turing estimate how many from the categories that `sampled`
    reference rows held once and twice; the count is negative binomial with mean n(N₁+1)/m and size (N₁+1)²/(N₁+1+2N₂).
    """
    if unseen <= 0 or sampled <= 0:
        return 1.0
    mean = n * (once + 1) / sampled
    size = (once + 1) ** 2 / (once + 1 + 2 * twice)
    return float(tails.negative_binomial(unseen, mean, size)[0])


def _saddle_point(observed: Floats, share: Floats, scores: Floats, n: Floats, m: Floats) -> Floats:
    """Signed root r* of the difference of two means of `scores`, each row drawn from `share`."""
    t = observed * n * m / (n + m)
    for _ in range(_NEWTON_STEPS):
        slope, curvature = _cumulants(t, share, scores, n, m)[1:]
        t = t + np.clip((observed - slope) / curvature, -1 - np.abs(t), 1 + np.abs(t))
    value, slope, curvature = _cumulants(t, share, scores, n, m)
    settled = np.abs(slope - observed) < 1e-9 + 1e-6 * np.abs(observed)
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sign(t) * np.sqrt(2 * (t * observed - value))
        other = t * np.sqrt(curvature)
        better = root + np.log(other / root) / root
    return np.where(settled, better, np.nan)


def _cumulants(t: Floats, share: Floats, scores: Floats, n: Floats, m: Floats) -> tuple[Floats, Floats, Floats]:
    """Cumulant generating function at t of the difference of two means, with its first two derivatives."""
    totals = np.zeros((3, len(t)))
    for size, sign in ((n, 1.0), (m, -1.0)):
        exponents = np.clip((sign * t / size)[:, None] * scores, -600, 600)
        weights = share * np.exp(exponents)
        mass = weights.sum(axis=-1)
        mean = (weights * scores).sum(axis=-1) / mass
        square = (weights * np.square(scores)).sum(axis=-1) / mass
        totals += size * np.log(mass), sign * mean, np.maximum(square - mean**2, 1e-12) / size
    return totals[0], totals[1], totals[2]


def _mean(values: Floats, share: Floats) -> Floats:
    return (values * share).sum(axis=-1, keepdims=True)


def _unit(values: Floats, share: Floats) -> Floats:
    norm = np.sqrt(_mean(np.square(values), share))
    return np.divide(values, norm, out=np.zeros_like(values), where=norm > 1e-9)


def _pool(counts: Counts, small: NDArray[np.bool_]) -> Counts:
    """The bins that are not small, and one more with all that are."""
    return np.concatenate(
        [np.where(small, 0.0, counts), np.where(small, counts, 0.0).sum(axis=-1, keepdims=True)], axis=-1
    )
