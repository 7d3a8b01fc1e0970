"""Counts of every hour of curated predictions, of which any window is a merge: whatever kinds of counts there are.

An hour is counted anew when its predictions were written since; so nothing is remembered but what is in the bucket. Its
rows are read once, for all the kinds that are to be counted anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.curated import from_parquet
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


@dataclass
class Tally:
    """What came of counting.

    Attributes
    ----------
    hours : of which anything was counted
    refused : why rows of an hour could not be counted, by the key that their counts would have
    """

    hours: set[Hour] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def count_hours(hours: CuratedHours, kinds: Sequence[HourCounts]) -> Tally:
    """Count what was written since it was counted. Rows that one kind refuses are counted by the others."""
    tally = Tally()
    for day in hours.days:
        for hour, predictions, stale in _stale(hours, kinds, day):
            data = hours.store.get(predictions)
            if data is None:
                continue
            rows = from_parquet(hours.spec, data).labelled()
            for key, kind in stale.items():
                try:
                    hours.store.put(key, kind.observe(hour, rows))
                    tally.hours.add(hour)
                except DatasetError as error:
                    tally.refused[key] = str(error)
    return tally


def _stale(
    hours: CuratedHours, kinds: Sequence[HourCounts], day: datetime
) -> Iterator[tuple[Hour, str, dict[str, HourCounts]]]:
    """The hours of a day that may not be counted as they are: the key of their predictions, and what to count."""
    filed = list(hours.filed(day))
    if not filed:
        return
    written = {item.key: item.modified for kind in kinds for item in hours.store.listed(kind.prefix(day))}
    for hour, item in filed:
        keys = {key: kind for kind in kinds if (key := kind.key(hour)) is not None}
        stale = {key: kind for key, kind in keys.items() if key not in written or written[key] <= item.modified}
        if stale:
            yield hour, item.key, stale
