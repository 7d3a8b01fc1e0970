"""The outcomes of every hour of curated predictions: counts of which any window is a merge.

`watchkeeper.aws.counted_hours` counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, Outcomes, merge_all, observe


@dataclass(frozen=True)
class OutcomeHours:
    """The outcomes of the hours of one model."""

    hours: CuratedHours
    _baselines: dict[str, OutcomeBaseline | None] = field(default_factory=dict)

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

    # --- as a kind of counts --------------------------------------------------------------------------------------

    def prefix(self, day: datetime) -> str:
        """Where the outcomes of a UTC day are kept."""
        return naming.outcomes_prefix(self.hours.spec.name, day)

    def key(self, hour: Hour) -> str | None:
        """Where those of an hour are; None while its version has no baseline, or one of features as they were once."""
        baseline = self.baseline(hour.version)
        fits = baseline is not None and baseline.binning.fits(self.hours.spec)
        return self._key(baseline, hour) if baseline is not None and fits else None

    def observed(self, hour: Hour, rows: Labelled) -> bytes:
        """The outcomes of some rows of an hour that has a key."""
        return observe(self._binning(hour), rows).to_json()

    def merged(self, hour: Hour, parts: Iterable[bytes]) -> bytes:
        """The outcomes of all these parts together."""
        binning = self._binning(hour)
        return merge_all((Outcomes.from_json(part, binning) for part in parts), Outcomes.empty(binning)).to_json()

    def _binning(self, hour: Hour) -> OutcomeBinning:
        baseline = self.baseline(hour.version)
        assert baseline is not None  # or the hour would have no key
        return baseline.binning

    def _key(self, baseline: OutcomeBaseline, hour: Hour) -> str:
        return naming.outcomes_key(self.hours.spec.name, hour.version, baseline.binning.id, hour.start)
