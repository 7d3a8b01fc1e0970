"""Columns of typed values, and how raw values become them.

A kind of feature decides which column its values become: numbers and whole numbers a `NumberColumn`, texts the
`NumberColumn` of their lengths, categories a `CategoryColumn`, timestamps a `TimeColumn`. What a single value means is
written down in `watchkeeper.cells`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.cells import parse_category, parse_integer, parse_length, parse_number, parse_time
from watchkeeper.spec import Kind


@dataclass(frozen=True)
class NumberColumn:
    """Numbers of `n` rows.

    Attributes
    ----------
    values : float64 of shape (n,); NaN where missing or invalid, infinities kept
    invalid : how many of the NaN stand for a value of the wrong type
    """

    values: NDArray[np.float64]
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class CategoryColumn:
    """Categories of `n` rows, each a code that stands for one of the column's levels.

    Attributes
    ----------
    codes : int32 of shape (n,): places in `levels`; -1 where missing or invalid
    levels : the categories, all different, each of at least one row
    invalid : how many of the -1 stand for a value of the wrong type
    """

    codes: NDArray[np.int32]
    levels: tuple[str, ...]
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, values: Sequence[str | None], invalid: int = 0) -> CategoryColumn:
        """The column of given categories; None where missing or invalid."""
        places = {value: place for place, value in enumerate(dict.fromkeys(values))}
        return cls.coded(np.fromiter(map(places.__getitem__, values), np.int32, len(values)), list(places), invalid)

    @classmethod
    def coded(cls, codes: NDArray[np.integer], names: Sequence[str | None], invalid: int = 0) -> CategoryColumn:
        """The column of rows that are given as places in `names`, in which a name may stand twice, or not at all."""
        used = np.bincount(codes[codes >= 0], minlength=len(names)) > 0
        levels = tuple(dict.fromkeys(n for n, some in zip(names, used.tolist(), strict=True) if some and n is not None))
        if levels == tuple(names):
            return cls(codes.astype(np.int32, copy=False), levels, invalid)
        places = {name: place for place, name in enumerate(levels)}
        moved = [places.get(name, -1) if name is not None else -1 for name in names]
        return cls(np.array([*moved, -1], np.int32)[codes], levels, invalid)  # the code -1 finds the last

    @property
    def values(self) -> list[str | None]:
        """Each row's category, or None."""
        texts = (*self.levels, None)  # the code -1 finds the last
        return [texts[code] for code in self.codes.tolist()]


@dataclass(frozen=True)
class TimeColumn:
    """Times of `n` rows.

    Attributes
    ----------
    seconds : float64 of shape (n,), since 1970 UTC; NaN where missing or invalid
    invalid : how many of the NaN stand for a value of the wrong type
    """

    seconds: NDArray[np.float64]
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.seconds)


Column: TypeAlias = NumberColumn | CategoryColumn | TimeColumn

_QUANTITIES: Mapping[Kind, Callable[[object], float]] = {
    Kind.NUMBER: parse_number,
    Kind.INTEGER: parse_integer,
    Kind.TEXT: parse_length,
    Kind.TIMESTAMP: parse_time,
}


def column(kind: Kind, raw: Sequence[object]) -> Column:
    """Read the raw values of one feature."""
    if kind is Kind.CATEGORY:
        return category_column(raw)
    if kind in (Kind.NUMBER, Kind.INTEGER):
        return number_column(raw, integer=kind is Kind.INTEGER)
    values, wrong = parse_each(_QUANTITIES[kind], raw)
    return _quantities(kind, values, int(np.count_nonzero(wrong)))


def coded_column(kind: Kind, levels: Sequence[str], codes: NDArray[np.integer]) -> Column:
    """Read one feature whose raw texts are given once each, as `levels`, with each row's place among them."""
    if kind is Kind.CATEGORY:
        return CategoryColumn.coded(codes, [parse_category(text) for text in levels])
    parsed, wrong = parse_each(_QUANTITIES[kind], levels)
    return _quantities(kind, parsed[codes], int(np.count_nonzero(wrong[codes])))


