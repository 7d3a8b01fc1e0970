"""Tail probabilities in numpy and the standard library: importing scipy would cost more than comparing does.

Every function takes arrays and works elementwise. Relative errors stay below 1e-10 down to 1e-300, for counts from one
row to a billion: each density is written as Loader's saddle point (2000) and never as a difference of large logarithms.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

SMALLEST = 1e-300
"""No p-value is below this: it is kept apart from zero, and its logarithm stays finite."""

_PRECISION = 1e-15
_MOST_TERMS = 100_000
_TINY = 1e-300
_erfc = np.vectorize(math.erfc, otypes=[np.float64])
_lgamma = np.vectorize(math.lgamma, otypes=[np.float64])
_quantile = np.vectorize(NormalDist().inv_cdf, otypes=[np.float64])


def normal(z: ArrayLike) -> Floats:
    """P(Z > z) for a standard normal Z."""
    return _floored(_erfc(np.asarray(z, np.float64) / math.sqrt(2)) / 2)


def normal_quantile(p: ArrayLike) -> Floats:
    """The z with P(Z ≤ z) = p (Wichura's AS 241); infinite at 0 and 1."""
    p = np.asarray(p, np.float64)
    inside = (p > 0) & (p < 1)
    z = np.where(p <= 0, -np.inf, np.inf)
    if inside.any():
        z[inside] = _quantile(p[inside])
    return z


def chi_squared(x: ArrayLike, freedom: ArrayLike) -> Floats:
    """P(X > x) for a chi-squared X; 1 where there is no freedom."""
    x, a = _together(np.asarray(x, np.float64) / 2, np.asarray(freedom, np.float64) / 2)
    tail = np.ones(x.shape)
    low = (a > 0) & (x > 0) & (x < a + 1)
    high = (a > 0) & (x >= a + 1)
    if low.any():
        tail[low] = 1 - _gamma_series(a[low], x[low])
    if high.any():
        tail[high] = _gamma_fraction(a[high], x[high])
    return _floored(tail)


def student(t: ArrayLike, freedom: ArrayLike) -> Floats:
    """P(T > t) for Student's T; infinite freedom is the normal law."""
    t, freedom = _together(t, freedom)
    tail = normal(t)
    finite = np.isfinite(freedom)
    if finite.any():
        square, nu = np.square(t[finite]), freedom[finite]
        outer = beta(nu / (nu + square), square / (nu + square), nu / 2, np.full(nu.shape, 0.5)) / 2
        tail[finite] = np.where(t[finite] >= 0, outer, 1 - outer)
    return _floored(tail)


def inflated(p: ArrayLike, freedom: ArrayLike) -> Floats:
    """The p-value of a normal law when its variance was estimated with so many degrees of freedom: Student's."""
    p, freedom = _together(p, freedom)
    return np.where(np.isinf(freedom), p, student(-normal_quantile(np.clip(p, SMALLEST, 1 - 1e-16)), freedom))


def fisher(f: ArrayLike, between: ArrayLike, within: ArrayLike) -> Floats:
    """P(F > f) for Fisher's F; infinite freedom within is the chi-squared law."""
    f, between, within = _together(f, between, within)
    tail = chi_squared(f * between, between)
    finite = np.isfinite(within) & (between > 0)
    if finite.any():
        b, w, scaled = between[finite], within[finite], f[finite] * between[finite]
        tail[finite] = beta(w / (w + scaled), scaled / (w + scaled), w / 2, b / 2)
    return _floored(tail)


def negative_binomial(least: ArrayLike, mean: ArrayLike, size: ArrayLike) -> Floats:
    """P(X ≥ least) for a negative binomial X with this mean and variance mean + mean²/size."""
    least, mean, size = _together(least, mean, size)
    tail = np.ones(least.shape)
    some = least > 0
    if some.any():
        k, mu, r = least[some], mean[some], size[some]
        tail[some] = beta(mu / (mu + r), r / (mu + r), k, r)
    return _floored(tail)


def beta(x: ArrayLike, complement: ArrayLike, a: ArrayLike, b: ArrayLike) -> Floats:
    """P(B ≤ x) for a beta B, the regularised incomplete beta function; `complement` is 1 − x, given for precision."""
    x, y, a, b = _together(x, complement, a, b)
    mirrored = x > (a + 1) / (a + b + 2)
    x, y, a, b = np.where(mirrored, y, x), np.where(mirrored, x, y), np.where(mirrored, b, a), np.where(mirrored, a, b)
    value = np.zeros(x.shape)
    some = x > 0
    if some.any():
        value[some] = _beta_fraction(x[some], y[some], a[some], b[some])
    return np.where(mirrored, 1 - value, value)


def fisher_exact(hits: int, n: int, before: int, m: int) -> float:
    """Two-sided p of one share in two samples: mid-p, twice the smaller tail.

    Given all hits together, those of the first sample are hypergeometric whatever the true share. The terms of the
    tail are summed outwards from `hits`, each from the one before.
    """
    total = hits + before
    if n <= 0 or m <= 0 or total <= 0 or total >= n + m:
        return 1.0
    mean = total * n / (n + m)
    spread = math.sqrt(mean * (m / (n + m)) * ((n + m - total) / max(n + m - 1, 1)))
    share = total / (n + m)
    log_first = _log_binomial(hits, n, share) + _log_binomial(before, m, share) - _log_binomial(total, n + m, share)
    reach = math.ceil(9 * spread) + 40
    if hits >= mean:
        k = np.arange(hits, min(hits + reach, min(n, total)), dtype=np.float64)
        ratios = (total - k) / (k + 1) * (n - k) / (m - total + k + 1)
    else:
        k = np.arange(hits, max(hits - reach, max(0, total - m)), -1, dtype=np.float64)
        ratios = k / (total - k + 1) * (m - total + k) / (n - k + 1)
    log_tail = log_first + math.log(0.5 + float(np.cumprod(ratios).sum()))
    return min(1.0, max(2 * math.exp(max(log_tail, -800.0)), SMALLEST))


def all_from_first(k: int, n: int, m: int) -> float:
    """Chance that the k most extreme of n + m exchangeable values are all among the first n: C(n, k)/C(n + m, k)."""
    if k <= 0:
        return 1.0
    if k > n or m <= 0:
        return SMALLEST if m > 0 else 1.0
    share = k / (n + m)
    logs = _log_binomial(k, n, share) + _log_binomial(0, m, share) - _log_binomial(k, n + m, share)
    return max(math.exp(max(logs, -800.0)), SMALLEST)


def _gamma_series(a: Floats, x: Floats) -> Floats:
    """Regularised lower incomplete gamma by its power series, for x < a + 1."""
    term = np.ones(x.shape)
    total = term.copy()
    for step in range(1, _MOST_TERMS):
        term = term * x / (a + step)
        total += term
        if (term <= total * _PRECISION).all():
            break
    lower: Floats = total * np.exp(_log_poisson(a, x))
    return lower


def _gamma_fraction(a: Floats, x: Floats) -> Floats:
    """Regularised upper incomplete gamma by its continued fraction (Lentz's method), for x ≥ a + 1."""
    b = x + 1 - a
    c = np.full(x.shape, 1 / _TINY)
    d = 1 / b
    value = d.copy()
    for step in range(1, _MOST_TERMS):
        numerator = -step * (step - a)
        b = b + 2
        d = 1 / _nonzero(numerator * d + b)
        c = _nonzero(b + numerator / c)
        value *= c * d
        if (np.abs(c * d - 1) <= _PRECISION).all():
            break
    upper: Floats = value * a * np.exp(_log_poisson(a, x))
    return upper


def _beta_fraction(x: Floats, y: Floats, a: Floats, b: Floats) -> Floats:
    """Regularised incomplete beta by its continued fraction, for x below about its mean."""
    c = np.ones(x.shape)
    d = 1 / _nonzero(1 - (a + b) * x / (a + 1))
    value = d.copy()
    for step in range(1, _MOST_TERMS):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for numerator in (even, odd):
            d = 1 / _nonzero(1 + numerator * d)
            c = _nonzero(1 + numerator / c)
            value *= c * d
        if (np.abs(c * d - 1) <= _PRECISION).all():
            break
    n = a + b
    logs = _stirling(n) - _stirling(a) - _stirling(b) - _deviance(a, n * x) - _deviance(b, n * y)
    whole: Floats = np.exp(logs) * np.sqrt(a * b / (2 * math.pi * n)) / a * value
    return whole


def _log_binomial(k: float, n: float, share: float) -> float:
    """Log probability of k hits in n at this share."""
    if k == 0:
        return n * math.log1p(-share)
    if k == n:
        return n * math.log(share)
    parts = _stirling(np.array([n, k, n - k], np.float64))
    away = _deviance(np.array([k, n - k], np.float64), np.array([n * share, n * (1 - share)]))
    return float(parts[0] - parts[1] - parts[2] - away.sum()) + 0.5 * math.log(n / (2 * math.pi * k * (n - k)))


def _log_poisson(k: Floats, mean: Floats) -> Floats:
    """Log of mean^k e^(−mean)/Γ(k + 1)."""
    logs: Floats = -_stirling(k) - _deviance(k, mean) - 0.5 * np.log(2 * math.pi * k)
    return logs


def _stirling(n: Floats) -> Floats:
    """log Γ(n + 1) less Stirling's (n + ½) log n − n + ½ log 2π."""
    inverse = 1 / np.maximum(n, 16.0)
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))))
    small = n < 16
    if small.any():
        k = n[small]
        series[small] = _lgamma(k + 1) - (k + 0.5) * np.log(k) + k - 0.5 * math.log(2 * math.pi)
    rest: Floats = series
    return rest


def _deviance(k: Floats, mean: Floats) -> Floats:
    """k log(k/mean) + mean − k, without cancellation; never negative."""
    away = (k - mean) / mean
    deviance: Floats = mean * ((1 + away) * np.log1p(away) - away)
    return deviance


def _nonzero(values: Floats) -> Floats:
    return np.where(np.abs(values) < _TINY, _TINY, values)


def _together(*values: ArrayLike) -> list[Floats]:
    """Float arrays of one shape, at least one-dimensional copies that may be indexed by masks."""
    return [np.array(part, np.float64) for part in np.broadcast_arrays(*(np.atleast_1d(v) for v in values))]


def _floored(p: Floats) -> Floats:
    floored: Floats = np.clip(p, SMALLEST, 1.0)
    return floored
