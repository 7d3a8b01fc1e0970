"""What a profile says of a column in Model Monitor's terms: shares, between bounds where a summary is not exact."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np

from watchkeeper.cells import parse_number
from watchkeeper.modelmonitor.distance import Categories, Cumulative
from watchkeeper.modelmonitor.statistics import InferredType
from watchkeeper.profile import CategoryBinning, CategoryProfile, NumberBinning, NumberProfile
from watchkeeper.spec import Kind


@dataclass(frozen=True)
class Bounds:
    """A share that is known to lie from `low` to `high`."""

    low: float
    high: float

    @classmethod
    def exactly(cls, hits: float, of: float) -> Bounds:
        """A share that is known; 1 of nothing."""
        share = hits / of if of else 1.0
        return cls(share, share)

    @property
    def exact(self) -> bool:
        """Whether the share is known."""
        return self.low == self.high


def number_types(column: NumberProfile, kind: Kind, expected: InferredType) -> Bounds | None:
    """Share of a numeric column's values that are of the expected type; None when a profile cannot tell.

    Whole numbers are fractional ones too. A column that the model's file calls a number may hold whole numbers alone:
    its profile does not say.
    """
    found = column.rows - column.missing
    if expected is InferredType.FRACTIONAL:
        return Bounds.exactly(found - column.invalid, found)
    if expected is InferredType.STRING:
        return Bounds.exactly(column.invalid, found)
    if kind is Kind.INTEGER:  # fractions are of the wrong type already, and no infinity is a whole number
        return Bounds.exactly(column.present, found)
    return None


def category_types(binning: CategoryBinning, column: CategoryProfile, expected: InferredType) -> Bounds:
    """Share of a categorical column's values that are of the expected type."""
    found = column.rows - column.missing
    if expected is InferredType.STRING:
        return Bounds.exactly(column.present, found)
    reads = _whole if expected is InferredType.INTEGRAL else _numeric
    return _share(binning, column, reads, found)


def domain(binning: CategoryBinning, column: CategoryProfile, allowed: Collection[str]) -> Bounds:
    """Share of a categorical column's values that are allowed."""
    allowed = frozenset(allowed)
    return _share(binning, column, allowed.__contains__, column.present)


def extremes(column: NumberProfile) -> tuple[float, float] | None:
    """Least and greatest number; None where there is none, or where a profile with privacy noise keeps them back."""
    least, greatest = column.least, column.greatest
    return None if least is None or greatest is None else (least, greatest)


def cumulative(binning: NumberBinning, column: NumberProfile) -> Cumulative | None:
    """A numeric column's distribution: exact at the bins' edges and at its extremes; None when there is nothing.

    Where every bin holds one value of the baseline, its rows lie there; elsewhere they are spread evenly over the part
    of the bin between the column's extremes, which is wrong by less than the bin's share.
    """
    counts, ends = np.asarray(column.counts, np.float64), extremes(column)
    if not column.present or not binning.edges:
        return None
    least, greatest = ends or (binning.edges[0], binning.edges[-1])
    edges, below = np.asarray(binning.edges, np.float64), np.cumsum(counts)[:-1] / column.present
    if binning.single:
        held = counts > 0
        spread = Cumulative.of_weights(np.clip(column.bin_means()[held], least, greatest), counts[held])
    else:
        inside = (edges > least) & (edges <= greatest)
        points = np.concatenate([[least], edges[inside], [np.nextafter(greatest, np.inf)]])
        spread = Cumulative(points, np.concatenate([[0.0], below[inside], [1.0]]), float(column.present))
    return replace(spread, edges=edges, below_edges=below)


def categories(binning: CategoryBinning, column: CategoryProfile) -> Categories:
    """A categorical column's distribution: the baseline's most frequent, and new ones kept by name, counted apart."""
    counts = {name: float(count) for name, count in zip(binning.levels, column.counts, strict=True) if count}
    named = {name: float(count) for name, count in column.names.items()}
    return Categories(
        counts | named, frozenset(binning.rare), float(column.rare), float(column.new - sum(column.names.values()))
    )


def _share(binning: CategoryBinning, column: CategoryProfile, good: Callable[[str], bool], of: float) -> Bounds:
    """Share of the values whose name is good: exact for the counted names, bounded for those counted together."""
    hits = sum(int(count) for name, count in zip(binning.levels, column.counts, strict=True) if good(name))
    hits += sum(count for name, count in column.names.items() if good(name))
    unsure = column.new - sum(column.names.values())
    rare = [good(name) for name in binning.rare]
    if binning.complete and rare and all(rare):
        hits += column.rare
    elif not binning.complete or any(rare):
        unsure += column.rare
    return Bounds(hits / of, (hits + unsure) / of) if of else Bounds(1.0, 1.0)


def _numeric(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def _whole(text: str) -> bool:
    return _numeric(text) and parse_number(text).is_integer()
