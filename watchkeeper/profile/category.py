"""Categorical columns: counts of the baseline's categories, and a bounded account of new ones.

New names are kept by the smallest hashes ("bottom k"). A name that is kept in the end was kept in every part that held
it, so its count is exact and merging is associative, which keeping the most frequent names would not be.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from watchkeeper.errors import ProfileError
from watchkeeper.table import CategoryColumn

MOST_LEVELS = 64
"""Categories counted one by one: the baseline's most frequent."""
MOST_RARE = 1000
"""Further categories that are known by name and counted together."""
MOST_NEW = 64
"""New names kept with their counts."""


@dataclass(frozen=True)
class CategoryProfile:
    """What is kept of the categories of some rows; merging is adding.

    Attributes
    ----------
    counts : rows of each of the binning's levels
    rare : rows of the baseline's other categories
    new : rows of categories that the baseline does not know
    names : the new names with the smallest hashes, at most `MOST_NEW`, with their rows
    missing, invalid : rows without a value, and with one of the wrong type
    """

    counts: tuple[int, ...]
    rare: int = 0
    new: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    missing: int = 0
    invalid: int = 0

    @property
    def present(self) -> int:
        """Rows with a category."""
        return sum(self.counts) + self.rare + self.new

    @property
    def rows(self) -> int:
        """All rows observed."""
        return self.present + self.missing + self.invalid

    def merge(self, other: CategoryProfile) -> CategoryProfile:
        """The profile of both sets of rows together."""
        if len(self.counts) != len(other.counts):
            raise ProfileError(
                f"Profiles of {len(self.counts)} and {len(other.counts)} categories cannot be merged: they were made "
                "against different baselines. Merge profiles of one baseline only."
            )
        return CategoryProfile(
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            rare=self.rare + other.rare,
            new=self.new + other.new,
            names=_smallest_hashes(Counter(self.names) + Counter(other.names)),
            missing=self.missing + other.missing,
            invalid=self.invalid + other.invalid,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form, without what is zero."""
        document: dict[str, Any] = {"counts": list(self.counts)}
        for name in ("rare", "new", "missing", "invalid"):
            if getattr(self, name):
                document[name] = getattr(self, name)
        if self.names:
            document["names"] = dict(sorted(self.names.items()))
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> CategoryProfile:
        """Read what `to_json` wrote."""
        return cls(**{**document, "counts": tuple(document["counts"])})


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
        found = Counter(value for value in column.values if value is not None)
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

    def empty(self) -> CategoryProfile:
        """The profile of no rows."""
        return CategoryProfile((0,) * len(self.levels))

    def observe(self, column: CategoryColumn) -> CategoryProfile:
        """Profile the rows of a column."""
        found = Counter(column.values)
        absent = found.pop(None, 0)
        counts = tuple(found.pop(level, 0) for level in self.levels)
        if self.complete:
            rare = sum(found.pop(name, 0) for name in self.rare)
            names = Counter({name: count for name, count in found.items() if name is not None})
        else:
            rare, names = sum(found.values()), Counter()
        return CategoryProfile(
            counts=counts,
            rare=rare,
            new=sum(names.values()),
            names=_smallest_hashes(names),
            missing=absent - column.invalid,
            invalid=column.invalid,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
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
        return cls(**{**document, "levels": tuple(document["levels"]), "rare": tuple(document["rare"])})


def _smallest_hashes(names: Mapping[str, int]) -> dict[str, int]:
    kept: Iterable[str] = names
    if len(names) > MOST_NEW:
        kept = sorted(names, key=lambda name: hashlib.blake2b(name.encode(), digest_size=8).digest())[:MOST_NEW]
    return {name: names[name] for name in kept}
