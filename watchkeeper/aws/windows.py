"""The profiles of any span of hours, each hour read as one object once it is over.

A closed hour is compacted into one profile that names the parts it was made of; so is an open one, once it has many.
Whoever reads an hour compares those names with what is there: parts that came since are read beside it, and a part that
was profiled again makes the hour anew. So nothing has to be scheduled, nothing is ever lost, and readers that do it at
the same time write what any of them may have written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from watchkeeper import jsonio, naming
from watchkeeper.aws.store import Listed, Store
from watchkeeper.errors import WindowTooLargeError
from watchkeeper.profile import Baseline, Profile, merge_all

FORMAT = 2
MANY_PARTS = 100
"""An open hour with so many parts that are not in its compacted profile is compacted as well: the next look is near."""
_STILL_OPEN = timedelta(hours=1)
"""Captures are filed under the hour of the request and arrive minutes late: an hour older than this is closed."""
_FEWEST_PARTS = 2
"""A single part is as quick to read as the compacted hour would be."""


@dataclass
class Allowance:
    """How much may still be read of what is not compacted."""

    parts: int
    size: int

    def take(self, parts: Sequence[Listed]) -> None:
        """Use some of it up.

        Raises
        ------
        WindowTooLargeError
            There is not so much left; nothing is used up then.
        """
        size = sum(item.size for item in parts)
        if len(parts) > self.parts or size > self.size:
            raise WindowTooLargeError(
                f"An hour has {len(parts)} profiles ({size} bytes) that are not compacted; {self.parts} ({self.size} "
                "bytes) may still be read here. Let the Spark job merge_hours put them together."
            )
        self.parts -= len(parts)
        self.size -= size


class _Compacted(NamedTuple):
    """A compacted profile, and the entity tags of the parts that it was made of, by name."""

    parts: Mapping[str, str]
    profile: Profile


@dataclass(frozen=True)
class StoredProfiles:
    """The profiles made against one baseline.

    Attributes
    ----------
    now : hours that ended well before this are compacted as they are read
    allowance : what may be read; everything, unless it is given
    """

    store: Store
    baseline: Baseline
    now: datetime
    allowance: Allowance | None = None

    def window(self, hours: Sequence[datetime]) -> Profile:
        """The profile of all rows captured in these hours (starts of UTC hours).

        Raises
        ------
        WindowTooLargeError
            More is to be read than the allowance; the hours that were read by then are compacted.
        """
        return merge_all((profile for _, profile in self.by_hour(hours)), self.baseline.empty())

    def by_hour(self, hours: Sequence[datetime]) -> Iterator[tuple[datetime, Profile]]:
        """The profile of each of these hours that has any captures, oldest first; errors as for `window`."""
        for hour, parts in self.listed(hours).items():
            yield hour, self._hour(hour, parts)

    def to_compact(self, hours: Sequence[datetime]) -> Iterator[tuple[datetime, list[Listed]]]:
        """The hours whose compacted profile is to be written, with all their parts."""
        for hour, parts in self.listed(hours).items():
            known = self._known(hour, parts)
            if self._is_kept(hour, parts, len(parts) - len(known.parts)):
                yield hour, parts

    def compact(self, hour: datetime, parts: Mapping[str, str], profile: Profile) -> None:
        """Keep the profile of an hour, made of the parts that have these entity tags by key."""
        head = jsonio.dumps({"format": FORMAT, "parts": _by_name(parts)})
        self.store.put(self._compacted_key(hour), head + b"\n" + profile.to_json())

    def merged(self, parts: Iterable[str]) -> Profile:
        """The profile of all rows in these objects."""
        return merge_all((self.baseline.read(data) for data in self.store.get_many(parts)), self.baseline.empty())

    def listed(self, hours: Sequence[datetime]) -> dict[datetime, list[Listed]]:
        """Every part of every hour that has any; a day is listed at once."""
        days: defaultdict[datetime, set[datetime]] = defaultdict(set)
        for hour in hours:
            days[hour.replace(hour=0)].add(hour)
        found: dict[datetime, list[Listed]] = {}
        for day in sorted(days):
            whole = len(days[day]) > 1
            prefixes = [self._day_prefix(day)] if whole else [self._hour_prefix(hour) for hour in days[day]]
            listed = [item for prefix in prefixes for item in self.store.listed(prefix)]
            by_prefix: defaultdict[str, list[Listed]] = defaultdict(list)
            for item in listed:
                by_prefix[item.key[: -len(_part_name(item.key))]].append(item)
            for hour in sorted(days[day]):
                if parts := by_prefix[self._hour_prefix(hour)]:
                    found[hour] = parts
        return found

    def _hour(self, hour: datetime, parts: Sequence[Listed]) -> Profile:
        known = self._known(hour, parts)
        rest = [item for item in parts if _part_name(item.key) not in known.parts]
        if self.allowance is not None:
            self.allowance.take(rest)
        profile = known.profile.merge(self.merged(item.key for item in rest)) if rest else known.profile
        if self._is_kept(hour, parts, len(rest)):
            self.compact(hour, _tags(parts), profile)
        return profile

    def _is_kept(self, hour: datetime, parts: Sequence[Listed], unread: int) -> bool:
        """Whether an hour with so many parts that are not in its compacted profile is compacted, or compacted anew."""
        closed = hour + timedelta(hours=1) + _STILL_OPEN <= self.now
        return unread >= MANY_PARTS or (closed and unread > 0 and len(parts) >= _FEWEST_PARTS)

    def _known(self, hour: datetime, parts: Sequence[Listed]) -> _Compacted:
        """What is compacted of an hour; nothing, when it was made of parts that are not there, or in another way."""
        nothing = _Compacted({}, self.baseline.empty())
        stored = self.store.get(self._compacted_key(hour)) if len(parts) >= _FEWEST_PARTS else None
        if stored is None:
            return nothing
        head, _, profile = stored.partition(b"\n")
        made_of = jsonio.loads(head)
        if made_of.get("format") != FORMAT or not made_of["parts"].items() <= _by_name(_tags(parts)).items():
            return nothing
        return _Compacted(made_of["parts"], self.baseline.read(profile))

    def _day_prefix(self, day: datetime) -> str:
        return naming.day_prefix(self.baseline.model, self.baseline.id, day)

    def _compacted_key(self, hour: datetime) -> str:
        return naming.compacted_key(self.baseline.model, self.baseline.id, hour)

    def _hour_prefix(self, hour: datetime) -> str:
        return naming.hour_prefix(self.baseline.model, self.baseline.id, hour)


def _tags(parts: Iterable[Listed]) -> dict[str, str]:
    return {item.key: item.tag for item in parts}


def _by_name(tags: Mapping[str, str]) -> dict[str, str]:
    """What is kept by key, by name: shorter, and as clear within an hour."""
    return {_part_name(key): tag for key, tag in tags.items()}


def _part_name(key: str) -> str:
    """What a part is called within its hour."""
    return key.rpartition("/")[2]
