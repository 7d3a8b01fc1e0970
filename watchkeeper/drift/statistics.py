"""The statistics that people and other tools know, from profiles: kept in every finding, and used by no verdict.

All are worse when higher, except the change of the missing share, which has a sign. On the same bins they are what
numpy and scipy give on raw data; two are about what lies between the bins' edges, and are bounded:

* Kolmogorov-Smirnov looks at the edges, so it is at most the exact one, and below it by at most what one bin holds.
* Wasserstein's integral |F − G| is exact in every bin in which the two distributions do not cross, for the bins' means
  are known: ∫F over a bin is F(left)·width + share·(right − mean). It too is at most the exact one.

How much the exact ones may be larger stands beside them, as `…_error`: the most that any two distributions with these
counts and means could have between the edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import effect, evidence
from watchkeeper.drift.categories import Categories
from watchkeeper.drift.numbers import Numbers, NumberSide
from watchkeeper.drift.tails import Floats

KOLMOGOROV_SMIRNOV = "kolmogorov_smirnov"
KOLMOGOROV_SMIRNOV_ERROR = "kolmogorov_smirnov_error"
WASSERSTEIN = "wasserstein"
WASSERSTEIN_ERROR = "wasserstein_error"
JENSEN_SHANNON = "jensen_shannon"
STABILITY = "population_stability_index"
CHI_SQUARED = "chi_squared"
L_INFINITY = "l_infinity"
L_INFINITY_ROBUST = "l_infinity_robust"
MISSING_CHANGE = "missing_change"
NEW_SHARE = "new_share"
OUT_OF_RANGE_SHARE = "out_of_range_share"

_LEAST_SHARE = 1e-4
"""Empty bins count as this share in the population stability index, which would be infinite."""
_GRAIN = 1e-6
"""Of a standard deviation: values that are nearer to their bin's edge all lie on it."""
_ROBUST = 1.8
"""Model Monitor's multiple of √((n + m)/(nm))."""


def of_numbers(numbers: Numbers) -> list[dict[str, float]]:
    """Of each numeric column; those without values on both sides have only what is missing."""
    window, reference = numbers.window, numbers.reference
    distance = kolmogorov_smirnov(numbers)
    outside = (numbers.below[0] + numbers.above[0]) / np.maximum(window.present, 1)
    valued = {
        KOLMOGOROV_SMIRNOV: distance,
        KOLMOGOROV_SMIRNOV_ERROR: kolmogorov_smirnov_error(numbers),
        WASSERSTEIN: wasserstein(numbers) / reference.deviation,
        WASSERSTEIN_ERROR: wasserstein_error(numbers) / reference.deviation,
        JENSEN_SHANNON: np.sqrt(effect.contributions(*numbers.coarse).sum(axis=-1)),
        STABILITY: stability(*numbers.coarse),
        CHI_SQUARED: evidence.chi_squared(*numbers.coarse).statistic,
        L_INFINITY: distance,
        L_INFINITY_ROBUST: robust(distance, window.present, reference.present),
        OUT_OF_RANGE_SHARE: outside,
    }
    return _by_column(valued, numbers.valued, _missing_change(window, reference), numbers.observed)


def of_categories(categories: Categories) -> list[dict[str, float]]:
    """Of each categorical column; new categories count as one."""
    window, reference = categories.window, categories.reference
    both = [np.column_stack([side.known, side.new]) for side in (window, reference)]
    distance = np.abs(evidence.shares(both[0]) - evidence.shares(both[1])).max(axis=-1)
    valued = {
        JENSEN_SHANNON: np.sqrt(effect.contributions(*both).sum(axis=-1)),
        STABILITY: stability(*both),
        CHI_SQUARED: categories.mix.statistic,
        L_INFINITY: distance,
        L_INFINITY_ROBUST: robust(distance, window.present, reference.present),
        NEW_SHARE: window.new / np.maximum(window.present, 1),
    }
    present = (window.present > 0) & (reference.present > 0)
    change = window.missing / np.maximum(window.rows, 1) - reference.missing / np.maximum(reference.rows, 1)
    return _by_column(valued, present, change, categories.observed)


def kolmogorov_smirnov(numbers: Numbers) -> Floats:
    """Largest difference of the distribution functions at the bins' edges."""
    distance: Floats = np.abs(_cumulative(numbers.window) - _cumulative(numbers.reference)).max(axis=-1)
    return distance


def wasserstein(numbers: Numbers) -> Floats:
    """∫|F − G|, in the column's own unit."""
    left, right = _bounds(numbers)
    integral = _integral(numbers.window, left, right) - _integral(numbers.reference, left, right)
    return np.abs(integral).sum(axis=-1)