def parse_each(
    parse: Callable[[object], float], raw: Sequence[object]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The numbers that `parse` makes of raw values, NaN where missing or wrong, and which are of the wrong type."""
    values, wrong = np.full(len(raw), np.nan), np.zeros(len(raw), bool)
    for place, value in enumerate(raw):
        try:
            values[place] = parse(value)
        except ValueError:
            wrong[place] = True
    return values, wrong


def number_column(raw: Sequence[object], *, integer: bool = False) -> NumberColumn:
    """Read numbers; with `integer`, a fraction is a value of the wrong type."""
    values = _numbers_at_once(raw)
    if values is None:
        values, wrong = parse_each(parse_integer if integer else parse_number, raw)
        return NumberColumn(values, int(np.count_nonzero(wrong)))
    return whole_numbers(values) if integer else NumberColumn(values)


def whole_numbers(values: NDArray[np.float64], invalid: int = 0) -> NumberColumn:
    """Numbers of which fractions are values of the wrong type; infinities are kept."""
    with np.errstate(invalid="ignore"):
        fractions = np.isfinite(values) & (values != np.trunc(values))
    found = int(np.count_nonzero(fractions))
    return NumberColumn(np.where(fractions, np.nan, values) if found else values, invalid + found)


def category_column(raw: Sequence[object]) -> CategoryColumn:
    """Read categories; numbers and booleans become their text, lists and objects are of the wrong type."""
    if not set(map(type, raw)) - {str}:
        places = {text: place for place, text in enumerate(dict.fromkeys(raw))}
        codes = np.fromiter(map(places.__getitem__, raw), np.int32, len(raw))
        return CategoryColumn.coded(codes, [parse_category(text) for text in places])
    values: list[str | None] = []
    invalid = 0
    for value in raw:
        try:
            values.append(parse_category(value))
        except ValueError:
            values.append(None)
            invalid += 1
    return CategoryColumn.of(values, invalid)


def column_type(kind: Kind) -> type[Column]:
    """As what the values of a feature of that kind are held."""
    if kind is Kind.CATEGORY:
        return CategoryColumn
    return TimeColumn if kind is Kind.TIMESTAMP else NumberColumn


def concatenate(parts: Iterable[Column]) -> Column:
    """One column out of several of one kind.

    Raises
    ------
    ValueError
        There is no part, or the parts are of different kinds.
    """
    columns = list(parts)
    if len({type(part) for part in columns}) != 1:
        raise ValueError("columns of one kind can be put together, and at least one is needed")
    if len(columns) == 1:
        return columns[0]
    invalid = sum(part.invalid for part in columns)
    numbers = [part.values for part in columns if isinstance(part, NumberColumn)]
    if numbers:
        return NumberColumn(np.concatenate(numbers), invalid)
    times = [part.seconds for part in columns if isinstance(part, TimeColumn)]
    if times:
        return TimeColumn(np.concatenate(times), invalid)
    categories = [part for part in columns if isinstance(part, CategoryColumn)]
    firsts = np.cumsum([0, *(len(part.levels) for part in categories)])
    codes = [np.where(part.codes < 0, -1, part.codes + first) for part, first in zip(categories, firsts, strict=False)]
    return CategoryColumn.coded(np.concatenate(codes), [name for part in categories for name in part.levels], invalid)


def taken(column: Column, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Column:
    """Some rows of a column; which of the missing ones were of the wrong type is forgotten."""
    if isinstance(column, CategoryColumn):
        return CategoryColumn.coded(column.codes[rows], column.levels)
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[rows])
    return TimeColumn(column.seconds[rows])


def _quantities(kind: Kind, values: NDArray[np.float64], invalid: int) -> NumberColumn | TimeColumn:
    return TimeColumn(values, invalid) if kind is Kind.TIMESTAMP else NumberColumn(values, invalid)


def _numbers_at_once(raw: Sequence[object]) -> NDArray[np.float64] | None:
    """Fast path for well-formed text; None when any value needs a closer look."""
    if set(map(type, raw)) - {str}:
        return None
    if "_" in "".join(raw):  # type: ignore[arg-type]  # Python alone reads 1_000 as a number
        return None
    try:
        return np.fromiter((float(text or "nan") for text in raw), np.float64, len(raw))  # type: ignore[arg-type]
    except ValueError:
        return None
