"""The outcomes of every hour of curated predictions: counts of which any window is a merge.

An hour is counted anew when its predictions were written since; so nothing is remembered but what is in the bucket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.curated import from_parquet
from watchkeeper.outcomes import OutcomeBaseline, Outcomes, merge_all, observe


@dataclass(frozen=True)
class OutcomeHours:
    """Counts the hours of one model."""

    hours: CuratedHours
    _baselines: dict[str, OutcomeBaseline | None] = field(default_factory=dict)

    def count(self) -> set[Hour]:
        """Count what was written since it was counted; which hours that was.

        Versions without a baseline of outcomes are counted when they have one.
        """
        counted: set[Hour] = set()
        for day in self.hours.days:
            for hour, key in self._stale(day):
                baseline = self.baseline(hour.version)
                data = self.hours.store.get(key)
                if baseline is None or data is None:
                    continue
                rows = from_parquet(self.hours.spec, data).labelled()
                outcomes = observe(baseline.binning, rows).to_json()
                self.hours.store.put(self._key(baseline, hour), outcomes)
                counted.add(hour)
        return counted

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

    def _stale(self, day: datetime) -> Iterator[tuple[Hour, str]]:
        """The hours of a day that may not be counted as they are, with the key of their predictions."""
        model = self.hours.spec.name
        filed = list(self.hours.filed(day))
        if not filed:
            return
        written = {item.key: item.modified for item in self.hours.store.listed(naming.outcomes_prefix(model, day))}
        for hour, item in filed:
            baseline = self.baseline(hour.version)
            at = None if baseline is None else written.get(self._key(baseline, hour))
            if baseline is not None and (at is None or at <= item.modified):
                yield hour, item.key

    def _key(self, baseline: OutcomeBaseline, hour: Hour) -> str:
        return naming.outcomes_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
