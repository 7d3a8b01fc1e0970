"""Categorical columns: counts of the baseline's categories, and a bounded account of new ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from watchkeeper.profile import names
from watchkeeper.profile.layout import Floats, Integers, Scratch, Shape, Tally
from watchkeeper.table import CategoryColumn

MOST_LEVELS = 64
"""Categories counted one by one: the baseline's most frequent."""
MOST_RARE = 1000
"""Further categories that are known by name and counted together."""

_MISSING, _INVALID, _RARE, _NEW, _LEVELS = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class CategoryProfile:
    """What is known of the categories of some rows."""

    binning: CategoryBinning
    tally: Tally

    @property
    def counts(self) -> Integers:
        """Rows of each of the binning's levels."""
        return self.tally.counts[_LEVELS:]

    @property
    def rare(self) -> int:
        """Rows of the baseline's other categories."""
        return int(self.tally.counts[_RARE])

    @property
    def new(self) -> int:
        """Rows of categories that the baseline does not know."""
        return int(self.tally.counts[_NEW])

    @property
    def names(self) -> Mapping[str, int]:
        """Rows of the new names with the smallest hashes: exact, at most `names.MOST_NAMES`."""
        return self.tally.names

    @property
    def new_distinct(self) -> float:
        """How many different new names there were; an estimate when not all are kept."""
        return names.distinct(self.tally.names)

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return int(self.tally.counts[_MISSING])

    @property
    def invalid(self) -> int:
        """Rows with a value of the wrong type."""
        return int(self.tally.counts[_INVALID])

    @property
    def present(self) -> int:
        """Rows with a category."""
        return int(self.tally.counts[_RARE:].sum())

    @property
    def rows(self) -> int:
        """All rows observed."""
        return int(self.tally.counts.sum())


@dataclass(frozen=True)
class CategoryBinning:
    """Categories of one column, fixed by the baseline.

    Attributes
    ----------
    levels : the most frequent categories, each counted; most frequent first
    rare : further known categories, counted together
    complete : whether `levels` and `rare` are all the baseline has; if not, no category can be called new
    once, twice, sampled : how many categories the baseline's `sampled` rows held exactly once and twice: from these the
        rate of categories never seen before is estimated (Good and Turing)
    """

    levels: tuple[str, ...]
    rare: tuple[str, ...] = ()
    complete: bool = True
    once: int = 0
    twice: int = 0
    sampled: int = 0

    @classmethod
    def fit(cls, column: CategoryColumn) -> CategoryBinning:
        """The categories of the column, most frequent first (ties by name)."""
        rows = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels)).tolist()
        found = {name: count for name, count in zip(column.levels, rows, strict=True) if count}
        ranked = sorted(found, key=lambda name: (-found[name], name))
        frequencies = Counter(found.values())
        return cls(
            levels=tuple(ranked[:MOST_LEVELS]),
            rare=tuple(sorted(ranked[MOST_LEVELS : MOST_LEVELS + MOST_RARE])),
            complete=len(ranked) <= MOST_LEVELS + MOST_RARE,
            once=frequencies[1],
            twice=frequencies[2],
            sampled=sum(found.values()),
        )

    @property
    def shape(self) -> Shape:
        """What it needs of a profile's vector."""
        return Shape(counts=_LEVELS + len(self.levels))

    @property
    def slots(self) -> int:
        """Different places a known category may be counted in: the levels, and all rarer ones together."""
        return len(self.levels) + 1

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Where each known category is counted."""
        rare = dict.fromkeys(self.rare, _RARE)
        return rare | {name: _LEVELS + place for place, name in enumerate(self.levels)}

    def view(self, tally: Tally) -> CategoryProfile:
        """The profile that a tally holds."""
        return CategoryProfile(self, tally)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "kind": "category",
            "levels": list(self.levels),
            "rare": list(self.rare),
            "complete": self.complete,
            "once": self.once,
            "twice": self.twice,
            "sampled": self.sampled,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CategoryBinning:
        """Read what `to_json` wrote."""
        return cls(
            levels=tuple(document["levels"]),
            rare=tuple(document["rare"]),
            complete=bool(document["complete"]),
            once=int(document["once"]),
            twice=int(document["twice"]),
            sampled=int(document["sampled"]),
        )


class CategoryCounter:
    """Counts the rows of one column, a slice at a time.

    `scores`, float64 of shape (slots,), are those of the levels and, last, of the rarer categories together.
    """

    def __init__(self, binning: CategoryBinning, scores: Floats | None = None) -> None:
        self._known = binning.places
        self._unknown = _NEW if binning.complete else _RARE
        self._tally = Tally.blank(binning.shape)
        self._column = CategoryColumn.of([])
        self._places = np.empty(0, np.int64)
        self._rows = np.zeros(1, np.int64)
        if scores is not None:
            self._place_scores = np.concatenate([[0.0, 0.0, scores[-1], 0.0], scores[:-1]])  # none of a new category

    def begin(self, column: CategoryColumn) -> None:
        """Take up the column of the next block."""
        self._fold()
        self._column = column
        self._places = np.array([self._known.get(level, self._unknown) for level in column.levels], np.int64)
        self._rows = np.zeros(len(column.levels) + 1, np.int64)

    def add(self, start: int, stop: int, scratch: Scratch, row_scores: Floats | None) -> None:
        """Count the block's rows from `start` to `stop`; fill `row_scores` where they are wanted."""
        codes = scratch.places[: stop - start]
        np.add(self._column.codes[start:stop], 1, out=codes, casting="safe")
        self._rows += np.bincount(codes, minlength=len(self._rows))
        if row_scores is not None:
            code_scores = np.concatenate([[0.0], self._place_scores[self._places]])
            np.take(code_scores, codes, out=row_scores, mode="clip")

    def finish(self, tally: Tally) -> None:
        """Write all that was counted into a tally of none."""
        self._fold()
        tally.counts[:] = self._tally.counts
        tally.names.update(self._tally.names)

    def _fold(self) -> None:
        """Turn the counts of the block's own codes into those of the baseline's categories."""
        own, rows, places = self._tally, self._rows[1:], self._places
        own.counts[:] += np.bincount(places, weights=rows, minlength=len(own.counts)).astype(np.int64)
        own.counts[_MISSING] += self._rows[0] - self._column.invalid
        own.counts[_INVALID] += self._column.invalid
        new = np.flatnonzero((places == _NEW) & (rows > 0)).tolist()
        if new:
            found = {self._column.levels[place]: int(rows[place]) for place in new}
            kept = names.merged([own.names, found])
            own.names.clear()
            own.names.update(kept)
        self._rows = np.zeros(1, np.int64)
        self._column = CategoryColumn.of([])
        self._places = np.empty(0, np.int64)
