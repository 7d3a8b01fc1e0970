"""Columns of every kind, behind one face: fit, count, view, write, read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from watchkeeper.errors import ProfileError
from watchkeeper.profile import number_fit
from watchkeeper.profile.category import CategoryBinning, CategoryCounter, CategoryProfile
from watchkeeper.profile.layout import Floats, Scratch, Tally
from watchkeeper.profile.number import NumberBinning, NumberProfile
from watchkeeper.profile.number_count import NumberCounter
from watchkeeper.profile.time import TimeBinning, TimeCounter, TimeProfile
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

ColumnBinning: TypeAlias = NumberBinning | CategoryBinning | TimeBinning
ColumnProfile: TypeAlias = NumberProfile | CategoryProfile | TimeProfile

_KINDS = {(NumberBinning, NumberColumn), (CategoryBinning, CategoryColumn), (TimeBinning, TimeColumn)}

ROWS_AT_ONCE = 1 << 15
"""Rows counted before the next column's: their arrays stay in the processor's cache."""


class Counter(Protocol):
    """Counts the rows of one column, a slice at a time, over any number of blocks."""

    def begin(self, column: Any) -> None:
        """Take up the column of the next block."""

    def add(self, start: int, stop: int, scratch: Scratch, row_scores: Floats | None) -> None:
        """Count the block's rows from `start` to `stop`; fill `row_scores` where they are wanted."""

    def finish(self, tally: Tally) -> None:
        """Write all that was counted into a tally of none."""


def fit_column(column: Column) -> ColumnBinning:
    """Bins for a column of the baseline."""
    if isinstance(column, NumberColumn):
        return number_fit.fit(column)
    return CategoryBinning.fit(column) if isinstance(column, CategoryColumn) else TimeBinning()


def observe_column(binning: ColumnBinning, column: Column) -> ColumnProfile:
    """Profile the rows of one column on its own."""
    check("", binning, column)
    tally, counting = Tally.blank(binning.shape), counter(binning)
    count(counting, column)
    counting.finish(tally)
    return binning.view(tally)


def count(counting: Counter, column: Column, row_scores: Floats | None = None) -> None:
    """Count all rows of a column; fill the scores of each where they are wanted."""
    scratch = Scratch.of(min(len(column), ROWS_AT_ONCE))
    counting.begin(column)
    for start in range(0, len(column), ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, len(column))
        counting.add(start, stop, scratch, None if row_scores is None else row_scores[start:stop])


def counter(binning: ColumnBinning, scores: Floats | None = None) -> Counter:
    """What counts a column; `scores`, float64 of shape (slots,), are those of its bins or levels."""
    if isinstance(binning, NumberBinning):
        return NumberCounter(binning, scores)
    return CategoryCounter(binning, scores) if isinstance(binning, CategoryBinning) else TimeCounter()


def check(name: str, binning: ColumnBinning, column: Column) -> None:
    """Refuse a column of another kind than its bins.

    Raises
    ------
    ProfileError
        The kinds differ.
    """
    if (type(binning), type(column)) not in _KINDS:
        kinds = " and ".join(type(item).__name__ for item in (binning, column))
        raise ProfileError(
            f"Column {name!r} is of one kind in the baseline and of another in the rows ({kinds}). Build the baseline "
            "again after changing a feature's type."
        )


def binnings_to_json(binnings: Mapping[str, ColumnBinning]) -> list[dict[str, Any]]:
    """JSON form of the bins of several columns: a list, for their order is that of every profile."""
    return [{"name": name, **binning.to_json()} for name, binning in binnings.items()]


def binnings_from_json(document: Iterable[Mapping[str, Any]]) -> dict[str, ColumnBinning]:
    """Read what `binnings_to_json` wrote."""
    kinds: Mapping[str, type[ColumnBinning]] = {
        "number": NumberBinning,
        "category": CategoryBinning,
        "time": TimeBinning,
    }
    return {value["name"]: kinds[value["kind"]].from_json(value) for value in document}
