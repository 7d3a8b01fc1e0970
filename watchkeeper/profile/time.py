"""Moments: which hours of the day and days of the week they fall in (UTC), and the earliest and latest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from watchkeeper.profile.layout import Floats, Integers, Scratch, Shape, Tally
from watchkeeper.table import TimeColumn

HOURS, WEEKDAYS = 24, 7
_MISSING, _INVALID, _HOURS, _WEEKDAYS = 0, 1, 2, 2 + HOURS
_DAY = 86_400
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0
"""Seconds of the years 1 to 9999; what lies outside is no date."""


@dataclass(frozen=True)
class TimeProfile:
    """What is known of some rows' moments."""

    tally: Tally

    @property
    def hours(self) -> Integers:
        """Rows in each hour of the day, UTC."""
        return self.tally.counts[_HOURS:_WEEKDAYS]

    @property
    def weekdays(self) -> Integers:
        """Rows on each day of the week, UTC, Monday first."""
        return self.tally.counts[_WEEKDAYS:]

    @property
    def missing(self) -> int:
        """Rows without a value."""
        return int(self.tally.counts[_MISSING])

    @property
    def invalid(self) -> int:
        """Rows whose value is no moment."""
        return int(self.tally.counts[_INVALID])

    @property
    def present(self) -> int:
        """Rows with a moment."""
        return int(self.hours.sum())

    @property
    def rows(self) -> int:
        """All rows observed."""
        return self.present + self.missing + self.invalid

    @property
    def earliest(self) -> datetime | None:
        """The first moment; None where there is none, or where privacy noise keeps it back."""
        return _moment(self.tally.least)

    @property
    def latest(self) -> datetime | None:
        """The last moment; None where there is none, or where privacy noise keeps it back."""
        return _moment(self.tally.greatest)


@dataclass(frozen=True)
class TimeBinning:
    """Hours and weekdays: the same for every baseline."""

    @property
    def shape(self) -> Shape:
        """What it needs of a profile's vector."""
        return Shape(counts=_WEEKDAYS + WEEKDAYS)

    def view(self, tally: Tally) -> TimeProfile:
        """The profile that a tally holds."""
        return TimeProfile(tally)

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"kind": "time"}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TimeBinning:
        """Read what `to_json` wrote."""
        return cls()


class TimeCounter:
    """Counts the rows of one column, a slice at a time."""

    def __init__(self) -> None:
        self._seconds = np.empty(0)
        self._tally = Tally.blank(TimeBinning().shape)

    def begin(self, column: TimeColumn) -> None:
        """Take up the column of the next block."""
        self._seconds = column.seconds
        self._tally.counts[[_MISSING, _INVALID]] += np.array([-column.invalid, column.invalid])

    def add(self, start: int, stop: int, scratch: Scratch, row_scores: Floats | None) -> None:
        """Count the block's rows from `start` to `stop`; moments have no scores."""
        seconds, own = self._seconds[start:stop], self._tally
        dates = seconds[(seconds >= EARLIEST) & (seconds <= LATEST)]
        absent = int(np.count_nonzero(np.isnan(seconds)))
        own.counts[_MISSING] += absent
        own.counts[_INVALID] += len(seconds) - len(dates) - absent
        if len(dates):
            whole = np.floor(dates).astype(np.int64)
            own.counts[_HOURS:_WEEKDAYS] += np.bincount(whole % _DAY // 3600, minlength=HOURS)
            own.counts[_WEEKDAYS:] += np.bincount((whole // _DAY + _EPOCH_WEEKDAY) % WEEKDAYS, minlength=WEEKDAYS)
            least, greatest = own.extremes
            own.extremes[:] = min(least, float(np.min(dates)) + 0.0), max(greatest, float(np.max(dates)) + 0.0)

    def finish(self, tally: Tally) -> None:
        """Write all that was counted into a tally of none."""
        tally.counts[:] = self._tally.counts
        tally.extremes[:] = self._tally.extremes


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
