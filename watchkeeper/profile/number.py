"""Numeric columns: counts over at most 64 bins that the baseline fixes, and sums that are integers.

Bin i holds the values in [edges[i-1], edges[i]). The first bin is below the baseline's least value and the last above
its greatest, so both are empty in the baseline's own rows and values out of range are a count like any other. A value
is kept as whole units, powers of two, from its bin's left edge (see `units`), so that means and deviations are
functions of integers alone: no sum of floats, whose last digits would depend on the order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers, Shape, Tally

LARGEST = 1e150
"""Numbers beyond this count as infinite: differences and squares of the others cannot overflow."""
CELL_BITS = 6
"""A cell of the grid is 64 units wide."""
SQUARE_BITS = 22
"""Squares are added up in two halves, of this many low bits and of the rest: neither overflows."""

_MISSING, _INFINITE, _INVALID, _BINS = 0, 1, 2, 3
_FIRST, _SQUARES_HIGH, _SQUARES_LOW = 0, 1, 2


@dataclass(frozen=True)
class Grid:
    """Equal cells that find a value's bin by arithmetic instead of search.

    Attributes
    ----------
    first : the bin in which the grid begins
    steps : the first cell of each bin of the grid, ascending from 0
    top : length of the grid in units
    """

    first: int
    steps: tuple[int, ...]
    top: int

    @property
    def cells(self) -> int:
        """Number of cells; the last may be cut short."""
        return ((self.top - 1) >> CELL_BITS) + 1


@dataclass(frozen=True)
class NumberBinning:
    """Bins of one numeric column, fixed by the baseline; `number_fit.fit` chooses them.

    With a grid, x lies on it when 0 ≤ t < top for t = (x − start)·2**−exponent as float64 rounds it, in the cell
    ⌊t⌋ >> 6. That arithmetic is the definition there; it differs from the edges by less than a unit. Everywhere else,
    and in a column without a grid, the edges decide.

    Attributes
    ----------
    edges : between the bins, ascending; none when the baseline has no value
    exponents : of each bin's unit: a value is ⌊(x − edge)·2**−exponent + ½⌋ units from its bin's left edge (from the
        right one in the first bin), and counts as at most `FARTHEST` units away
    origin, exponent : of the grid; with cells of 64 units they also measure the squares
    single : whether every bin of the baseline's range holds one of its values
    low, high : the baseline's least and greatest value
    """

    edges: tuple[float, ...]
    exponents: tuple[int, ...]
    origin: float
    exponent: int
    grid: Grid | None
    single: bool
    low: float | None
    high: float | None

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.edges) + 1

    @property
    def slots(self) -> int:
        """Different places a value may be counted in."""
        return self.bins

    @property
    def shape(self) -> Shape:
        """What it needs of a profile's vector."""
        return Shape(counts=_BINS + self.bins, sums=self.bins, moments=3)

    @cached_property
    def cuts(self) -> Floats:
        """The edges as an array."""
        return np.asarray(self.edges, np.float64)

    @cached_property
    def units(self) -> Floats:
        """Each bin's unit, float64 of shape (bins,)."""
        return np.ldexp(1.0, np.asarray(self.exponents, np.int64))

    @cached_property
    def anchors(self) -> Floats:
        """Half a unit below each bin's edge, float64 of shape (bins,): edges themselves are kept exactly."""
        edges = np.concatenate([self.cuts[:1], self.cuts]) if self.edges else np.zeros(1)
        return edges - self.units / 2

    @property
    def start(self) -> float:
        """Where the grid begins: half a unit below its origin, so that multiples of the unit are kept exactly."""
        return self.origin - math.ldexp(0.5, self.exponent)

    @property
    def cell(self) -> float:
        """Width of a cell."""
        return math.ldexp(1.0, self.exponent + CELL_BITS)

    def label(self, place: int) -> str:
        """A bin in words."""
        if not self.edges:
            return "any value"
        if place == 0:
            return f"< {self.edges[0]:.4g}"
        if place == len(self.edges):
            return f"> {self.high:.4g}"
        if self.single:
            return f"{self.edges[place - 1]:.4g}"
        return f"{self.edges[place - 1]:.4g} to {self.edges[place]:.4g}"

    def view(self, tally: Tally) -> NumberProfile:
        """The profile that a tally holds."""
        return NumberProfile(self, tally)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": "number",
            "edges": codec.pack_floats(self.cuts),
            "exponents": codec.pack(np.asarray(self.exponents, np.int64)),
            "origin": self.origin,
            "exponent": self.exponent,
            "grid": self.grid
            and {
                "first": self.grid.first,
                "steps": codec.pack(np.asarray(self.grid.steps, np.int64)),
                "top": self.grid.top,
            },
            "single": self.single,
            "low": self.low,
            "high": self.high,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NumberBinning:
        """Read what `to_json` wrote."""
        grid = document["grid"]
        return cls(
            edges=tuple(codec.unpack(document["edges"]).tolist()),
            exponents=tuple(codec.unpack(document["exponents"]).tolist()),
            origin=float(document["origin"]),
            exponent=int(document["exponent"]),
            grid=grid and Grid(int(grid["first"]), tuple(codec.unpack(grid["steps"]).tolist()), int(grid["top"])),
            single=bool(document["single"]),
            low=document["low"],
            high=document["high"],
        )


