"""The outcomes of every hour of curated predictions: counts of which any window is a merge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper import naming
from watchkeeper.aws.counted_hours import count_hours
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.outcomes import Labelled, OutcomeBaseline, Outcomes, merge_all, observe


@dataclass(frozen=True)
class OutcomeHours:
    """Counts the hours of one model."""

    hours: CuratedHours
    _baselines: dict[str, OutcomeBaseline | None] = field(default_factory=dict)

    def count(self) -> set[Hour]:
        """Count what was written since it was counted; which hours that was."""
        return count_hours(self.hours, [self]).hours

    def window(self, baseline: OutcomeBaseline, starts: Iterable[datetime]) -> Outcomes:
        """The outcomes of a version's rows of these hours (starts of UTC hours)."""
        keys = (self._key(baseline, Hour(start, baseline.version)) for start in starts)
        read = (Outcomes.from_json(data, baseline.binning) for data in self.hours.store.get_many(keys))
        return merge_all(read, Outcomes.empty(baseline.binning))

    def baseline(self, version: str) -> OutcomeBaseline | None:
        """A version's baseline of outcomes; None when it has none."""
        if version not in self._baselines:
            stored = self.hours.store.get(naming.outcome_baseline_key(self.hours.spec.name, version))
            self._baselines[version] = None if stored is None else OutcomeBaseline.from_json(stored)
        return self._baselines[version]

    # --- as a kind of counts: see `counted_hours.HourCounts` ------------------------------------------------------

    def prefix(self, day: datetime) -> str:
        """Where the outcomes of a UTC day are kept."""
        return naming.outcomes_prefix(self.hours.spec.name, day)

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while its version has no baseline."""
        baseline = self.baseline(hour.version)
        return None if baseline is None else self._key(baseline, hour)

    def observe(self, hour: Hour, rows: Labelled) -> bytes:
        """Count the rows of an hour that has a key."""
        baseline = self.baseline(hour.version)
        assert baseline is not None  # or there would be no key
        return observe(baseline.binning, rows).to_json()

    def _key(self, baseline: OutcomeBaseline, hour: Hour) -> str:
        return naming.outcomes_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
