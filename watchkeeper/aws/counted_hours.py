"""Counts of every hour of curated predictions, of which any window is a merge: whatever kinds of counts there are.

An hour is counted anew when one of its files was written since; so nothing is remembered but what is in the bucket. Its
rows are read once, for all the kinds that are to be counted anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Listed
from watchkeeper.errors import DatasetError
from watchkeeper.outcomes import Labelled


class HourCounts(Protocol):
    """One kind of counts of the hours of a model."""

    def prefix(self, day: datetime) -> str:
        """Where the counts of a UTC day are kept."""

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while its version has no baseline that says what to count."""

    def observe(self, hour: Hour, rows: Labelled) -> bytes:
        """Count the rows of an hour that has a key; DatasetError when the rows are not what the baseline's were."""

    def together(self, hour: Hour, parts: Iterable[bytes]) -> bytes:
        """The counts of an hour, of those of all its parts."""


class Part(NamedTuple):
    """What one kind counted in one file, or why it could not."""

    kind: str
    counts: bytes
    refused: str = ""


class Uncounted(NamedTuple):
    """An hour that some kinds may not have counted as it is, with its files."""

    hour: Hour
    files: dict[Shard, Listed]
    kinds: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(item.size for item in self.files.values())


@dataclass(frozen=True)
class CountedHours:
    """The hours of a model, and the kinds of counts of them by name."""

    hours: CuratedHours
    kinds: Mapping[str, HourCounts]

    @classmethod
    def of(cls, hours: CuratedHours) -> CountedHours:
        """All kinds that the model has."""
        groups = {} if hours.spec.bias is None else {"groups": GroupHours(hours)}
        return cls(hours, {"outcomes": OutcomeHours(hours), **groups})

    def to_count(self) -> Iterator[Uncounted]:
        """The hours that were written since they were counted, and whose versions have a baseline to count by."""
        for day in self.hours.days:
            filed: defaultdict[Hour, dict[Shard, Listed]] = defaultdict(dict)
            for shard, item in self.hours.filed(day):
                filed[shard.hour][shard] = item
            listed = (item for kind in self.kinds.values() for item in self.hours.store.listed(kind.prefix(day)))
            counted = {item.key: item.modified for item in listed} if filed else {}
            for hour, files in filed.items():
                written = max(item.modified for item in files.values())
                keys = {name: key for name, kind in self.kinds.items() if (key := kind.key(hour)) is not None}
                stale = [name for name, key in keys.items() if key not in counted or counted[key] <= written]
                if stale:
                    yield Uncounted(hour, files, tuple(stale))

    def count(self, uncounted: Uncounted) -> dict[str, str]:
        """Count an hour, one file after the other; why kinds refused its rows, by where their counts would be."""
        refused: dict[str, str] = {}
        again: Uncounted | None = uncounted
        while again is not None:
            parts = (part for shard in again.files for part in self.observed(shard, again.kinds))
            refused = self.keep(again.hour, parts)
            again = self.written_since(again)
        return refused

    def written_since(self, counted: Uncounted) -> Uncounted | None:
        """An hour whose files were written while it was counted, as they are now; None if none was.

        What was counted is younger than such a file, so that nobody would look at it again.
        """
        filed = self.hours.filed(counted.hour.start)
        latest = {shard: item for shard, item in filed if shard.hour == counted.hour}
        return None if latest == counted.files else counted._replace(files=latest)

    def observed(self, shard: Shard, kinds: Iterable[str]) -> Iterator[Part]:
        """What each of these kinds counts in one file; nothing when it has gone."""
        predictions = self.hours.read(shard)
        if predictions is None:
            return
        rows = predictions.labelled()
        for name in kinds:
            try:
                yield Part(name, self.kinds[name].observe(shard.hour, rows))
            except DatasetError as error:
                yield Part(name, b"", str(error))

    def keep(self, hour: Hour, parts: Iterable[Part]) -> dict[str, str]:
        """Keep the counts of an hour, of which these are all parts; a kind that refused some of them keeps nothing."""
        counts: defaultdict[str, list[bytes]] = defaultdict(list)
        refused: dict[str, str] = {}
        for part in parts:
            counts[part.kind].append(part.counts)
            if part.refused:
                refused[part.kind] = part.refused
        keys = {name: self.kinds[name].key(hour) or "" for name in counts}
        for name in counts.keys() - refused:
            self.hours.store.put(keys[name], self.kinds[name].together(hour, counts[name]))
        return {keys[name]: reason for name, reason in refused.items()}
