"""One look: a window's profile beside its baseline's, and every test of it with its part of the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from watchkeeper.drift.aspects import Aspect
from watchkeeper.drift.budget import SHARES, Family
from watchkeeper.drift.categories import Categories, known_counts
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersions
from watchkeeper.drift.joint import Joint
from watchkeeper.drift.numbers import Numbers, share_aspects
from watchkeeper.drift.tails import Floats
from watchkeeper.profile import (
    Baseline,
    CategoryProfile,
    ColumnProfile,
    JointProfile,
    NumberProfile,
    Profile,
    TimeProfile,
)

OUTCOMES = ("predicted score", "predicted value")
"""Predictions whose mean is a test of its own."""
_Kind = TypeVar("_Kind", NumberProfile, CategoryProfile, TimeProfile)


@dataclass(frozen=True)
class Pair:
    """One column on both sides."""

    name: str
    predicted: bool
    window: ColumnProfile
    reference: ColumnProfile

    @property
    def observed(self) -> bool:
        """Whether both sides have rows: where only requests are captured, there are no predictions."""
        return self.window.rows > 0 and self.reference.rows > 0


@dataclass(frozen=True)
class Look:
    """A window beside other rows over the same bins; columns in the baseline's order, features first."""

    pairs: tuple[Pair, ...]
    joint: Joint | None

    @classmethod
    def of(cls, baseline: Baseline, window: Profile, other: Profile | None = None) -> Look:
        """Put a window beside the baseline's reference, or beside `other` rows."""
        other = baseline.reference if other is None else other
        features, predictions = other.features, other.predictions
        pairs = (
            *(Pair(name, False, view, features[name]) for name, view in window.features.items()),
            *(Pair(name, True, view, predictions[name]) for name, view in window.predictions.items()),
        )
        whole = all(side.rows == pair.rows for pair, side in _outcomes(pairs, window, other))
        law = baseline.reference.joint
        if window.joint is None or other.joint is None or law is None:
            return cls(pairs, None)
        skewness = _skewness(baseline.reference, law)
        return cls(pairs, Joint.of(window.joint, other.joint, law, skewness, predicted=whole))

    @property
    def number_places(self) -> list[int]:
        """Where the numeric columns are among all."""
        return self._places(NumberProfile)

    @property
    def category_places(self) -> list[int]:
        """Where the categorical columns are among all."""
        return self._places(CategoryProfile)

    @cached_property
    def numbers(self) -> Numbers:
        """The numeric columns."""
        kept = [self.pairs[place] for place in self.number_places]
        return Numbers.of(
            self._views(NumberProfile, reference=False),
            self._views(NumberProfile, reference=True),
            [pair.predicted and pair.name in OUTCOMES for pair in kept],
        )

    @cached_property
    def categories(self) -> Categories:
        """The categorical columns."""
        return Categories.of(
            self._views(CategoryProfile, reference=False), self._views(CategoryProfile, reference=True)
        )

    def measures(self) -> dict[Family, Floats]:
        """Each family's statistics in the form whose mean is 1 for independent rows (see `dispersion`).

        Missing values of numeric and of categorical columns come one after the other.
        """
        numbers, categories = self.numbers.measures(), self.categories.measures()
        joint = {} if self.joint is None else self.joint.measures()
        missing = np.concatenate([numbers[Family.MISSING], categories[Family.MISSING]])
        return {**numbers, **categories, **joint, Family.MISSING: missing}

    def aspects(self, dispersions: Dispersions = INDEPENDENT) -> list[list[Aspect]]:
        """What is tested in each column, and last what is tested in all of them together."""
        found: list[list[Aspect]] = [[] for _ in self.pairs]
        weights, levels = self._weights()
        of_numbers, of_categories = dispersions.split(Family.MISSING, self.numbers.columns)
        for place, aspects in zip(self.number_places, self.numbers.aspects(weights, of_numbers), strict=True):
            found[place] = aspects
        for place, aspects in zip(
            self.category_places, self.categories.aspects(weights, levels, of_categories), strict=True
        ):
            found[place] = aspects
        for place, pair in enumerate(self.pairs):
            if pair.observed and isinstance(pair.window, TimeProfile) and isinstance(pair.reference, TimeProfile):
                found[place] = _time_aspects(pair.window, pair.reference, weights)
        return [*found, [] if self.joint is None else self.joint.aspects(weights, dispersions)]

    def features_together(self, dispersions: Dispersions = INDEPENDENT) -> list[Aspect]:
        """What the features alone show of all that is tested in all columns together."""
        alone = None if self.joint is None else self.joint.features
        return [] if alone is None else alone.aspects(self._weights()[0], dispersions)

    def _weights(self) -> tuple[dict[Family, float], Floats]:
        """Weight of each family's test of one column, and of the single levels of each categorical one."""
        numbers, categories = self.numbers, self.categories
        diversity = categories.diversity
        tested = sum(pair.observed for pair in self.pairs)
        complete = np.array([binning.complete for binning in categories.binnings], bool)
        columns = {
            Family.LOCATION: int(numbers.valued.sum()),
            Family.SPREAD: int(numbers.valued.sum()),
            Family.SHAPE: int(numbers.valued.sum()),
            Family.RANGE: int(numbers.valued.sum()),
            Family.MIX: int(categories.valued.sum()),
            Family.LEVEL: int(diversity.sum() > 0),
            Family.NEW: int((complete & categories.observed).sum()),
            Family.MISSING: tested,
            Family.FAULTS: tested,
            Family.OUTCOME: int((numbers.outcomes & numbers.valued).sum()),
            Family.TOGETHER: int(self.joint is not None and self.joint.usable),
            Family.CORRELATION: int(self.joint is not None),
        }
        total = sum(SHARES[family] for family, count in columns.items() if count)
        weights = {family: SHARES[family] / total / count if count else 0.0 for family, count in columns.items()}
        return weights, weights[Family.LEVEL] * diversity / max(float(diversity.sum()), 1e-12)

    def _places(self, kind: type[_Kind]) -> list[int]:
        return [place for place, pair in enumerate(self.pairs) if isinstance(pair.window, kind)]

    def _views(self, kind: type[_Kind], *, reference: bool) -> list[_Kind]:
        sides = (pair.reference if reference else pair.window for pair in self.pairs)
        return [side for side in sides if isinstance(side, kind)]


