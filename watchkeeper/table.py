"""Raw values into typed columns: what counts as a number, a category, missing or wrong.

A raw value is what a request held: text from CSV; text, a number, a boolean, null or something nested from JSON. The
rules are the same for training files, captures and requests, so that a baseline and live traffic are read alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.spec import Kind

MISSING = frozenset({"", "?", "NA", "null", "None", "NaN"})
"""Text that stands for a missing value, after stripping spaces."""

LONGEST_CATEGORY = 100
"""Longer category values are cut: they are free text, and would make profiles grow without bound."""


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
    """Categories of `n` rows; None where missing or invalid, `invalid` of them because of their type."""

    values: Sequence[str | None]
    invalid: int = 0

    def __len__(self) -> int:
        return len(self.values)


Column: TypeAlias = NumberColumn | CategoryColumn


def column(kind: Kind, raw: Sequence[object]) -> Column:
    """Read the raw values of one feature."""
    if kind is Kind.CATEGORY:
        return category_column(raw)
    return number_column(raw, integer=kind is Kind.INTEGER)


def number_column(raw: Sequence[object], *, integer: bool = False) -> NumberColumn:
    """Read numbers; with `integer`, a fraction is a value of the wrong type."""
    values = _numbers_at_once(raw)
    invalid = 0
    if values is None:
        values, invalid = _numbers_one_by_one(raw)
    if integer:
        with np.errstate(invalid="ignore"):
            fractions = np.isfinite(values) & (values != np.trunc(values))
        found = int(np.count_nonzero(fractions))
        if found:
            values[fractions] = np.nan
            invalid += found
    return NumberColumn(values, invalid)


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


def _numbers_one_by_one(raw: Sequence[object]) -> tuple[NDArray[np.float64], int]:
    values = np.full(len(raw), np.nan)
    invalid = 0
    for position, value in enumerate(raw):
        try:
            values[position] = parse_number(value)
        except ValueError:
            invalid += 1
    return values, invalid


def parse_number(value: object) -> float:
    """One number: NaN when missing; JSON booleans count as 0 and 1.

    Raises
    ------
    ValueError
        The value is not a number.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return math.nan
        if "_" in text:
            raise ValueError("not a number")
        return float(text)
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    raise ValueError("not a number")


def category_column(raw: Sequence[object]) -> CategoryColumn:
    """Read categories; numbers and booleans become their text, lists and objects are of the wrong type."""
    if not set(map(type, raw)) - {str}:
        cleaned = {text: parse_category(text) for text in set(raw)}
        return CategoryColumn([cleaned[text] for text in raw])
    values: list[str | None] = []
    invalid = 0
    for value in raw:
        try:
            values.append(parse_category(value))
        except ValueError:
            values.append(None)
            invalid += 1
    return CategoryColumn(values, invalid)


def parse_category(value: object) -> str | None:
    """One category's text, or None when missing. `3` and `3.0` are one category.

    Raises
    ------
    ValueError
        The value is a list or an object.
    """
    if isinstance(value, str):
        text = value.strip()
        if text in MISSING:
            return None
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate cannot be written
        return text[:LONGEST_CATEGORY]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int | float):
        return repr(float(value)) if isinstance(value, float) or abs(value) >= 10**18 else str(value)
    raise ValueError("not a category")


def concatenate(parts: Iterable[Column]) -> Column:
    """One column out of several of one kind.

    Raises
    ------
    ValueError
        There is no part, or the parts are of both kinds.
    """
    columns = list(parts)
    numbers = [part for part in columns if isinstance(part, NumberColumn)]
    categories = [part for part in columns if isinstance(part, CategoryColumn)]
    if bool(numbers) == bool(categories):
        raise ValueError("columns of one kind can be put together, and at least one is needed")
    if numbers:
        return NumberColumn(np.concatenate([part.values for part in numbers]), sum(part.invalid for part in numbers))
    values = [value for part in categories for value in part.values]
    return CategoryColumn(values, sum(part.invalid for part in categories))
