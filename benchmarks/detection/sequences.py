"""Streams that change: how soon windows judged alone and merges of several lengths find it, at one budget.

Both are `look_at_scales`, which the monitor uses, with one length and with all. The change begins after 32 healthy
windows, at a random place in the calendar to which merges are aligned. Rows in bursts are calibrated on 60 windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np

from benchmarks.detection import streams
from benchmarks.detection.trial import baseline, monitor
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, Increment
from watchkeeper.drift.budget import SCALES
from watchkeeper.drift.sequential import look_at_scales
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline

BUDGET = 1 / 730
"""False alarms a look: one a month of hourly looks."""
REFERENCE_ROWS, ROWS, COLUMNS = 20_000, 500, 8
BEFORE = 32
WAYS = ((1,), SCALES)
_HOUR = timedelta(hours=1)
_HISTORY = 60
_ALIGNED = datetime(1970, 1, 1, tzinfo=UTC) + 32 * 15_500 * _HOUR

Move = Callable[[int], float]


def _slope(step: float) -> Move:
    return lambda hour: step * (hour + 1)


def _step(size: float) -> Move:
    return lambda hour: size


CHANGES: Mapping[str, tuple[Move, int]] = {
    "mean of two columns moves .0005 sd a window": (_slope(0.0005), 220),
    "… .001 sd a window": (_slope(0.001), 140),
    "… .002 sd a window": (_slope(0.002), 90),
    "… .004 sd a window": (_slope(0.004), 56),
    "mean of two columns .07 sd off from now on": (_step(0.07), 120),
    "… .1 sd": (_step(0.1), 64),
    "… .2 sd": (_step(0.2), 16),
    "… .5 sd": (_step(0.5), 8),
}
"""How far the means are off so many windows after the beginning, and how many windows are looked at from it on."""


@dataclass(frozen=True)
class Delays:
    """Windows from the beginning of a change to the first look in alarm; one more than there were where none was."""

    what: str
    alone: tuple[int, ...]
    together: tuple[int, ...]


@dataclass(frozen=True)
class Healthy:
    """Alarms that began in healthy streams, of both ways of looking."""

    looks: int
    alone: int
    together: int


def healthy(seed: int, work: float, luck: float, runs: int = 12, looks: int = 365) -> Healthy:
    """Streams without a change."""
    found = [0, 0]
    runs = max(2, round(runs * work))
    for run in range(runs):
        stream = _Stream.of(np.random.default_rng([seed, 1, run, round(luck * 100)]), [0.0] * looks, luck)
        for way, scales in enumerate(WAYS):
            alarms = [stream.alarm(place, scales) for place in range(looks)]
            found[way] += sum(alarm and not before for before, alarm in pairwise([False, *alarms]))
    return Healthy(runs * looks, *found)


def delays(seed: int, work: float, luck: float, runs: int = 24) -> Iterator[Delays]:
    """Streams with each of the changes."""
    for place, (what, (move, looks)) in enumerate(CHANGES.items()):
        moves = [0.0] * BEFORE + [move(hour) for hour in range(looks)]
        found: tuple[list[int], list[int]] = ([], [])
        for run in range(max(2, round(runs * work))):
            stream = _Stream.of(np.random.default_rng([seed, 2, run, place, round(luck * 100)]), moves, luck)
            for way, scales in enumerate(WAYS):
                found[way].append(
                    next((hour for hour in range(looks) if stream.alarm(BEFORE + hour, scales)), looks) + 1
                )
        yield Delays(what, tuple(found[0]), tuple(found[1]))


@dataclass(frozen=True)
class _Stream:
    """A reference and the windows after it, hour by hour."""

    base: Baseline
    increments: Sequence[Increment]
    calibration: Calibration | None

    @classmethod
    def of(cls, random: np.random.Generator, moves: Sequence[float], luck: float) -> _Stream:
        """Draw one; `moves` says how far two columns' means are off in each window."""
        base = baseline(_block(REFERENCE_ROWS, random, luck))
        start = _ALIGNED + int(random.integers(BEFORE)) * _HOUR
        increments = [
            Increment(
                start + place * _HOUR, start + (place + 1) * _HOUR, base.observe(_block(ROWS, random, luck, move))
            )
            for place, move in enumerate(moves)
        ]
        known = (base.observe(_block(ROWS, random, luck)) for _ in range(_HISTORY))
        return cls(base, increments, Calibration.learn(base, known) if luck else None)

    def alarm(self, place: int, scales: Sequence[int]) -> bool:
        """Whether the look at the end of this window finds drift."""
        seen = self.increments[max(0, place + 1 - max(scales)) : place + 1]
        looks = look_at_scales(self.base, seen, monitor(BUDGET), calibration=self.calibration, scales=scales)
        return any(look.findings.verdict is Verdict.DRIFT for look in looks)


def _block(rows: int, random: np.random.Generator, luck: float, move: float = 0.0) -> Block:
    return streams.dependent(rows, int(random.integers(1 << 62)), luck=luck, move=move, columns=COLUMNS)
