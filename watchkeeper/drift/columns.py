"""One column in a window and in the baseline, side by side: what changed, how surely, how much, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from watchkeeper.drift import wording
from watchkeeper.drift.aspects import Aspect, category_aspects, number_aspects
from watchkeeper.drift.wording import Wording
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Share
from watchkeeper.profile import (
    CategoryBinning,
    CategoryProfile,
    ColumnBinning,
    ColumnProfile,
    NumberBinning,
    NumberProfile,
)


@dataclass(frozen=True)
class NumberPair:
    """A numeric column."""

    name: str
    bins: NumberBinning
    window: NumberProfile
    reference: NumberProfile

    def aspects(self) -> list[Aspect]:
        """What is tested."""
        return number_aspects(self.window, self.reference)

    def shares(self) -> tuple[Share, ...]:
        """The bins that contribute most."""
        return wording.number_shares(self.bins, self.window, self.reference)

    def words(self, aspect: Aspect) -> Wording:
        """The change of one aspect in plain words."""
        return wording.describe_number(aspect, self.window, self.reference, self.shares())


@dataclass(frozen=True)
class CategoryPair:
    """A categorical column."""

    name: str
    bins: CategoryBinning
    window: CategoryProfile
    reference: CategoryProfile

    def aspects(self) -> list[Aspect]:
        """What is tested."""
        return category_aspects(self.bins, self.window, self.reference)

    def shares(self) -> tuple[Share, ...]:
        """The categories that contribute most."""
        return wording.category_shares(self.bins, self.window, self.reference)

    def words(self, aspect: Aspect) -> Wording:
        """The change of one aspect in plain words."""
        return wording.describe_category(aspect, self.window, self.reference, self.shares())


Pair: TypeAlias = NumberPair | CategoryPair


def pair(name: str, bins: ColumnBinning, window: ColumnProfile, reference: ColumnProfile) -> Pair:
    """Put a column's two profiles side by side."""
    if isinstance(bins, NumberBinning) and isinstance(window, NumberProfile) and isinstance(reference, NumberProfile):
        return NumberPair(name, bins, window, reference)
    if (
        isinstance(bins, CategoryBinning)
        and isinstance(window, CategoryProfile)
        and isinstance(reference, CategoryProfile)
    ):
        return CategoryPair(name, bins, window, reference)
    raise ProfileError(
        f"Column {name!r} is a number on one side and a category on the other: build the baseline again."
    )