@dataclass(frozen=True)
class NumberProfile:
    """What is known of the numbers of some rows."""

    binning: NumberBinning
    tally: Tally

    @property
    def counts(self) -> Integers:
        """Finite values in each bin."""
        return self.tally.counts[_BINS:]

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return int(self.tally.counts[_MISSING])

    @property
    def infinite(self) -> int:
        """Rows with an infinite value, or one beyond `LARGEST`."""
        return int(self.tally.counts[_INFINITE])

    @property
    def invalid(self) -> int:
        """Rows with a value of the wrong type."""
        return int(self.tally.counts[_INVALID])

    @property
    def below(self) -> int:
        """Values below the baseline's least: those of the first bin."""
        return int(self.counts[0]) if self.binning.edges else 0

    @property
    def above(self) -> int:
        """Values above the baseline's greatest: those of the last bin."""
        return int(self.counts[-1]) if self.binning.edges else 0

    @property
    def present(self) -> int:
        """Rows with a finite value."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """All rows observed."""
        return int(self.tally.counts.sum())

    @property
    def least(self) -> float | None:
        """The least finite value; None where there is none, or where privacy noise keeps it back."""
        return self.tally.least

    @property
    def greatest(self) -> float | None:
        """The greatest finite value; None where there is none, or where privacy noise keeps it back."""
        return self.tally.greatest

    def bin_means(self) -> Floats:
        """Mean of the values in each bin, float64 of shape (bins,); NaN in an empty bin. Right to half a unit."""
        counts = self.counts
        places = np.full(len(counts), np.nan)
        np.divide(self.tally.sums, counts, out=places, where=counts > 0)
        return self.binning.anchors + self.binning.units * (places + 0.5)

    @property
    def mean(self) -> float | None:
        """Mean of the finite values."""
        n = self.present
        if not n:
            return None
        bins, counts = self.binning, self.counts
        within = bins.units * (self.tally.sums + counts / 2)  # from the edges, lest large numbers swallow the small
        return bins.origin + math.fsum([*(counts * (bins.anchors - bins.origin)).tolist(), *within.tolist()]) / n

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the finite values, from their cells: 1/4096 of the central range is its grain."""
        n = self.present
        if not n:
            return None
        first, high, low = (int(moment) for moment in self.tally.moments)
        second = (high << SQUARE_BITS) + low
        return self.binning.cell * math.sqrt(max(n * second - first * first, 0)) / n
