"""The categorical columns of a look, stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import effect, evidence, tails
from watchkeeper.drift.aspects import DISTANCE, NEW_THRESHOLD, SHARE_CHANGE, VALUES_THRESHOLD, Aspect, Test
from watchkeeper.drift.budget import Family
from watchkeeper.drift.dispersion import INDEPENDENT, Dispersions
from watchkeeper.drift.evidence import ChiSquared, Counts
from watchkeeper.drift.numbers import at, share_aspects, share_z
from watchkeeper.drift.tails import Floats
from watchkeeper.profile import CategoryBinning, CategoryProfile

_LUCK = 4.0
"""Standard deviations above the least frequent level's share within which a level may be there by luck."""


@dataclass(frozen=True)
class CategorySide:
    """The columns' profiles of one side as arrays.

    Attributes
    ----------
    known : rows of each level and, last of each column, of all rarer known categories; of shape (columns, places)
    """

    known: Counts
    rows: Floats
    missing: Floats
    faults: Floats
    new: Floats

    @classmethod
    def of(cls, profiles: Sequence[CategoryProfile]) -> CategorySide:
        """Stack profiles; shorter ones end in places without rows."""
        known = np.zeros((len(profiles), max((profile.binning.slots for profile in profiles), default=1)))
        for row, profile in zip(known, profiles, strict=True):
            row[: profile.binning.slots] = known_counts(profile)
        scalars = [(p.rows, p.missing, p.invalid, p.new) for p in profiles]
        return cls(known, *np.array(scalars, np.float64).reshape(-1, 4).T)

    @cached_property
    def present(self) -> Floats:
        """Rows with a category, known or new."""
        return self.known.sum(axis=-1) + self.new


def known_counts(profile: CategoryProfile) -> Counts:
    """Rows of each level, and of all rarer known categories together."""
    return np.append(profile.counts, profile.rare).astype(np.float64)


@dataclass(frozen=True)
class Categories:
    """Categorical columns in a window and in the reference."""

    binnings: tuple[CategoryBinning, ...]
    window: CategorySide
    reference: CategorySide

    @classmethod
    def of(cls, window: Sequence[CategoryProfile], reference: Sequence[CategoryProfile]) -> Categories:
        """Put the columns' profiles side by side."""
        return cls(tuple(p.binning for p in window), CategorySide.of(window), CategorySide.of(reference))

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self.binnings)

    @cached_property
    def observed(self) -> NDArray[np.bool_]:
        """Columns with rows on both sides."""
        return (self.window.rows > 0) & (self.reference.rows > 0)

    @cached_property
    def valued(self) -> NDArray[np.bool_]:
        """Columns with known categories on both sides."""
        return (self.window.known.sum(axis=-1) > 0) & (self.reference.known.sum(axis=-1) > 0)

    @cached_property
    def tested(self) -> tuple[Counts, Counts]:
        """Rows of each category on both sides; levels that may be among the counted ones by luck are with the rarer.

        Where a column has rarer categories, its levels are those that were frequent in the baseline: near the limit
        their shares there are too large, by luck, and fall in every healthy window. Which of them are tested depends on
        both sides' rows together, and so favours neither.
        """
        window, reference = self.window.known.copy(), self.reference.known.copy()
        rows, last = np.arange(self.columns), np.array([binning.slots - 1 for binning in self.binnings], np.intp)
        level = np.arange(window.shape[1]) < last[:, None]
        m = np.maximum(reference.sum(axis=-1), 1)
        limit = np.where(level, reference, np.inf).min(axis=-1, initial=np.inf) / m
        limit = limit + _LUCK * np.sqrt(limit / m)
        rarer = np.array([bool(binning.rare) or not binning.complete for binning in self.binnings], bool)
        lucky = level & rarer[:, None] & (evidence.shares(window + reference) <= limit[:, None])
        for side in (window, reference):
            side[rows, last] += np.where(lucky, side, 0.0).sum(axis=-1)
            side[lucky] = 0.0
        return window, reference

    @cached_property
    def mix(self) -> ChiSquared:
        """χ² over the known categories."""
        return evidence.chi_squared(*self.tested)

    @cached_property
    def diversity(self) -> Floats:
        """Gini's 1 − Σq², the sum of the levels' variances: a column's part of the share for single levels."""
        return np.where(self.valued, 1 - np.square(evidence.shares(self.tested[1])).sum(axis=-1), 0.0)

    @property
    def _expected(self) -> Floats:
        """Rows expected of each category in the smaller side."""
        window, reference = self.tested
        smaller = np.minimum(window.sum(axis=-1), reference.sum(axis=-1))
        return evidence.shares(window + reference) * smaller[:, None]

    def measures(self) -> Mapping[Family, Floats]:
        """Each family's statistic in the form whose mean is 1 for independent rows; NaN where there is none."""
        freedom = np.where(self.mix.freedom > 0, self.mix.freedom, np.nan)
        changes = evidence.level_changes(*self.tested)[0]
        return {
            Family.MIX: self.mix.statistic / freedom,
            Family.LEVEL: np.where(self._expected >= evidence.SMALLEST_EXPECTED, np.square(changes), np.nan),
            Family.MISSING: share_z(self.window.missing, self.window.rows, self.reference.missing, self.reference.rows),
        }

    def aspects(
        self, weights: Mapping[Family, float], level_weights: Floats, dispersions: Dispersions = INDEPENDENT
    ) -> list[list[Aspect]]:
        """What is tested in each column; nothing where a side has no rows."""
        both = self.tested
        mix = dispersions.chi_squared(Family.MIX, *self.mix, tails.chi_squared(*self.mix))
        levels = dispersions.moderated(Family.LEVEL, self.window.known.shape)
        level = evidence.largest_level(*both, *levels)
        missing = dispersions.moderated(Family.MISSING, (self.columns,))
        size = np.maximum(effect.jensen_shannon(*both), effect.single_levels(*both))
        found: list[list[Aspect]] = []
        for place in range(self.columns):
            aspects: list[Aspect] = []
            if self.valued[place]:
                tests = (
                    Test(Family.MIX, float(mix[place]), weights[Family.MIX]),
                    Test(Family.LEVEL, float(level[place]), float(level_weights[place])),
                )
                aspects.append(Aspect("values", tests, float(size[place]), VALUES_THRESHOLD, DISTANCE))
            if self.binnings[place].complete and self.window.present[place] and self.reference.present[place]:
                aspects.append(self._new(place, weights[Family.NEW], float(levels[0][place].max())))
            if self.observed[place]:
                aspects += self._shares(place, weights, at(missing, place))
            found.append(aspects)
        return found

    def _new(self, place: int, weight: float, factor: float) -> Aspect:
        bins, n, m = self.binnings[place], self.window.present[place], self.reference.present[place]
        unseen = self.window.new[place]
        p = evidence.unseen_test(np.ceil(unseen / factor), n / factor, bins.once, bins.twice, bins.sampled)
        growth = max(0.0, float(unseen / n - self.reference.new[place] / m))
        return Aspect(Family.NEW.value, (Test(Family.NEW, p, weight),), growth, NEW_THRESHOLD, SHARE_CHANGE)

    def _shares(self, place: int, weights: Mapping[Family, float], dispersion: tuple[float, float]) -> list[Aspect]:
        n, m = self.window.rows[place], self.reference.rows[place]
        return share_aspects(
            (self.window.missing[place], n, self.reference.missing[place], m),
            (self.window.faults[place], n, self.reference.faults[place], m),
            weights,
            dispersion,
        )
