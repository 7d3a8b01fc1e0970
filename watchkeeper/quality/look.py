"""What one look is at: a window's profile, the baseline of the version that serves, and what is expected of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from watchkeeper.modelmonitor.columns import Column, columns
from watchkeeper.profile import Baseline, Profile
from watchkeeper.quality.traffic import Traffic
from watchkeeper.spec import ModelSpec, QualityMonitor


@dataclass(frozen=True)
class Look:
    """One window of one version. `first`: no window of this version has been looked at before."""

    spec: ModelSpec
    baseline: Baseline
    profile: Profile
    start: datetime
    end: datetime
    traffic: Traffic = field(default_factory=Traffic)
    first: bool = False

    @property
    def limits(self) -> QualityMonitor:
        """What passes without a word."""
        return self.spec.quality

    @property
    def enough(self) -> int:
        """Rows from which on a verdict on columns is given: as many as the drift monitor asks for."""
        return self.spec.drift.minimum_rows

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The features, in the order of the model's file."""
        return columns(self.baseline, self.profile, self.spec)