def kolmogorov_smirnov_error(numbers: Numbers) -> Floats:
    """By how much the exact distance may be larger: one side may jump at a bin's left edge, the other at its right one.

    Where all of a bin's values lie on its left edge, as whole numbers do, the edges tell all.
    """
    left, _ = _bounds(numbers)
    (before, after), (before_reference, after_reference) = _ends(numbers)
    most = np.maximum(after - before_reference, after_reference - before)
    grain = _GRAIN * np.nan_to_num(numbers.reference.deviation)[:, None]
    heaped = np.ones(left.shape, bool)
    for side in (numbers.window, numbers.reference):
        heaped &= (side.counts == 0) | (side.means - left <= grain)
    most = np.where(heaped, np.abs(after - after_reference), most)
    return np.maximum(most.max(axis=-1) - kolmogorov_smirnov(numbers), 0.0)


def wasserstein_error(numbers: Numbers) -> Floats:
    """By how much the exact ∫|F − G| may be larger, in the column's own unit.

    Only bins in which F and G may cross add to it. There |F − G| is at most the larger difference of opposite ends, and
    at most its value at one end plus what both rise by from there, whose integrals the bin's means give.
    """
    left, right = _bounds(numbers)
    width = right - left
    (before, after), (before_reference, after_reference) = _ends(numbers)
    sides = (numbers.window, numbers.reference)
    risen = [evidence.shares(side.counts) * (right - np.clip(side.means, left, right)) for side in sides]
    to_come = [evidence.shares(side.counts) * width - part for side, part in zip(sides, risen, strict=True)]
    bounds = (
        width * np.maximum(after - before_reference, after_reference - before),
        width * np.abs(before - before_reference) + risen[0] + risen[1],
        width * np.abs(after - after_reference) + to_come[0] + to_come[1],
    )
    most = np.minimum(np.minimum(bounds[0], bounds[1]), bounds[2])
    known = np.abs(_integral(numbers.window, left, right) - _integral(numbers.reference, left, right))
    crossing = (before < after_reference) & (before_reference < after)
    error: Floats = np.where(crossing, np.maximum(most - known, 0.0), 0.0).sum(axis=-1)
    return error


def stability(window: Floats, reference: Floats) -> Floats:
    """Population stability index: Σ(p − q)·ln(p/q)."""
    held = (window + reference) > 0
    p, q = (np.maximum(evidence.shares(side), _LEAST_SHARE) for side in (window, reference))
    index: Floats = np.where(held, (p - q) * np.log(p / q), 0.0).sum(axis=-1)
    return index


def robust(distance: Floats, n: Floats, m: Floats) -> Floats:
    """Model Monitor's robust L∞: what is left of the distance after 1.8·√((n + m)/(nm))."""
    size = np.maximum(evidence.effective_size(n, m), 1e-9)
    return np.maximum(distance - _ROBUST / np.sqrt(size), 0.0)


def _cumulative(side: NumberSide) -> Floats:
    return np.cumsum(evidence.shares(side.counts), axis=-1)


def _ends(numbers: Numbers) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """The distribution function at the left and the right end of every bin, of the window and of the reference."""
    window, reference = (
        (after - evidence.shares(side.counts), after)
        for side in (numbers.window, numbers.reference)
        for after in (_cumulative(side),)
    )
    return window, reference


def _bounds(numbers: Numbers) -> tuple[Floats, Floats]:
    """Left and right end of every bin; the outer ones end at the least and greatest value of either side."""
    least = np.fmin(numbers.window.least, numbers.reference.least)
    greatest = np.fmax(numbers.window.greatest, numbers.reference.greatest)
    rows = np.arange(numbers.columns)
    left = np.column_stack([least, numbers.edges]) if numbers.columns else np.zeros((0, 1))
    right = np.column_stack([numbers.edges, greatest]) if numbers.columns else np.zeros((0, 1))
    right[rows, numbers.last] = greatest
    left[:, 0] = np.fmin(left[:, 0], right[:, 0])
    right[rows, numbers.last] = np.fmax(right[rows, numbers.last], left[rows, numbers.last])
    beyond = np.arange(left.shape[1]) > numbers.last[:, None]
    return np.where(beyond, 0.0, left), np.where(beyond, 0.0, right)


def _integral(side: NumberSide, left: Floats, right: Floats) -> Floats:
    """∫F over each bin."""
    share = evidence.shares(side.counts)
    before = np.cumsum(share, axis=-1) - share
    means = np.clip(side.means, left, right)
    integral: Floats = before * (right - left) + share * (right - means)
    return integral


def _missing_change(window: NumberSide, reference: NumberSide) -> Floats:
    change: Floats = window.missing / np.maximum(window.rows, 1) - reference.missing / np.maximum(reference.rows, 1)
    return change


def _by_column(
    valued: dict[str, Floats], present: NDArray[np.bool_], missing: Floats, observed: NDArray[np.bool_]
) -> list[dict[str, float]]:
    """A mapping for each column, without what is not defined."""
    found = []
    for place in range(len(missing)):
        values = {name: float(column[place]) for name, column in valued.items()} if present[place] else {}
        values |= {MISSING_CHANGE: float(missing[place])} if observed[place] else {}
        found.append({name: value for name, value in values.items() if np.isfinite(value)})
    return found
