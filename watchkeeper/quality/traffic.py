"""When requests were answered, as far as their captures tell: to the minute, and the silences between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np

from watchkeeper.profile import Profile
from watchkeeper.profile.captures import AROUND
from watchkeeper.profile.layout import Integers

BUSY_HOUR = 50
"""Rows of a usual hour from which on an empty hour is no accident (of 50 expected, none comes once in e**50)."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Silence:
    """A time without captures."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Traffic:
    """The captures of a window.

    Attributes
    ----------
    rows : rows of each hour under which any captures are filed
    minutes : minutes since 1970 with an answered request, ascending; all of an hour where single minutes are not known
    """

    rows: Mapping[datetime, int] = field(default_factory=dict)
    minutes: Integers = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, profiles: Mapping[datetime, Profile]) -> Traffic:
        """The captures of hours, each with its profile."""
        found = [_minutes(hour, profile) for hour, profile in profiles.items() if profile.rows]
        rows = {hour: profile.rows for hour, profile in profiles.items() if profile.rows}
        return cls(rows, np.unique(np.concatenate(found))) if found else cls()

    @property
    def busy(self) -> bool:
        """Whether captures come so often that their absence means something."""
        return bool(self.rows) and median(self.rows.values()) >= BUSY_HOUR

    @property
    def newest(self) -> datetime | None:
        """End of the last minute with a request."""
        return _EPOCH + (int(self.minutes[-1]) + 1) * _MINUTE if len(self.minutes) else None

    @property
    def longest_silence(self) -> Silence | None:
        """The longest time without requests between others; None when there is no minute without."""
        apart = np.diff(self.minutes)
        if not len(apart) or apart.max() < 2:
            return None
        place = int(np.argmax(apart))
        before, after = self.minutes[place : place + 2].tolist()
        return Silence(_EPOCH + (before + 1) * _MINUTE, _EPOCH + after * _MINUTE)


def _minutes(hour: datetime, profile: Profile) -> Integers:
    """Minutes since 1970 with a request whose capture is filed under the hour."""
    if profile.captures.placed:
        return (hour - AROUND - _EPOCH) // _MINUTE + np.flatnonzero(profile.captures.minutes)
    first = (hour - _EPOCH) // _MINUTE
    return np.arange(first, first + _HOUR // _MINUTE)
