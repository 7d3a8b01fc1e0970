"""Every hour of curated predictions by groups of people: counts of which any window is a merge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.bias import GroupBaseline, GroupCounts, merge_all, observe
from watchkeeper.outcomes import Labelled


@dataclass(frozen=True)
class GroupHours:
    """The hours of one model by groups, as a kind of counts: see `counted_hours.HourCounts`."""

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

    def prefix(self, day: datetime) -> str:
        """Where the counts of a UTC day are kept."""
        return naming.groups_prefix(self.hours.spec.name, day)

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while its version has no baseline."""
        baseline = self.baseline(hour.version)
        return None if baseline is None else self._key(baseline, hour)

    def observe(self, hour: Hour, rows: Labelled) -> bytes:
        """Count the rows of an hour that has a key; DatasetError when an attribute is not what it was."""
        return observe(self._known(hour).binning, rows).to_json()

    def together(self, hour: Hour, parts: Iterable[bytes]) -> bytes:
        """Merge the counts of all its parts."""
        binning = self._known(hour).binning
        read = (GroupCounts.from_json(part, binning) for part in parts)
        return merge_all(read, GroupCounts.empty(binning)).to_json()

    def _known(self, hour: Hour) -> GroupBaseline:
        baseline = self.baseline(hour.version)
        assert baseline is not None  # or there would be no key
        return baseline

    def _key(self, baseline: GroupBaseline, hour: Hour) -> str:
        return naming.groups_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
