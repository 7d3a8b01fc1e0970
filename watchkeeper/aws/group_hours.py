"""Every hour of curated predictions by groups of people: counts of which any window is a merge.

`watchkeeper.aws.counted_hours` counts them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.bias import GroupBaseline, GroupBinning, GroupCounts, merge_all, observe
from watchkeeper.outcomes import Labelled


@dataclass(frozen=True)
class GroupHours:
    """The hours of one model by groups of people."""

    hours: CuratedHours
    _baselines: dict[str, GroupBaseline | None] = field(default_factory=dict)

    def parts(self, baseline: GroupBaseline, starts: Iterable[datetime]) -> list[GroupCounts]:
        """The counts of a version's rows of each of these hours (starts of UTC hours) that has any."""
        keys = (self._key(baseline, Hour(start, baseline.version)) for start in starts)
        return [GroupCounts.from_json(data, baseline.binning) for data in self.hours.store.get_many(keys)]

    def baseline(self, version: str) -> GroupBaseline | None:
        """A version's baseline of groups; None when it has none."""
        if version not in self._baselines:
            stored = self.hours.store.get(naming.group_baseline_key(self.hours.spec.name, version))
            self._baselines[version] = None if stored is None else GroupBaseline.from_json(stored)
        return self._baselines[version]

    # --- as a kind of counts --------------------------------------------------------------------------------------

    def prefix(self, day: datetime) -> str:
        """Where the counts of a UTC day are kept."""
        return naming.groups_prefix(self.hours.spec.name, day)

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while its version has no baseline, or one of features as they were once."""
        baseline = self.baseline(hour.version)
        return self._key(baseline, hour) if baseline is not None and baseline.binning.fits(self.hours.spec) else None

    def observed(self, hour: Hour, rows: Labelled) -> bytes:
        """The counts of some rows of an hour that has a key."""
        return observe(self._binning(hour), rows).to_json()

    def merged(self, hour: Hour, parts: Iterable[bytes]) -> bytes:
        """The counts of all these parts together."""
        binning = self._binning(hour)
        read = (GroupCounts.from_json(part, binning) for part in parts)
        return merge_all(read, GroupCounts.empty(binning)).to_json()

    def _binning(self, hour: Hour) -> GroupBinning:
        baseline = self.baseline(hour.version)
        assert baseline is not None  # or the hour would have no key
        return baseline.binning

    def _key(self, baseline: GroupBaseline, hour: Hour) -> str:
        return naming.groups_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
