"""Counts of every hour of curated predictions, of which any window is a merge: whatever kinds of counts there are.

An hour is counted anew when one of its files was written since; so nothing is remembered but what is in the bucket. Its
files are read once, for all kinds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias

from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Listed
from watchkeeper.outcomes import Labelled

Partial: TypeAlias = Mapping[str, bytes]
"""What was counted of some rows of an hour, by the key under which the hour's counts of that kind are kept."""


class Kind(Protocol):
    """One kind of counts of the hours of a model."""

    def prefix(self, day: datetime) -> str:
        """Where the counts of a UTC day are kept."""

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while there is nothing to count of its version."""

    def observed(self, hour: Hour, rows: Labelled) -> bytes:
        """The counts of some rows of an hour that has a key."""

    def merged(self, hour: Hour, parts: Iterable[bytes]) -> bytes:
        """The counts of all these parts of such an hour together."""


class Uncounted(NamedTuple):
    """An hour that may not be counted as it is, with its files."""

    hour: Hour
    files: dict[Shard, Listed]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(item.size for item in self.files.values())


@dataclass(frozen=True)
class CountedHours:
    """Counts the hours of one model."""

    hours: CuratedHours
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, hours: CuratedHours) -> CountedHours:
        """With all the kinds of counts that the model's monitors need."""
        return cls(hours, (OutcomeHours(hours), *([] if hours.spec.bias is None else [GroupHours(hours)])))

    def to_count(self) -> Iterator[Uncounted]:
        """The hours that were written since they were counted, as far as there is anything to count of them."""
        for day in self.hours.days:
            filed: defaultdict[Hour, dict[Shard, Listed]] = defaultdict(dict)
            for shard, item in self.hours.filed(day):
                filed[shard.hour][shard] = item
            prefixes = [kind.prefix(day) for kind in self.kinds] if filed else []
            counted = {item.key: item.modified for prefix in prefixes for item in self.hours.store.listed(prefix)}
            for hour, files in filed.items():
                written = max(item.modified for item in files.values())
                if any(key not in counted or counted[key] <= written for _, key in self._counted(hour)):
                    yield Uncounted(hour, files)

    def count(self, uncounted: Uncounted) -> None:
        """Count an hour, one file after the other."""
        again: Uncounted | None = uncounted
        while again is not None:
            self.keep(again.hour, map(self.observed, again.files))
            again = self.written_since(again)

    def written_since(self, counted: Uncounted) -> Uncounted | None:
        """An hour whose files were written while it was counted, as they are now; None if none was.

        What was counted is younger than such a file, so that nobody would look at it again.
        """
        filed = self.hours.filed(counted.hour.start)
        latest = {shard: item for shard, item in filed if shard.hour == counted.hour}
        return None if latest == counted.files else Uncounted(counted.hour, latest)

    def observed(self, shard: Shard) -> Partial:
        """What there is to count of the rows in one file; nothing of a file that has gone."""
        predictions = self.hours.read(shard)
        if predictions is None:
            return {}
        rows = predictions.labelled()
        return {key: kind.observed(shard.hour, rows) for kind, key in self._counted(shard.hour)}

    def keep(self, hour: Hour, parts: Iterable[Partial]) -> None:
        """Keep the counts of an hour, of which these are all parts."""
        found = list(parts)
        for kind, key in self._counted(hour):
            self.hours.store.put(key, kind.merged(hour, (part[key] for part in found if key in part)))

    def _counted(self, hour: Hour) -> Iterator[tuple[Kind, str]]:
        """The kinds of counts that an hour has, each with the key of them."""
        for kind in self.kinds:
            key = kind.key(hour)
            if key is not None:
                yield kind, key
