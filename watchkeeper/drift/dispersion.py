"""How much more healthy windows vary than independent rows would: what a calibration tells the tests.

Rows come in bursts and seasons, so that a window of 1,000 may know as much as 200 independent rows. Every statistic of
the tests is kept in a form whose mean is 1 for independent rows (z², or χ² over its degrees of freedom). Its mean over
healthy windows is the *overdispersion* (Kish's design effect, Rao and Scott's first-order correction).

* A z is divided by its root, and held against Student's t, for the variance was itself estimated. Columns learn from
  each other how much they may vary: variances are drawn to their common level as far as they agree (Smyth 2004).
* A χ² of dependent rows is a sum of differently weighted χ². Of all weights with the mean and variance seen, one large
  and the rest equal have the heaviest tail; that tail is taken, with as much of the variance as is more than chance
  would show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import tails
from watchkeeper.drift.budget import Family
from watchkeeper.drift.evidence import NO_EVIDENCE
from watchkeeper.drift.tails import Floats

_MOST_FREEDOM = 1000.0
_DEVIATES = np.arange(0.025, 12.0, 0.05)
"""Where the integral over a normal deviate's size is taken: midpoints, of which each has the density below."""
_DENSITIES = 2 * 0.05 * np.exp(-0.5 * np.square(_DEVIATES)) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Dispersion:
    """Of one family: mean and variance of the statistic over so many healthy windows, for each column.

    The arrays may have a second axis, for tests of single categories. Where `windows` is 0, nothing is known.
    """

    mean: Floats
    variance: Floats
    windows: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where something was learned, as a mask."""
        return self.windows > 0

    def __getitem__(self, part: slice | NDArray[np.bool_]) -> Dispersion:
        """Some columns' own."""
        return Dispersion(self.mean[part], self.variance[part], self.windows[part])

    def at_least(self, other: Dispersion) -> Dispersion:
        """This, or the other where that varies more."""
        larger = other.known & (other.mean > self.mean)
        pairs = ((self.mean, other.mean), (self.variance, other.variance), (self.windows, other.windows))
        return Dispersion(*(np.where(larger, theirs, ours) for ours, theirs in pairs))

    def moderated(self) -> tuple[Floats, Floats]:
        """Each variance of a z, drawn to the common level, and its degrees of freedom; at least 1, and ∞ if unknown."""
        known = self.known & (self.mean > 0)
        prior, level = _prior(self.mean[known], self.windows[known])
        total = prior + self.windows
        factor = (prior * level + self.windows * self.mean) / np.maximum(total, 1)
        return np.where(known, np.maximum(factor, 1.0), 1.0), np.where(known, total, np.inf)