def _outcomes(
    pairs: tuple[Pair, ...], window: Profile, other: Profile
) -> list[tuple[ColumnProfile | Profile, Profile]]:
    """Each prediction's profiles beside the whole ones."""
    return [
        item
        for pair in pairs
        if pair.predicted and pair.name in OUTCOMES
        for item in ((pair.window, window), (pair.reference, other))
    ]


def _skewness(reference: Profile, joint: JointProfile) -> Floats:
    """Of each joint column's scores over the reference's rows."""
    columns = {**reference.predictions, **reference.features}
    answer = joint.binning.prediction
    found = []
    for name, table in zip(joint.columns, joint.binning.tables, strict=True):
        column = reference.predictions[name] if name == answer else columns[name]
        counts = known_counts(column) if isinstance(column, CategoryProfile) else column.counts  # type: ignore[union-attr]
        share = counts / max(reference.rows, 1)
        spread = float(share @ np.square(table)) ** 1.5
        found.append(float(share @ table**3) / spread if spread else 0.0)
    return np.array(found)


def _time_aspects(window: TimeProfile, reference: TimeProfile, weights: Mapping[Family, float]) -> list[Aspect]:
    """Of moments only what is missing or wrong: a window shorter than the baseline's span always has other hours."""
    return share_aspects(
        (window.missing, window.rows, reference.missing, reference.rows),
        (window.invalid, window.rows, reference.invalid, reference.rows),
        weights,
    )
