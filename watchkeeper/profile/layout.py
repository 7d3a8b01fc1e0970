"""Where each column's integers lie in the one vector that a profile is.

Everything additive of a profile is an int64, all in one vector, so that merging is one addition and no order of merging
can matter. The vector has sections of alike magnitude (counts are small, sums large), and every column owns a slice of
each, so that a section is written with as few bytes a number as its largest needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ROWS, UNREADABLE = 0, 1
"""Places of the two numbers that belong to no column."""


@dataclass(frozen=True)
class Shape:
    """How many integers of each section a column needs."""

    counts: int
    sums: int = 0
    moments: int = 0


@dataclass(frozen=True, eq=False)
class Tally:
    """One column's part of a profile: what its binning adds up, and its view reads.

    Attributes
    ----------
    counts, sums, moments : slices of the profile's vector
    extremes : float64 of shape (2,), least and greatest value; +inf and -inf when there is none
    names : rows of each new category that is kept by name
    """

    counts: Integers
    sums: Integers
    moments: Integers
    extremes: Floats = field(default_factory=lambda: no_extremes(1)[0])
    names: dict[str, int] = field(default_factory=dict)

    @property
    def least(self) -> float | None:
        """The least value; None where there is none, or where privacy noise keeps it back."""
        return _finite(self.extremes[0])

    @property
    def greatest(self) -> float | None:
        """The greatest value; None likewise."""
        return _finite(self.extremes[1])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Tally)
            and self.names == other.names
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.sums, other.sums)
            and np.array_equal(self.moments, other.moments)
            and np.array_equal(self.extremes, other.extremes)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    @classmethod
    def blank(cls, shape: Shape) -> Tally:
        """The tally of no rows, on its own."""
        counts, sums, moments = (np.zeros(size, np.int64) for size in (shape.counts, shape.sums, shape.moments))
        return cls(counts, sums, moments)


@dataclass(frozen=True)
class Layout:
    """The sections of the vector, and every column's slices.

    Attributes
    ----------
    columns : counts, sums and moments slices of each column, in the order given
    sections : the whole sections, after the two numbers of no column, in their order in the vector
    """

    columns: tuple[tuple[slice, slice, slice], ...]
    sections: Mapping[str, slice]

    @classmethod
    def of(cls, shapes: list[Shape], others: Mapping[str, int]) -> Layout:
        """Lay out columns of these shapes, and after them the sections that belong to no column, by their lengths."""
        start = UNREADABLE + 1
        parts = []
        sections: dict[str, slice] = {}
        for name in ("counts", "sums", "moments"):
            ends = list(accumulate((getattr(shape, name) for shape in shapes), initial=start))
            parts.append([slice(a, b) for a, b in pairwise(ends)])
            sections[name] = slice(start, ends[-1])
            start = ends[-1]
        for name, size in others.items():
            sections[name] = slice(start, start + size)
            start += size
        return cls(tuple(zip(*parts, strict=True)), sections)

    @property
    def size(self) -> int:
        """Length of the vector."""
        return UNREADABLE + 1 + sum(self.lengths.values())

    @property
    def lengths(self) -> dict[str, int]:
        """How many numbers each section has."""
        return {name: part.stop - part.start for name, part in self.sections.items()}

    def tally(self, column: int, vector: Integers, extremes: Floats, names: dict[str, int]) -> Tally:
        """A column's part of a profile."""
        counts, sums, moments = self.columns[column]
        return Tally(vector[counts], vector[sums], vector[moments], extremes, names)


def no_extremes(columns: int) -> Floats:
    """Extremes of no rows, of shape (columns, 2)."""
    return np.tile([np.inf, -np.inf], (columns, 1))


def _finite(extreme: np.float64) -> float | None:
    return float(extreme) if np.isfinite(extreme) else None


@dataclass(frozen=True)
class Scratch:
    """Arrays that every column's counting uses again: new ones would cost more than the arithmetic.

    Attributes
    ----------
    positions : float64; `places`, `cells` : int64; `outside` : bool, all of shape (rows at once,)
    """

    positions: Floats
    places: Integers
    cells: Integers
    outside: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: int) -> Scratch:
        """Arrays for so many rows at once."""
        return cls(
            positions=np.empty(rows),
            places=np.empty(rows, np.int64),
            cells=np.empty(rows, np.int64),
            outside=np.empty(rows, bool),
        )
