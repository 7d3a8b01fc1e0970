"""What one look is at: a window's profile, the baseline of the version that serves, and what is expected of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper.profile import Baseline, CategoryBinning, CategoryProfile, NumberBinning, NumberProfile, Profile
from watchkeeper.spec import Feature, ModelSpec, QualityMonitor


@dataclass(frozen=True)
class Capture:
    """What is known of a window's captures beside their profile.

    Attributes
    ----------
    rows_by_hour : rows profiled of each UTC hour of the window, hours without any included
    reasons : why records could not be read, and how many of those looked at
    """

    rows_by_hour: Mapping[datetime, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One window of one version. `first`: no window of this version has been looked at before."""

    spec: ModelSpec
    baseline: Baseline
    profile: Profile
    start: datetime
    end: datetime
    capture: Capture = Capture()
    first: bool = False

    @property
    def limits(self) -> QualityMonitor:
        """What passes without a word."""
        return self.spec.quality

    def numbers(self) -> Iterator[tuple[Feature, NumberBinning, NumberProfile, NumberProfile]]:
        """Each numeric feature: its bins, and its profiles in the window and in the baseline."""
        for feature in self.spec.profiled_features:
            bins, window = self.baseline.binning.features.get(feature.name), self.profile.features.get(feature.name)
            reference = self.baseline.reference.features.get(feature.name)
            if (
                isinstance(bins, NumberBinning)
                and isinstance(window, NumberProfile)
                and isinstance(reference, NumberProfile)
            ):
                yield feature, bins, window, reference

    def categories(self) -> Iterator[tuple[Feature, CategoryBinning, CategoryProfile, CategoryProfile]]:
        """Each categorical feature: its categories, and its profiles in the window and in the baseline."""
        for feature in self.spec.profiled_features:
            bins, window = self.baseline.binning.features.get(feature.name), self.profile.features.get(feature.name)
            reference = self.baseline.reference.features.get(feature.name)
            if (
                isinstance(bins, CategoryBinning)
                and isinstance(window, CategoryProfile)
                and isinstance(reference, CategoryProfile)
            ):
                yield feature, bins, window, reference
