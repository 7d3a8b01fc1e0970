"""What a profile knows of the captures themselves: why records could not be read, their keys, and when they came.

Counts over fixed places, one section of the profile's vector, merged like all the rest; and two accounts of names, of
unknown keys and of wrong numbers of values, kept as new categories are (see `names`). Lag is the time from a record's
inference to the writing of its object. Minutes are told from half an hour before the hour under which an object is
filed to half an hour after it; they mean something in the profile of an hour, not in that of many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.profile import names
from watchkeeper.profile.layout import Integers
from watchkeeper.refusal import Reason

if TYPE_CHECKING:
    from watchkeeper.capture import Block

SECTION = "captures"
"""Name of the section in a profile's vector."""
ACCOUNTS = 2
"""Accounts of names, after those of the columns: unknown keys, and numbers of values in rows with too few or many."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
LAG_EDGES = (
    *(1, 2, 5, 10, 20, 30),
    *(_MINUTE * n for n in (1, 2, 3, 5, 7, 10, 15, 20, 30, 45)),
    *(_HOUR * n // 2 for n in (2, 3, 4, 6, 8, 12, 16, 24, 36)),
    *(_DAY * n // 2 for n in (2, 3, 4, 6, 10, 14, 28, 60)),
)
"""Seconds; a lag belongs to the first of these that it does not exceed, or to none."""
AROUND = timedelta(minutes=30)
MINUTES = 120
_ROOM_FOR_REASONS = 16

_ENDS = list(accumulate((_ROOM_FOR_REASONS, 1, 1, 1, len(LAG_EDGES) + 1, MINUTES, 1), initial=0))
_REASONS, _OBJECTS, _STRANGE, _TIMELESS, _LAGS, _MINUTES, _ELSEWHERE = (slice(a, b) for a, b in pairwise(_ENDS))
_ABSENT = slice(_ENDS[-1], None)


def size(features: int) -> int:
    """Integers that the section has."""
    return _ENDS[-1] + features


@dataclass(frozen=True)
class Filing:
    """Under which hour an object of captures is filed, and when it was written."""

    hour: datetime
    written: datetime


@dataclass(frozen=True)
class CaptureProfile:
    """A view of the section.

    Attributes
    ----------
    counts : the section
    features : the features, in the order of the binning
    keys : rows of each unknown key that is kept by name
    widths : records that were refused for a row with so many values
    """

    counts: Integers
    features: Sequence[str]
    keys: Mapping[str, int] = field(default_factory=dict)
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def reasons(self) -> Mapping[Reason, int]:
        """Records that could not be read, by kind; without the kinds that did not occur."""
        counted = zip(Reason, self.counts[_REASONS].tolist(), strict=False)  # there is room for more kinds
        return {reason: records for reason, records in counted if records}

    @property
    def objects(self) -> int:
        """Rows that came as JSON objects."""
        return int(self.counts[_OBJECTS][0])

    @property
    def strange(self) -> int:
        """Rows among these with a key that is no feature's."""
        return int(self.counts[_STRANGE][0])

    def absent(self, feature: str) -> int:
        """Rows among these without the feature's key."""
        return int(self.counts[_ABSENT][self.features.index(feature)])

    @property
    def timeless(self) -> int:
        """Records that do not say when they were answered."""
        return int(self.counts[_TIMELESS][0])

    @property
    def timed(self) -> int:
        """Records whose lag is known."""
        return int(self.counts[_LAGS].sum())

    def lag(self, share: float) -> timedelta | None:
        """The least of `LAG_EDGES` within which this share of the records came.

        `timedelta.max` when there is none: some came later. None when no record's lag is known.
        """
        if not self.timed:
            return None
        place = int(np.searchsorted(np.cumsum(self.counts[_LAGS]), share * self.timed))
        return timedelta(seconds=LAG_EDGES[place]) if place < len(LAG_EDGES) else timedelta.max

    def later(self, than: timedelta) -> int:
        """Records that came later than this; those in the bin that it lies in are not counted."""
        first = int(np.searchsorted(LAG_EDGES, than.total_seconds()))
        return int(self.counts[_LAGS][first + 1 :].sum())

    @property
    def minutes(self) -> Integers:
        """Records answered in each minute from `AROUND` before the hour of their object to as long after it."""
        return self.counts[_MINUTES]

    @property
    def placed(self) -> bool:
        """Whether `minutes` holds every record."""
        return bool(self.timed) and not self.timeless and not self.counts[_ELSEWHERE][0]


class CaptureCounter:
    """Counts blocks of captures; without a filing, lag and minutes are left out."""

    def __init__(self, features: Sequence[str], filing: Filing | None) -> None:
        self._counts = np.zeros(size(len(features)), np.int64)
        self._absent = {name: _ABSENT.start + place for place, name in enumerate(features)}
        self._filing = filing
        self._keys: Mapping[str, int] = {}
        self._widths: Mapping[str, int] = {}

    def add(self, block: Block) -> None:
        """Count a block."""
        self._add_unreadable(block)
        self._add_keys(block)
        if self._filing is not None and len(block.times):
            self._add_times(self._filing, *np.unique(block.times, return_counts=True))

    def finish(self, counts: Integers, keys: dict[str, int], widths: dict[str, int]) -> None:
        """Write all that was counted into a section and accounts of nothing."""
        counts[:] = self._counts
        keys.update(self._keys)
        widths.update(self._widths)

    def _add_unreadable(self, block: Block) -> None:
        if not block.unreadable:
            return
        places = {reason: place for place, reason in enumerate(Reason, _REASONS.start)}
        wrong: dict[str, int] = {}
        for record in block.unreadable:
            self._counts[places[record.kind]] += 1
            if record.values is not None:
                wrong[str(record.values)] = wrong.get(str(record.values), 0) + 1
        self._widths = names.merged([self._widths, wrong])

    def _add_keys(self, block: Block) -> None:
        found: dict[str, int] = {}
        for shape, rows in block.keys.items():
            self._counts[_OBJECTS] += rows
            if shape.unknown:
                self._counts[_STRANGE] += rows
            for name in shape.absent:
                if name in self._absent:  # a personal feature is in no profile
                    self._counts[self._absent[name]] += rows
            for key in shape.unknown:
                found[key] = found.get(key, 0) + rows
        if found:
            self._keys = names.merged([self._keys, found])

    def _add_times(self, filing: Filing, times: Integers, records: Integers) -> None:
        """Count records of different times, earliest first."""
        if times[0] == UNKNOWN_TIME:
            self._counts[_TIMELESS] += records[0]
            times, records = times[1:], records[1:]
        lags = int(filing.written.timestamp()) - times
        places = np.searchsorted(LAG_EDGES, lags)
        self._counts[_LAGS] += _added(places, records, len(LAG_EDGES) + 1)
        minutes = (times - int((filing.hour - AROUND).timestamp())) // _MINUTE
        inside = (minutes >= 0) & (minutes < MINUTES)
        self._counts[_MINUTES] += _added(minutes[inside], records[inside], MINUTES)
        self._counts[_ELSEWHERE] += records[~inside].sum()


def _added(places: Integers, counts: Integers, size: int) -> Integers:
    """How much is counted at each place, exactly."""
    total = np.zeros(size, np.int64)
    np.add.at(total, places, counts)
    return total
