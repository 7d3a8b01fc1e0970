"""The profiles of any span of hours, each hour read as one object once it is over.

A closed hour is compacted into one profile that names the parts it was made of. Whoever reads an hour compares those
names with what is there: a part that came late, or was profiled again, makes the hour anew. So nothing has to be
scheduled, nothing is ever lost, and readers that do it at the same time write the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper import jsonio, naming
from watchkeeper.aws.store import Store
from watchkeeper.profile import Baseline, Profile, merge_all

FORMAT = 1
_STILL_OPEN = timedelta(hours=1)
"""Captures are filed under the hour of the request and arrive minutes late: an hour older than this is closed."""
_FEWEST_PARTS = 2
"""A single part is as quick to read as the compacted hour would be."""


@dataclass(frozen=True)
class StoredProfiles:
    """The profiles made against one baseline.

    Attributes
    ----------
    now : hours that ended well before this are compacted as they are read
    """

    store: Store
    baseline: Baseline
    now: datetime

    def window(self, hours: Sequence[datetime]) -> Profile:
        """The profile of all rows captured in these hours (starts of UTC hours)."""
        return merge_all((profile for _, profile in self.by_hour(hours)), self.baseline.empty())

    def by_hour(self, hours: Sequence[datetime]) -> Iterator[tuple[datetime, Profile]]:
        """The profile of each of these hours that has any captures, oldest first."""
        for hour, parts in self._listed(hours).items():
            yield hour, self._hour(hour, parts)

    def uncompacted(self, hours: Sequence[datetime]) -> dict[datetime, int]:
        """The hours that are not compacted yet, and how many objects there are to read in each."""
        compacted = set(self.store.keys(naming.compacted_prefix(self.baseline.model, self.baseline.id)))
        listed = self._listed(hours).items()
        return {hour: len(parts) for hour, parts in listed if self._compacted_key(hour) not in compacted}

    def _listed(self, hours: Sequence[datetime]) -> dict[datetime, dict[str, str]]:
        """Key and entity tag of every part of every hour that has any; a day is listed at once."""
        days: defaultdict[datetime, set[datetime]] = defaultdict(set)
        for hour in hours:
            days[hour.replace(hour=0)].add(hour)
        found: dict[datetime, dict[str, str]] = {}
        for day in sorted(days):
            whole = len(days[day]) > 1
            prefixes = [self._day_prefix(day)] if whole else [self._hour_prefix(hour) for hour in days[day]]
            listed = [item for prefix in prefixes for item in self.store.listed(prefix)]
            for hour in sorted(days[day]):
                prefix = self._hour_prefix(hour)
                if names := {item.key: item.tag for item in listed if item.key.startswith(prefix)}:
                    found[hour] = names
        return found

    def _hour(self, hour: datetime, parts: Mapping[str, str]) -> Profile:
        if len(parts) < _FEWEST_PARTS or hour + timedelta(hours=1) + _STILL_OPEN > self.now:
            return self._merged(parts)
        key = self._compacted_key(hour)
        stored = self.store.get(key)
        compacted = None if stored is None else self._read(stored, parts)
        if compacted is None:
            compacted = self._merged(parts)
            self.store.put(key, _written(compacted, parts))
        return compacted

    def _read(self, stored: bytes, parts: Mapping[str, str]) -> Profile | None:
        """The compacted profile; None when it was made of other parts than there are now, or in another way."""
        head, _, profile = stored.partition(b"\n")
        made_of = jsonio.loads(head)
        return self.baseline.read(profile) if made_of == {"format": FORMAT, "parts": dict(parts)} else None

    def _merged(self, keys: Iterable[str]) -> Profile:
        return merge_all((self.baseline.read(data) for data in self.store.get_many(keys)), self.baseline.empty())

    def _day_prefix(self, day: datetime) -> str:
        return naming.day_prefix(self.baseline.model, self.baseline.id, day)

    def _compacted_key(self, hour: datetime) -> str:
        return naming.compacted_key(self.baseline.model, self.baseline.id, hour)

    def _hour_prefix(self, hour: datetime) -> str:
        return naming.hour_prefix(self.baseline.model, self.baseline.id, hour)


def _written(profile: Profile, parts: Mapping[str, str]) -> bytes:
    """A line with what the hour is made of, and a line with its profile."""
    return jsonio.dumps({"format": FORMAT, "parts": dict(sorted(parts.items()))}) + b"\n" + profile.to_json()
