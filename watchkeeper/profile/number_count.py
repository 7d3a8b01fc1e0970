"""Counting a numeric column's rows: the one hot loop of profiling.

On the grid a row costs a subtraction, a multiplication, a comparison, a shift and one histogram over cells, which
become bins at the end. Its weight is the row's place in units and, far above, a one: rows and units are added up as
one. Rows that are off the grid (missing, infinite, in the tails or beyond), and all rows of a column without one, are
searched. Every float here is an integer below 2**53, so each sum is exact, whatever its order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.profile.layout import Floats, Integers, Scratch, Tally
from watchkeeper.profile.number import CELL_BITS, LARGEST, SQUARE_BITS, Grid, NumberBinning
from watchkeeper.table import NumberColumn

FARTHEST = 2.0**28
"""Units from its bin's edge that a value counts for at most: 1,024 times the central range."""
FARTHEST_CELL = 2.0**22
"""The same in cells, for squares."""
_HALF = 2.0**SQUARE_BITS
_ONE = 2.0**36
"""Weight of a row in a histogram, over its place in units, of which a grid has hardly more than 2**18."""
_MOST_PACKED = 1 << 16
"""Rows of one histogram: their places come to less than a row's weight, and all of it to less than 2**53."""


class NumberCounter:
    """Counts the rows of one column, a slice at a time; `scores`, float64 of shape (bins,), are those of its bins."""

    def __init__(self, binning: NumberBinning, scores: Floats | None = None) -> None:
        self._binning = binning
        self._values = np.empty(0)
        self._invalid = 0
        self._tally = Tally.blank(binning.shape)
        self._inverses = np.ldexp(1.0, -np.asarray(binning.exponents, np.int64))
        self._scores = scores
        grid = binning.grid
        if grid is not None:
            self._rows_of_cells, self._units_of_cells, self._packed = np.zeros((3, grid.cells + 1))
            self._rows_packed = 0
            self._top = np.float64(grid.top).view(np.uint64)
            unit = float(np.ldexp(1.0, binning.exponents[0]))
            self._span = binning.start, binning.start + grid.top * unit
            if scores is not None:
                self._cell_scores = np.append(scores[grid.first + _bins_of_cells(grid)], 0.0)

    def begin(self, column: NumberColumn) -> None:
        """Take up the column of the next block."""
        self._values = column.values
        self._invalid += column.invalid

    def add(self, start: int, stop: int, scratch: Scratch, row_scores: Floats | None) -> None:
        """Count the block's rows from `start` to `stop`; fill `row_scores` where they are wanted."""
        values = self._values[start:stop]
        grid = self._binning.grid
        if grid is None:
            self._search(values, slice(None), row_scores)
            return
        size = len(values)
        positions, places, cells = scratch.positions[:size], scratch.places[:size], scratch.cells[:size]
        off = self._off_grid(values, positions, scratch.outside[:size])
        positions[off] = grid.cells << CELL_BITS  # a cell of their own, which is not read
        np.copyto(places, positions, casting="unsafe")
        np.right_shift(places, CELL_BITS, out=cells)
        np.copyto(positions, places)
        np.add(positions, _ONE, out=positions)
        self._pack(cells, positions, grid)
        if row_scores is not None:
            np.take(self._cell_scores, cells, out=row_scores, mode="clip")
        if len(off):
            self._search(values[off], off, row_scores)
        extremes = self._tally.extremes
        if len(off) < size and (extremes[0] > self._span[0] or extremes[1] < self._span[1]):
            _widen(self._tally, values)

    def _off_grid(self, values: Floats, positions: Floats, outside: NDArray[np.bool_]) -> Integers:
        """Fill `positions` with each row's place on the grid, in units; return the rows that are not on it.

        The bits of floats from 0 up are in the floats' order, and those of negative ones and NaN lie beyond: a single
        comparison of bits tells.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            np.subtract(values, self._binning.start, out=positions)
            np.multiply(positions, self._inverses[0], out=positions)
        np.greater_equal(positions.view(np.uint64), self._top, out=outside)
        return np.flatnonzero(outside)

    def _pack(self, cells: Integers, weights: Floats, grid: Grid) -> None:
        """Add rows to the histogram of both, `ROWS_AT_ONCE` at most."""
        if self._rows_packed + len(cells) > _MOST_PACKED:
            self._unpack()
        self._rows_packed += len(cells)
        self._packed += np.bincount(cells, weights=weights, minlength=grid.cells + 1)

    def _unpack(self) -> None:
        """Take rows and units apart."""
        rows = np.floor(self._packed / _ONE)
        self._rows_of_cells += rows
        self._units_of_cells += self._packed - rows * _ONE
        self._packed[:] = 0.0
        self._rows_packed = 0

    def _search(self, values: Floats, rows: Integers | slice, row_scores: Floats | None) -> None:
        """Count values by search; `rows` are their places in `row_scores`."""
        with np.errstate(invalid="ignore"):
            finite = np.abs(values) <= LARGEST
        absent = int(np.count_nonzero(np.isnan(values)))
        found = values[finite]
        counts = self._tally.counts
        counts[0] += absent
        counts[1] += len(values) - absent - len(found)
        bins = np.searchsorted(self._binning.cuts, found, side="right")
        counts[3:] += np.bincount(bins, minlength=self._binning.bins)
        with np.errstate(over="ignore"):
            units = np.floor((found - self._binning.anchors[bins]) * self._inverses[bins])
        np.clip(units, -FARTHEST, FARTHEST, out=units)
        self._tally.sums[:] += np.bincount(bins, weights=units, minlength=self._binning.bins).astype(np.int64)
        self._add_squares(found)
        if len(found):
            _widen(self._tally, found)
        if row_scores is not None and self._scores is not None:
            scored = np.zeros(len(values))
            scored[finite] = self._scores[bins]
            row_scores[rows] = scored

    def _add_squares(self, values: Floats) -> None:
        """Add values' cells, and the squares of these in two halves."""
        binning = self._binning
        with np.errstate(over="ignore"):
            cells = np.floor((values - binning.start) / binning.cell)
        np.clip(cells, -FARTHEST_CELL, FARTHEST_CELL, out=cells)
        squares = np.square(cells)
        high = np.floor(squares / _HALF)
        self._tally.moments[:] += np.array([cells.sum(), high.sum(), (squares - high * _HALF).sum()]).astype(np.int64)

    def finish(self, tally: Tally) -> None:
        """Write all that was counted into a tally of none."""
        own = self._tally
        own.counts[:3] += np.array([-self._invalid, 0, self._invalid])
        if self._binning.grid is not None:
            self._add_grid(self._binning.grid)
        tally.counts[:], tally.sums[:], tally.moments[:] = own.counts, own.sums, own.moments
        tally.extremes[:] = own.extremes

    def _add_grid(self, grid: Grid) -> None:
        """Cells into bins."""
        self._unpack()
        rows, units = self._rows_of_cells[:-1].astype(np.int64), self._units_of_cells[:-1].astype(np.int64)
        steps = np.asarray(grid.steps, np.int64)
        held = np.add.reduceat(rows, steps)
        bins = slice(grid.first, grid.first + len(steps))
        self._tally.counts[3:][bins] += held
        self._tally.sums[bins] += np.add.reduceat(units, steps) - (steps << CELL_BITS) * held
        cells = np.arange(len(rows))
        squares = np.square(cells)
        high = squares >> SQUARE_BITS
        self._tally.moments[:] += np.array([rows @ cells, rows @ high, rows @ (squares - (high << SQUARE_BITS))])


def _bins_of_cells(grid: Grid) -> Integers:
    """The bin of each cell, from the grid's first."""
    found: Integers = np.searchsorted(np.asarray(grid.steps), np.arange(grid.cells), side="right") - 1
    return found


def _widen(tally: Tally, values: Floats) -> None:
    """Let the extremes take in these values' finite ones."""
    least = float(np.fmin.reduce(values))  # type: ignore[call-overload]  # which passes over NaN
    greatest = float(np.fmax.reduce(values))  # type: ignore[call-overload]
    if abs(least) > LARGEST or abs(greatest) > LARGEST:
        kept: Sequence[float] = values[np.abs(values) <= LARGEST].tolist()
        least, greatest = min(kept), max(kept)
    tally.extremes[:] = min(tally.extremes[0], least + 0.0), max(tally.extremes[1], greatest + 0.0)
