"""A column of a window beside the same column of its baseline, with the kind that the model's file gives it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.profile import (
    Baseline,
    CategoryBinning,
    CategoryProfile,
    ColumnBinning,
    ColumnProfile,
    NumberBinning,
    NumberProfile,
    Profile,
)
from watchkeeper.spec import Kind, ModelSpec


@dataclass(frozen=True)
class Unchecked:
    """A check that gave no verdict, and why; `feature` is None for what concerns the whole window."""

    feature: str | None
    check: str
    reason: str


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, or of the lengths of texts."""

    bins: NumberBinning
    window: NumberProfile
    reference: NumberProfile


@dataclass(frozen=True)
class Categories:
    """A column of categories."""

    bins: CategoryBinning
    window: CategoryProfile
    reference: CategoryProfile


@dataclass(frozen=True)
class Column:
    """One feature: its bins, and its profiles in the window and in the baseline."""

    name: str
    kind: Kind
    bins: ColumnBinning
    window: ColumnProfile
    reference: ColumnProfile

    @property
    def given(self) -> int:
        """Rows with a value of whatever type."""
        return self.window.rows - self.window.missing

    @property
    def numbers(self) -> Numbers | None:
        """The column as one of numbers."""
        bins, window, reference = self.bins, self.window, self.reference
        if (
            isinstance(bins, NumberBinning)
            and isinstance(window, NumberProfile)
            and isinstance(reference, NumberProfile)
        ):
            return Numbers(bins, window, reference)
        return None

    @property
    def categories(self) -> Categories | None:
        """The column as one of categories."""
        bins, window, reference = self.bins, self.window, self.reference
        if (
            isinstance(bins, CategoryBinning)
            and isinstance(window, CategoryProfile)
            and isinstance(reference, CategoryProfile)
        ):
            return Categories(bins, window, reference)
        return None


def columns(baseline: Baseline, profile: Profile, spec: ModelSpec) -> dict[str, Column]:
    """The features that a profile holds, in the order of the model's file."""
    windows, references = profile.features, baseline.reference.features
    return {
        feature.name: Column(
            feature.name,
            feature.kind,
            baseline.binning.features[feature.name],
            windows[feature.name],
            references[feature.name],
        )
        for feature in spec.profiled_features
    }