@dataclass(frozen=True)
class Dispersions:
    """Of all families; a family without one is that of independent rows."""

    families: Mapping[Family, Dispersion] = field(default_factory=dict)

    def split(self, family: Family, first: int) -> tuple[Dispersions, Dispersions]:
        """The same for the first columns of a family, and for the rest."""
        found = self.families.get(family)
        if found is None:
            return self, self
        parts = (found[:first], found[first:])
        return Dispersions({**self.families, family: parts[0]}), Dispersions({**self.families, family: parts[1]})

    def moderated(self, family: Family, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Overdispersion of each column's z, and the degrees of freedom with which it is known."""
        found = self.families.get(family)
        return (np.ones(shape), np.full(shape, np.inf)) if found is None else found.moderated()

    def mean(self, family: Family, columns: int) -> Floats:
        """Overdispersion alone, at least 1."""
        found = self.families.get(family)
        return np.ones(columns) if found is None else np.where(found.known, np.maximum(found.mean, 1.0), 1.0)

    def normal(self, family: Family, z: Floats) -> Floats:
        """Two-sided p of a z."""
        factor, freedom = self.moderated(family, z.shape)
        return np.clip(2 * tails.student(np.abs(z) / np.sqrt(factor), freedom), tails.SMALLEST, 1.0)

    def chi_squared(self, family: Family, statistic: Floats, freedom: Floats, plain: Floats) -> Floats:
        """Upper p of a χ²; `plain` is that of independent rows, below which it never is."""
        found = self.families.get(family)
        if found is None:
            return plain
        usable = found.known & (freedom > 0) & (found.mean > 1) & (plain < NO_EVIDENCE)
        learned = np.ones(plain.shape)
        learned[usable] = _mixture(statistic[usable], freedom[usable], found[usable])
        return np.where(usable, np.maximum(plain, learned), plain)


INDEPENDENT = Dispersions()


def _mixture(statistic: Floats, freedom: Floats, seen: Dispersion) -> Floats:
    """Upper p of the heaviest-tailed sum of weighted χ² with the mean and variance seen."""
    total = freedom * seen.mean
    equal = np.square(total) / freedom
    squares = np.square(freedom) * seen.variance / 2
    chance = squares * np.sqrt(2 / np.maximum(seen.windows - 1, 1))
    unequal = np.maximum(squares - equal - chance, 0.0)
    largest = np.minimum(total / freedom + np.sqrt((freedom - 1) / freedom * unequal), total)
    rest = np.where(freedom > 1, (total - largest) / np.maximum(freedom - 1, 1), 0.0)
    spread = np.square(largest) + (freedom - 1) * np.square(rest)
    known = seen.windows * np.square(total) / spread
    return tails.inflated(_two_weights(statistic, largest, rest, freedom - 1), known)


def _two_weights(x: Floats, weight: Floats, rest: Floats, freedom: Floats) -> Floats:
    """P(weight·χ²₁ + rest·χ²_freedom > x), by integrating over the first's normal deviate."""
    left = x[:, None] - weight[:, None] * np.square(_DEVIATES)
    scaled = np.divide(left, rest[:, None], out=np.full(left.shape, np.inf), where=rest[:, None] > 0)
    tail = tails.chi_squared(np.clip(scaled, 0.0, 1e6), np.broadcast_to(freedom[:, None], left.shape))
    inside = np.where(left <= 0, 1.0, np.where((rest > 0)[:, None] & (freedom > 0)[:, None], tail, 0.0))
    return np.minimum(inside @ _DENSITIES, 1.0)


def _prior(variances: Floats, windows: Floats) -> tuple[float, float]:
    """Degrees of freedom and level of the law that the columns' true variances seem to be drawn from (Smyth 2004)."""
    if len(variances) < 3:
        return 0.0, 1.0
    half = windows / 2
    logs = np.log(variances) - _digamma(half) + np.log(half)
    extra = float(np.var(logs, ddof=1)) - float(np.mean(_trigamma(half)))
    prior = _MOST_FREEDOM if extra <= 0 else min(2 * _inverse_trigamma(extra), _MOST_FREEDOM)
    shift = float(_digamma(np.array([prior / 2]))[0]) - float(np.log(prior / 2))
    return prior, float(np.exp(np.mean(logs) + shift))


def _digamma(x: Floats) -> Floats:
    """ψ(x) for x > 0."""
    total = np.zeros(x.shape)
    for _ in range(6):
        total -= 1 / x
        x = x + 1
    square = 1 / np.square(x)
    value: Floats = total + np.log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - square / 252))
    return value


def _trigamma(x: Floats) -> Floats:
    """ψ′(x) for x > 0."""
    total = np.zeros(x.shape)
    for _ in range(6):
        total += 1 / np.square(x)
        x = x + 1
    inverse = 1 / x
    square = np.square(inverse)
    value: Floats = total + inverse * (1 + inverse * (0.5 + inverse * (1 / 6 - square * (1 / 30 - square / 42))))
    return value


def _inverse_trigamma(y: float) -> float:
    """The x with ψ′(x) = y, by Newton's method on 1/ψ′, which is nearly linear."""
    x = 0.5 + 1 / y
    for _ in range(20):
        value = float(_trigamma(np.array([x]))[0])
        slope = float(_trigamma(np.array([x + 1e-5]))[0] - value) / 1e-5
        step = value * (1 - value / y) / slope
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x
