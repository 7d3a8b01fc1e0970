"""One column as groups of people: categories as they are, numbers by cut points; who has no value is a group apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import ConfigError, DatasetError
from watchkeeper.table import CategoryColumn, Column, NumberColumn

OTHER = "(other groups)"
"""Categories that are too rare to be groups of their own, or that the baseline did not have."""
MISSING = "(missing)"
"""Rows without a value: counted, never compared."""

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Sensitive:
    """A column whose groups must be treated alike, as a user names it.

    Attributes
    ----------
    cuts : for numbers: where one group ends and the next begins; without them, the baseline's quartiles
    favoured : the groups that others are compared with; without them, the baseline's largest group
    """

    name: str
    cuts: tuple[float, ...] = ()
    favoured: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attribute:
    """How one column's values become groups, fixed by the baseline; exactly one of `levels` and `cuts` is given.

    Attributes
    ----------
    levels : the categories that are groups, largest first; all others are one group together
    cuts : ascending; a value belongs to the group above a cut from the cut itself on
    """

    name: str
    levels: tuple[str, ...] | None = None
    cuts: tuple[float, ...] | None = None

    @classmethod
    def fit(cls, wanted: Sensitive, column: Column, most: int) -> Attribute:
        """Groups for a baseline's column, at most `most` of a categorical one.

        Raises
        ------
        ConfigError
            The column is a timestamp, cut points are given for categories, or they do not ascend.
        """
        if isinstance(column, CategoryColumn):
            if wanted.cuts:
                raise ConfigError(
                    f"{wanted.name!r} has cut points, but its values are categories: leave the cut points out."
                )
            rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels)).tolist()
            ranked = sorted(zip(column.levels, rows, strict=True), key=lambda pair: (-pair[1], pair[0]))
            return cls(wanted.name, levels=tuple(name for name, count in ranked[:most] if count))
        if not isinstance(column, NumberColumn):
            raise ConfigError(
                f"{wanted.name!r} is a timestamp, which makes no groups of people: name a number or a category."
            )
        if list(wanted.cuts) != sorted(set(wanted.cuts)) or not np.isfinite(wanted.cuts).all():
            raise ConfigError(f"The cut points of {wanted.name!r} are {wanted.cuts}: give finite ones that ascend.")
        return cls(wanted.name, cuts=wanted.cuts or _quartiles(column.values))

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups that are compared, in the order of their places."""
        if self.levels is not None:
            return (*self.levels, OTHER)
        cuts = [f"{cut:.12g}" for cut in self.cuts or ()]
        if not cuts:
            return ("any value",)
        between = [f"{low} to under {high}" for low, high in pairwise(cuts)]
        return (f"under {cuts[0]}", *between, f"{cuts[-1]} and over")

    def places(self, columns: Mapping[str, Column]) -> Places:
        """Each row's place in `groups`, int64 of shape (rows,); their number where the value is missing.

        Raises
        ------
        DatasetError
            The column is not there, or of another kind than the baseline's.
        """
        column, missing = columns.get(self.name), len(self.groups)
        if self.levels is not None and isinstance(column, CategoryColumn):
            known = {level: place for place, level in enumerate(self.levels)}
            found = [known.get(level, len(known)) for level in column.levels]
            return np.array([*found, missing], np.int64)[column.codes]  # the code -1 finds the last
        if self.cuts is not None and isinstance(column, NumberColumn):
            above = np.searchsorted(np.asarray(self.cuts, np.float64), column.values, side="right")
            return np.where(np.isnan(column.values), missing, above).astype(np.int64)
        kind = "categories" if self.levels is not None else "numbers"
        there = "are not there" if column is None else "are of another kind"
        raise DatasetError(
            f"The rows' values of {self.name!r} {there}; the groups were made of {kind} of that name. Keep the feature "
            "in the model's file, and not among the personal ones, which no count may be made of."
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "levels": None if self.levels is None else list(self.levels),
            "cuts": None if self.cuts is None else list(self.cuts),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Attribute:
        """Read what `to_json` wrote."""
        levels, cuts = document["levels"], document["cuts"]
        return cls(document["name"], None if levels is None else tuple(levels), None if cuts is None else tuple(cuts))


def _quartiles(values: NDArray[np.float64]) -> tuple[float, ...]:
    """The quartiles that have values below them; fewer than three where many values are equal."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ()
    cuts = np.unique(np.quantile(finite, (0.25, 0.5, 0.75), method="inverted_cdf"))
    return tuple(float(cut) for cut in cuts[cuts > np.min(finite)])
