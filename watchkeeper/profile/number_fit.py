"""Where the bins of a numeric column go: about 60 of equal share, a thin tail at each end, and outside of all.

A column of few values gets a bin for each. Of more, the 60 quantiles cut the central 99.8 %; what the baseline has
beyond is a tail bin on each side, so that a window's mass far out does not blur into a wide last bin. Bins are put on
a grid of equal cells where its cells are fine enough, for arithmetic is ten times as fast as search; skewed columns,
whose mass sits in a few cells, are searched.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.profile.number import CELL_BITS, LARGEST, Grid, NumberBinning
from watchkeeper.table import NumberColumn

MOST_VALUES = 62
"""Up to so many different values have a bin each; with the two outer ones they are 64."""
CENTRAL_BINS = 60
TAIL = 1000
"""One in so many of the baseline's rows is in each tail."""
GRID_BITS = 12
"""The central range has at most 4,096 cells."""
BIN_BITS = 14
"""Units across a bin of a searched column."""
UNKNOWN_EXPONENT = -10
LEAST_EXPONENT = -1000
"""Smaller units have no finite inverse."""


def fit(column: NumberColumn) -> NumberBinning:
    """Bins for the column's finite values."""
    with np.errstate(invalid="ignore"):
        values = np.sort(column.values[np.abs(column.values) <= LARGEST]) + 0.0  # -0.0 and 0.0 are one value
    if not len(values):
        return unknown()
    distinct = values[_starts(values)]
    single = len(distinct) <= MOST_VALUES
    tail = 0 if single else len(values) // TAIL
    low, high = float(values[tail]), float(values[len(values) - 1 - tail])
    if low == high:
        low, high = float(values[0]), float(values[-1])
    origin, exponent = scale(low, high)
    central = values[(values >= low) & (values <= high)]
    cuts = distinct if single else _quantiles(central)
    if len(distinct) > 1:
        binning = _on_grid(values, central, cuts, origin, exponent, single=single)
        if binning is not None:
            return binning
    return _searched(values, cuts, high, origin, exponent, single=single)


def unknown() -> NumberBinning:
    """The one bin of a column of which the baseline has no value: units are a guess."""
    return NumberBinning((), (UNKNOWN_EXPONENT,), 0.0, UNKNOWN_EXPONENT, None, single=False, low=None, high=None)


def scale(low: float, high: float) -> tuple[float, int]:
    """Origin and exponent of units of which 4,096 cells of 64 span the range, no cell finer than float64."""
    size = max(abs(low), abs(high))
    span = high - low or size or 1.0
    finest = math.frexp(size)[1] - 51 - CELL_BITS if size else LEAST_EXPONENT
    exponent = max(math.frexp(span)[1] - GRID_BITS - CELL_BITS, finest, LEAST_EXPONENT)
    return math.floor(math.ldexp(low, -exponent)) * math.ldexp(1.0, exponent), exponent


def _quantiles(central: Floats) -> Floats:
    """Left edges of bins of about equal share; a value that fills more than one bin ends its bin as well."""
    ranks = np.arange(CENTRAL_BINS) * len(central) // CENTRAL_BINS
    cuts, repeats = np.unique(central[ranks], return_counts=True)
    after = np.searchsorted(central, cuts[repeats > 1], side="right")
    return np.unique(np.concatenate([cuts, central[after[after < len(central)]]]))


def _on_grid(
    values: Floats, central: Floats, cuts: Floats, origin: float, exponent: int, *, single: bool
) -> NumberBinning | None:
    """Bins made of cells; None where a cell would hold more than a bin should."""
    unit = math.ldexp(1.0, exponent)
    start = origin - unit / 2
    units = _units(central, start, exponent)
    steps = np.unique(_units(cuts, start, exponent) >> CELL_BITS)
    if units[0] < 0 or steps[0] != 0 or (single and len(steps) < len(cuts)) or _coarse(central, units >> CELL_BITS):
        return None
    top = int(units[-1]) + 1
    low, high = float(values[0]), float(values[-1])
    edges = [origin + (int(step) << CELL_BITS) * unit for step in steps]
    edges.append(max(origin + top * unit, math.nextafter(edges[-1], math.inf)))
    first = 1
    if low < start:
        edges.insert(0, low)
        first = 2
    if high >= edges[-1]:
        edges.append(math.nextafter(high, math.inf))
    grid = Grid(first, tuple(steps.tolist()), top)
    exponents = (exponent,) * (len(edges) + 1)
    return NumberBinning(tuple(edges), exponents, origin, exponent, grid, single=single, low=low, high=high)


def _units(values: Floats, start: float, exponent: int) -> Integers:
    units: Integers = np.floor((values - start) * math.ldexp(1.0, -exponent)).astype(np.int64)
    return units


def _coarse(central: Floats, cells: Integers) -> bool:
    """Whether a cell with different values in it holds more than a bin's share."""
    starts = _starts(cells)
    rows = np.diff(starts, append=len(cells))
    mixed = central[starts] != central[starts + rows - 1]
    return bool(np.any(rows[mixed] * CENTRAL_BINS > len(central)))


def _starts(ordered: Floats | Integers) -> Integers:
    """Where each different value of sorted ones begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _searched(
    values: Floats, cuts: Floats, high: float, origin: float, exponent: int, *, single: bool
) -> NumberBinning:
    """Bins found by search, each with units of its own."""
    least, greatest = float(values[0]), float(values[-1])
    tail = values[np.searchsorted(values, high, side="right") :][:1]
    edges = np.unique(np.concatenate([[least], cuts, tail, [math.nextafter(greatest, math.inf)]]))
    return searched(edges, origin, exponent, low=least, high=greatest, single=single)


def searched(edges: Floats, origin: float, exponent: int, *, low: float, high: float, single: bool) -> NumberBinning:
    """Bins between given edges, with units a 2**14th of each bin."""
    fine = np.frexp(np.diff(edges))[1] - BIN_BITS
    finest = np.frexp(np.maximum(np.abs(edges[:-1]), np.abs(edges[1:])))[1] - 51
    inner = np.maximum(np.maximum(fine, finest), LEAST_EXPONENT)
    exponents = (exponent, *inner.tolist(), exponent)
    return NumberBinning(tuple(edges.tolist()), exponents, origin, exponent, None, single=single, low=low, high=high)
