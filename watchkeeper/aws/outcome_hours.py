"""The outcomes of every hour of curated predictions: counts of which any window is a merge.

An hour is counted anew when one of its files was written since; so nothing is remembered but what is in the bucket.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard
from watchkeeper.aws.store import Listed
from watchkeeper.outcomes import OutcomeBaseline, Outcomes, merge_all, observe


class Uncounted(NamedTuple):
    """An hour that may not be counted as it is, with its files."""

    hour: Hour
    files: dict[Shard, Listed]

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(item.size for item in self.files.values())


@dataclass(frozen=True)
class OutcomeHours:
    """Counts the hours of one model."""

    hours: CuratedHours
    _baselines: dict[str, OutcomeBaseline | None] = field(default_factory=dict)

    def to_count(self) -> Iterator[Uncounted]:
        """The hours that were written since they were counted, and whose versions have a baseline of outcomes."""
        for day in self.hours.days:
            filed: defaultdict[Hour, dict[Shard, Listed]] = defaultdict(dict)
            for shard, item in self.hours.filed(day):
                filed[shard.hour][shard] = item
            prefix = naming.outcomes_prefix(self.hours.spec.name, day)
            counted = {item.key: item.modified for item in self.hours.store.listed(prefix)} if filed else {}
            for hour, files in filed.items():
                baseline = self.baseline(hour.version)
                at = None if baseline is None else counted.get(self._key(baseline, hour))
                if baseline is not None and (at is None or at <= max(item.modified for item in files.values())):
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

    def observed(self, shard: Shard) -> Outcomes:
        """The outcomes of the rows in one file."""
        binning = self._known(shard.hour).binning
        rows = self.hours.read(shard)
        return Outcomes.empty(binning) if rows is None else observe(binning, rows.labelled())

    def keep(self, hour: Hour, parts: Iterable[Outcomes]) -> None:
        """Keep the outcomes of an hour, of which these are all parts."""
        baseline = self._known(hour)
        self.hours.store.put(self._key(baseline, hour), merge_all(parts, Outcomes.empty(baseline.binning)).to_json())

    def window(self, baseline: OutcomeBaseline, starts: Iterable[datetime]) -> Outcomes:
        """The outcomes of a version's rows of these hours (starts of UTC hours)."""
        return merge_all(self.parts(baseline, starts), Outcomes.empty(baseline.binning))

    def parts(self, baseline: OutcomeBaseline, starts: Iterable[datetime]) -> Iterator[Outcomes]:
        """The same, hour by hour, as far as there are any."""
        keys = (self._key(baseline, Hour(start, baseline.version)) for start in starts)
        return (Outcomes.from_json(data, baseline.binning) for data in self.hours.store.get_many(keys))

    def baseline(self, version: str) -> OutcomeBaseline | None:
        """A version's baseline of outcomes; None when it has none."""
        if version not in self._baselines:
            stored = self.hours.store.get(naming.outcome_baseline_key(self.hours.spec.name, version))
            self._baselines[version] = None if stored is None else OutcomeBaseline.from_json(stored)
        return self._baselines[version]

    def _known(self, hour: Hour) -> OutcomeBaseline:
        baseline = self.baseline(hour.version)
        assert baseline is not None  # see `to_count`
        return baseline

    def _key(self, baseline: OutcomeBaseline, hour: Hour) -> str:
        return naming.outcomes_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
