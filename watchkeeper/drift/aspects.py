"""What is looked at in a column of each kind: its values, missing values, values of the wrong type, new categories.

Each aspect has its own test and its own size, so that strong evidence for a tiny change of one aspect is never taken
for evidence of a large but random change of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from watchkeeper.drift import effect, evidence
from watchkeeper.drift.evidence import Counts
from watchkeeper.profile import CategoryBinning, CategoryProfile, NumberProfile

DISTANCE = "Jensen-Shannon distance"
SHARE_CHANGE = "change of the share"

VALUES_THRESHOLD = 0.02
"""Jensen-Shannon distance: about a mean moved by 0.06 standard deviations, or 3 % of the rows changing category."""
MISSING_THRESHOLD = 0.02
"""Two points of a hundred more, or fewer, missing values."""
RANGE_THRESHOLD = 0.01
"""One point more values outside the range that the baseline had."""
INVALID_THRESHOLD = 0.01
"""One point more values of the wrong type, or infinite ones: those are faults, not facts."""
NEW_THRESHOLD = 0.002
"""Two rows in a thousand with a category that the model has never seen."""


@dataclass(frozen=True)
class Aspect:
    """One way in which a column may have changed.

    Attributes
    ----------
    p_values : of its tests; combined by the Cauchy combination
    effect, threshold, measure : its size, what that must exceed, and on what scale
    """

    name: str
    p_values: tuple[float, ...]
    effect: float
    threshold: float
    measure: str

    @property
    def p_value(self) -> float:
        """All its tests combined."""
        return evidence.cauchy(self.p_values)

    @property
    def score(self) -> float:
        """The effect in units of its threshold."""
        return self.effect / self.threshold


def number_aspects(window: NumberProfile, reference: NumberProfile) -> list[Aspect]:
    """Aspects of a numeric column."""
    found = []
    if window.present and reference.present:
        found.append(_number_values(_counts(window.counts), _counts(reference.counts)))
        found.append(_outside(window, reference))
    found.append(_share("missing", window.missing, window.rows, reference.missing, reference.rows, MISSING_THRESHOLD))
    faults = window.invalid + window.infinite, reference.invalid + reference.infinite
    if any(faults):
        found.append(_share("wrong type", faults[0], window.rows, faults[1], reference.rows, INVALID_THRESHOLD))
    return found


def _number_values(window: Counts, reference: Counts) -> Aspect:
    """Location, spread, and any other change of shape over 16 coarse bins."""
    z = evidence.components(window, reference)
    coarse = evidence.coarsen(window, reference)
    tests = (evidence.two_sided(z[0]), evidence.two_sided(z[1]), evidence.chi_squared(*coarse))
    size = max(effect.jensen_shannon(*coarse), effect.smooth(z, window.sum(), reference.sum()))
    return Aspect("values", tests, size, VALUES_THRESHOLD, DISTANCE)


def _outside(window: NumberProfile, reference: NumberProfile) -> Aspect:
    """Values beyond the baseline's extremes: what bins cannot see when the baseline has a single value, say."""
    n, m = window.present, reference.present
    hits, before = window.below + window.above, reference.below + reference.above
    if before:  # the bins were made from a sample of the reference
        return _share("out of range", hits, n, before, m, RANGE_THRESHOLD)
    tests = (evidence.exceedance_test(window.below, n, m), evidence.exceedance_test(window.above, n, m))
    return Aspect("out of range", tests, hits / n, RANGE_THRESHOLD, SHARE_CHANGE)


def category_aspects(binning: CategoryBinning, window: CategoryProfile, reference: CategoryProfile) -> list[Aspect]:
    """Aspects of a categorical column."""
    found = []
    known, known_before = known_counts(window), known_counts(reference)
    if known.sum() and known_before.sum():
        found.append(_category_values(known, known_before))
    if binning.complete and window.present and reference.present:
        found.append(_new_categories(binning, window, reference))
    found.append(_share("missing", window.missing, window.rows, reference.missing, reference.rows, MISSING_THRESHOLD))
    if window.invalid or reference.invalid:
        found.append(
            _share("wrong type", window.invalid, window.rows, reference.invalid, reference.rows, INVALID_THRESHOLD)
        )
    return found


def known_counts(profile: CategoryProfile) -> Counts:
    """Rows of each level, and of all rarer known categories together."""
    return _counts([*profile.counts, profile.rare])


def _category_values(window: Counts, reference: Counts) -> Aspect:
    """The mix of known categories: all of them, and the single one that moved most."""
    n, m = int(window.sum()), int(reference.sum())
    levels = [evidence.share_test(int(hits), n, int(before), m) for hits, before in zip(window, reference, strict=True)]
    single = min(1.0, min(levels) * max(1, int(np.count_nonzero(window + reference))))
    size = max(effect.jensen_shannon(window, reference), effect.single_levels(window, reference))
    return Aspect("values", (evidence.chi_squared(window, reference), single), size, VALUES_THRESHOLD, DISTANCE)


def _new_categories(binning: CategoryBinning, window: CategoryProfile, reference: CategoryProfile) -> Aspect:
    p_value = evidence.unseen_test(window.new, window.present, binning.once, binning.twice, binning.sampled)
    growth = max(0.0, window.new / window.present - reference.new / reference.present)
    return Aspect("new categories", (p_value,), growth, NEW_THRESHOLD, SHARE_CHANGE)


def _share(name: str, hits: int, n: int, before: int, m: int, threshold: float) -> Aspect:
    if not n or not m:
        return Aspect(name, (1.0,), 0.0, threshold, SHARE_CHANGE)
    p_value = evidence.share_test(hits, n, before, m)
    return Aspect(name, (p_value,), abs(hits / n - before / m), threshold, SHARE_CHANGE)


def _counts(counts: ArrayLike) -> Counts:
    return np.asarray(counts, dtype=np.float64)
