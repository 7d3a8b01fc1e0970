"""Coarse partitions of features: the segments in which a model may fail while it does well on the whole.

Every profiled feature is cut into at most fifteen cells that the baseline fixes: eighths of a number, the twelve most
frequent categories, three-hour parts of the day (UTC). Missing values have a cell of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from watchkeeper.errors import ProfileError
from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

NUMBER_CELLS = 8
LEVELS = 12
MISSING = "missing"
OTHER = "other"
_PART_OF_DAY = 3 * 3600
_DAY = 24 * 3600


@dataclass(frozen=True)
class NumberPartition:
    """Cells of numbers: cell i holds the values in [edges[i - 1], edges[i]); then those missing.

    `single` says that every edge is a value of the baseline, and its cell holds that value.
    """

    edges: tuple[float, ...]
    single: bool = False
    takes: ClassVar[type[Column]] = NumberColumn

    @classmethod
    def fit(cls, column: NumberColumn, cells: int = NUMBER_CELLS) -> NumberPartition:
        """Cells of about equal shares; one for each value when there are no more values than cells."""
        values = np.sort(column.values[np.isfinite(column.values)]) + 0.0
        distinct = np.unique(values)
        if len(distinct) <= cells:
            return cls(tuple(distinct.tolist()), single=True)
        cuts = np.unique(values[np.arange(1, cells) * len(values) // cells])
        return cls(tuple(cuts[cuts > values[0]].tolist()))

    @property
    def cells(self) -> int:
        """Number of cells, with that of missing values."""
        return len(self.edges) + 2

    def label(self, place: int) -> str:
        """A cell in words."""
        edges = self.edges
        if place == self.cells - 1:
            return MISSING
        if not edges:
            return "any value"
        if place == 0:
            return f"< {edges[0]:.4g}"
        if self.single:
            return f"{edges[place - 1]:.4g}"
        return f"≥ {edges[-1]:.4g}" if place == len(edges) else f"{edges[place - 1]:.4g} to {edges[place]:.4g}"

    def places(self, column: NumberColumn) -> Integers:
        """The cell of each row."""
        found = np.searchsorted(np.asarray(self.edges), column.values, side="right")
        return np.where(np.isnan(column.values), self.cells - 1, found)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "number", "edges": codec.pack_floats(np.asarray(self.edges, np.float64)), "single": self.single}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NumberPartition:
        """Read what `to_json` wrote."""
        return cls(tuple(codec.unpack(document["edges"]).tolist()), bool(document["single"]))


@dataclass(frozen=True)
class CategoryPartition:
    """A cell for each of the baseline's most frequent categories, one for all others, one for rows without any."""

    levels: tuple[str, ...]
    takes: ClassVar[type[Column]] = CategoryColumn

    @classmethod
    def fit(cls, column: CategoryColumn, most: int = LEVELS) -> CategoryPartition:
        """The most frequent categories, ties by name."""
        rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels)).tolist()
        found = sorted(zip(column.levels, rows, strict=True), key=lambda item: (-item[1], item[0]))
        return cls(tuple(name for name, count in found[:most] if count))

    @property
    def cells(self) -> int:
        """Number of cells, with that of missing values."""
        return len(self.levels) + 2

    def label(self, place: int) -> str:
        """A cell in words."""
        return (*self.levels, OTHER, MISSING)[place]

    def places(self, column: CategoryColumn) -> Integers:
        """The cell of each row."""
        known = {name: place for place, name in enumerate(self.levels)}
        cells = [*(known.get(name, len(known)) for name in column.levels), self.cells - 1]
        found: Integers = np.asarray(cells, np.int64)[column.codes]  # the code -1 finds the last
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "category", "levels": list(self.levels)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CategoryPartition:
        """Read what `to_json` wrote."""
        return cls(tuple(document["levels"]))


@dataclass(frozen=True)
class TimePartition:
    """Eight parts of the day (UTC), and one for rows without a time."""

    takes: ClassVar[type[Column]] = TimeColumn
    cells: ClassVar[int] = _DAY // _PART_OF_DAY + 1

    def label(self, place: int) -> str:
        """A cell in words."""
        hours = _PART_OF_DAY // 3600
        return MISSING if place == self.cells - 1 else f"{place * hours:02}–{(place + 1) * hours:02} h UTC"

    def places(self, column: TimeColumn) -> Integers:
        """The cell of each row."""
        known = np.isfinite(column.seconds)
        parts = np.floor(np.mod(np.where(known, column.seconds, 0.0), _DAY) / _PART_OF_DAY).astype(np.int64)
        return np.where(known, parts, self.cells - 1)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "time"}


Partition: TypeAlias = NumberPartition | CategoryPartition | TimePartition


def fit(column: Column) -> Partition:
    """Cells for a column of the baseline."""
    if isinstance(column, NumberColumn):
        return NumberPartition.fit(column)
    return CategoryPartition.fit(column) if isinstance(column, CategoryColumn) else TimePartition()


def from_json(document: Mapping[str, Any]) -> Partition:
    """Read what a partition's `to_json` wrote."""
    if document["kind"] == "number":
        return NumberPartition.from_json(document)
    return CategoryPartition.from_json(document) if document["kind"] == "category" else TimePartition()


def places(name: str, partition: Partition, columns: Mapping[str, Column]) -> Integers:
    """The cell of each row of a feature.

    Raises
    ------
    ProfileError
        The rows lack the feature, or hold it as another kind.
    """
    column = columns.get(name)
    if type(column) is not partition.takes:
        found = "is not among the rows" if column is None else f"is a {type(column).__name__} in the rows"
        raise ProfileError(
            f"Feature {name!r} {found}, but the baseline's outcomes have it as {partition.takes.__name__}. Read the "
            "rows with the spec of the baseline's version, or fit the outcomes' bins again."
        )
    return partition.places(column)  # type: ignore[arg-type]  # its type was compared


def numbers_of(column: Column) -> Floats:
    """The values of a column of numbers.

    Raises
    ------
    ProfileError
        It is a column of another kind.
    """
    if not isinstance(column, NumberColumn):
        raise ProfileError(
            f"A column of numbers is needed, not a {type(column).__name__}: read the rows with the model's own spec."
        )
    return column.values
