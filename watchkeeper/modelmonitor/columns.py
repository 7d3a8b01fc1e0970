"""A column of a window beside the same column of its baseline, with the kind that the model's file gives it."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.profile import Baseline, CategoryBinning, CategoryProfile, NumberBinning, NumberProfile, Profile
from watchkeeper.profile.profile import ColumnBinning, ColumnProfile
from watchkeeper.spec import Kind, ModelSpec


@dataclass(frozen=True)
class Unchecked:
    """A check that gave no verdict, and why; `feature` is None for what concerns the whole window."""

    feature: str | None
    check: str
    reason: str


@dataclass(frozen=True)
class Column:
    """One column: its bins, and its profiles in the window and in the baseline."""

    name: str
    kind: Kind
    bins: ColumnBinning
    profile: ColumnProfile
    reference: ColumnProfile

    @property
    def observed(self) -> bool:
        """Whether any row has a value."""
        return self.profile.missing < self.profile.rows

    @property
    def number(self) -> tuple[NumberBinning, NumberProfile, NumberProfile] | None:
        """Bins, window and baseline of a column of numbers."""
        if self.kind in (Kind.NUMBER, Kind.INTEGER):
            bins, window, reference = self.bins, self.profile, self.reference
            assert isinstance(bins, NumberBinning)
            assert isinstance(window, NumberProfile)
            assert isinstance(reference, NumberProfile)
            return bins, window, reference
        return None

    @property
    def category(self) -> tuple[CategoryBinning, CategoryProfile] | None:
        """Bins and window of a column of categories."""
        if isinstance(self.bins, CategoryBinning):
            assert isinstance(self.profile, CategoryProfile)
            return self.bins, self.profile
        return None


def find(name: str, baseline: Baseline, profile: Profile, spec: ModelSpec) -> Column | None:
    """The feature of that name; None when the model has none, or it is personal."""
    kind = next((feature.kind for feature in spec.profiled_features if feature.name == name), None)
    if kind is None:
        return None
    return Column(
        name, kind, baseline.binning.features[name], profile.features[name], baseline.reference.features[name]
    )
