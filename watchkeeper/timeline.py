"""Rows cut into windows that follow each other: of equal length in time, or of equal numbers of rows.

Windows are numbered since 1970, as the drift monitor counts them. Windows of equal numbers of rows are put on a clock
on which they take equally long, their mean length; `shown` reads it as real time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import DatasetError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_WINDOWS = 20_000
DROPPED = -1
"""The number of rows that belong to no window."""


@dataclass(frozen=True)
class Timeline:
    """The window of every row.

    Attributes
    ----------
    length : of each window
    numbers : each row's window, in the rows' order; `DROPPED` for the rows after the last full window
    clock, real : seconds on the windows' clock, and the real times that they stand for; empty where they are the same
    """

    length: timedelta
    numbers: NDArray[np.int64]
    clock: NDArray[np.float64]
    real: NDArray[np.float64]

    @classmethod
    def by_time(cls, seconds: NDArray[np.float64], length: timedelta) -> Timeline:
        """Windows of equal length, aligned to the calendar.

        Raises
        ------
        DatasetError
            There are no rows, or so many windows that the length must be a mistake.
        """
        least, greatest = _range(seconds)
        numbers = np.floor(seconds / length.total_seconds()).astype(np.int64)
        windows = int(np.ptp(numbers)) + 1
        if windows > MOST_WINDOWS:
            raise DatasetError(
                f"{_at(least):%Y-%m-%d} to {_at(greatest):%Y-%m-%d} has {windows:,} windows of {length}; "
                f"at most {MOST_WINDOWS:,} are replayed. Choose a longer window, or one of a number of rows."
            )
        if least < 0:
            raise DatasetError(f"The earliest row is of {_at(least):%Y-%m-%d}; give times from 1970 on.")
        return cls(length, numbers, np.empty(0), np.empty(0))

    @classmethod
    def by_rows(cls, seconds: NDArray[np.float64], rows: int) -> Timeline:
        """Windows of equal numbers of rows, in order of time.

        Raises
        ------
        DatasetError
            There is not one full window, or all rows are of one time.
        """
        least, greatest = _range(seconds)
        windows, span = len(seconds) // rows, greatest - least
        if not windows:
            raise DatasetError(f"There are {len(seconds)} rows, fewer than one window of {rows}. Choose fewer rows.")
        if windows > MOST_WINDOWS:
            raise DatasetError(
                f"There are {windows:,} windows of {rows} rows; at most {MOST_WINDOWS:,} are replayed. Choose more."
            )
        if span <= 0 or least < 0:
            raise DatasetError(
                f"The rows' times are {_at(least)} to {_at(greatest)}; windows need times that differ, from 1970 on."
            )
        order = np.argsort(seconds, kind="stable")
        place = np.empty(len(seconds), np.int64)
        place[order] = np.arange(len(seconds)) // rows
        length = timedelta(
            milliseconds=max(round(1000 * span / len(seconds) * rows), 1)
        )  # as times are read: see _between
        first = int(least // length.total_seconds())
        starts = np.append(seconds[order[: windows * rows : rows]], seconds[order[windows * rows - 1]])
        clock = (first + np.arange(windows + 1, dtype=np.float64)) * length.total_seconds()
        return cls(length, np.where(place < windows, place + first, DROPPED), clock, starts)

    @property
    def dropped(self) -> int:
        """Rows after the last full window."""
        return int(np.count_nonzero(self.numbers == DROPPED))

    @property
    def span(self) -> range:
        """The numbers of all windows, empty ones included."""
        kept = self.numbers[self.numbers != DROPPED]
        return range(int(kept.min()), int(kept.max()) + 1)

    def start(self, number: int) -> datetime:
        """When a window begins, on the windows' clock."""
        return EPOCH + number * self.length

    def shown(self, at: datetime) -> datetime:
        """The real time of a time on the windows' clock."""
        return self._between(at, self.clock, self.real)

    def clocked(self, at: datetime) -> datetime:
        """The time on the windows' clock of a real time."""
        return self._between(at, self.real, self.clock)

    def first_after(self, share: float) -> int:
        """The first window that begins after at least this share of the rows."""
        kept = np.sort(self.numbers[self.numbers != DROPPED])
        return int(kept[min(int(np.ceil(share * len(kept))), len(kept)) - 1]) + 1

    def containing(self, at: datetime) -> int:
        """The window that holds a real time."""
        return int((self.clocked(at) - EPOCH) // self.length)

    @staticmethod
    def _between(at: datetime, before: NDArray[np.float64], after: NDArray[np.float64]) -> datetime:
        if not len(after):
            return at
        return _at(round(float(np.interp((at - EPOCH).total_seconds(), before, after)), 3))


def _range(seconds: NDArray[np.float64]) -> tuple[float, float]:
    """The earliest and the latest time."""
    if not len(seconds):
        raise DatasetError("There are no rows to replay. Name a file with data.")
    return float(np.min(seconds)), float(np.max(seconds))


def _at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
