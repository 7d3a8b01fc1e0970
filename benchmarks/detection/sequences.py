"""Streams that change: how soon windows judged alone and merges of several lengths find it, at one budget.

Every stream goes through `backtest.replay`, so both ways of looking are the monitor's own, with its memory and what it
learns. The change begins after 32 healthy windows, at a random place in the calendar to which merges are aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.detection import streams
from benchmarks.detection.trial import baseline, monitor
from watchkeeper.backtest import Record, Replay, replay
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, Increment
from watchkeeper.profile import Baseline, Profile

BUDGET = 1 / 730
"""False alarms a look: one a month of hourly looks."""
REFERENCE_ROWS, ROWS, COLUMNS = 20_000, 500, 8
BEFORE = 32
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
    """Windows from the beginning of a change to the first look in alarm; the stream's length where there was none."""

    what: str
    alone: tuple[int, ...]
    together: tuple[int, ...]


@dataclass(frozen=True)
class Healthy:
    """Alarms that began in healthy streams, of both ways of looking."""

    what: str
    looks: int
    alone: int
    together: int


def healthy(seed: int, work: float, luck: float, runs: int = 12, looks: int = 365) -> Healthy:
    """Streams without a change."""
    alone = together = 0
    runs = max(2, round(runs * work))
    for run in range(runs):
        found = _replay(np.random.default_rng([seed, 1, run, round(luck * 100)]), looks, lambda _: 0.0, luck)
        alone += found.alone.false_alarms
        together += found.together.false_alarms
    return Healthy(_rows(luck), runs * looks, alone, together)


def delays(seed: int, work: float, luck: float, runs: int = 9) -> Iterator[Delays]:
    """Streams with each of the changes."""
    for place, (what, (move, looks)) in enumerate(CHANGES.items()):
        found = [
            _replay(np.random.default_rng([seed, 2, run, place, round(luck * 100)]), looks, move, luck, BEFORE)
            for run in range(max(2, round(runs * work)))
        ]
        yield Delays(
            what, tuple(_delay(r.alone, looks) for r in found), tuple(_delay(r.together, looks) for r in found)
        )


def _replay(random: np.random.Generator, looks: int, move: Move, luck: float, before: int = 0) -> Replay:
    """A stream of `looks` windows with a change, after `before` healthy ones."""
    base = baseline(_block(REFERENCE_ROWS, random, luck))
    start = _ALIGNED + int(random.integers(BEFORE)) * _HOUR
    increments = [
        Increment(start + place * _HOUR, start + (place + 1) * _HOUR, _profile(base, random, luck, shift))
        for place, shift in enumerate([0.0] * before + [move(hour) for hour in range(looks)])
    ]
    known = Calibration.learn(base, (_profile(base, random, luck) for _ in range(_HISTORY))) if luck else None
    return replay(base, increments, monitor(BUDGET), known, start + before * _HOUR if before else None)


def _profile(base: Baseline, random: np.random.Generator, luck: float, move: float = 0.0) -> Profile:
    return base.observe(_block(ROWS, random, luck, move))


def _block(rows: int, random: np.random.Generator, luck: float, move: float = 0.0) -> Block:
    return streams.dependent(rows, int(random.integers(1 << 62)), luck=luck, move=move, columns=COLUMNS)


def _delay(record: Record, looks: int) -> int:
    """In windows; the few streams in alarm when the change came count as never found, for nothing tells."""
    return looks if record.delay is None else record.delay // _HOUR


def _rows(luck: float) -> str:
    return f"in bursts of 50 that share a {luck:g} sd shift" if luck else "independent"
