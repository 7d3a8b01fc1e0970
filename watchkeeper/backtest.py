"""History replayed through the drift monitor: what it would have said, when, and what that would have cost.

Windows of equal length follow each other; each is one look, by the same `next_look` with the same memory as in the
account. For comparison every window is also judged alone. Nothing here reads a file: profiles come in, a `Replay` goes
out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from watchkeeper.drift import Calibration, Increment, Memory, compare, next_look
from watchkeeper.drift.budget import SCALES
from watchkeeper.drift.calibration import chunk_rows
from watchkeeper.drift.compare import LARGEST_ALPHA, alpha_per_look
from watchkeeper.errors import DatasetError
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, Profile
from watchkeeper.spec import DriftMonitor

MONTH = timedelta(hours=730)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_ALPHA = 1e-15
"""Smaller alphas are not tried: what alarms at this one has changed."""
_STEPS_A_DECADE = 2


@dataclass(frozen=True)
class Look:
    """One window, and what was found at its end.

    Attributes
    ----------
    findings : of the monitor, which looks at longer times as well and remembers
    alone : of this window by itself, at the same budget
    """

    increment: Increment
    findings: Findings
    alone: Findings

    @property
    def end(self) -> datetime:
        """When the look was."""
        return self.increment.end

    @property
    def alarm(self) -> bool:
        """Whether the monitor would have been in alarm."""
        return self.findings.verdict is Verdict.DRIFT

    @property
    def alarm_alone(self) -> bool:
        """Whether the window alone would have been."""
        return self.alone.verdict is Verdict.DRIFT


@dataclass(frozen=True)
class Episode:
    """Looks in a row that were in alarm: one message to a person.

    Attributes
    ----------
    first, last : places of the looks
    """

    first: int
    last: int


@dataclass(frozen=True)
class Record:
    """How one way of looking did.

    Attributes
    ----------
    episodes : its alarms
    false_alarms : how many of them began in the healthy span
    healthy : how long that was
    in_alarm : share of the looks in that span that were in alarm; a long alarm is one alarm, and shows here
    delay : from the change to the first look in alarm after it; None when there was none, no change is known, or
        an alarm stood already, so that nothing tells which look found the change
    standing : whether it was in alarm already when the change came
    """

    episodes: tuple[Episode, ...]
    false_alarms: int
    healthy: timedelta
    in_alarm: float
    delay: timedelta | None
    standing: bool

    @property
    def false_alarms_a_month(self) -> float:
        """The rate over the healthy span; NaN when there was none."""
        return self.false_alarms / (self.healthy / MONTH) if self.healthy else math.nan


@dataclass(frozen=True)
class Replay:
    """A replayed history.

    Attributes
    ----------
    changed_at : when the data are known to have changed; None takes all of it as healthy
    """

    baseline: Baseline
    monitor: DriftMonitor
    looks: tuple[Look, ...]
    changed_at: datetime | None = None

    @cached_property
    def together(self) -> Record:
        """How the monitor did."""
        return self._record([look.alarm for look in self.looks])

    @cached_property
    def alone(self) -> Record:
        """How single windows did."""
        return self._record([look.alarm_alone for look in self.looks])

    @property
    def judged(self) -> int:
        """Looks that had rows enough for a verdict."""
        return sum(look.findings.verdict is not Verdict.INSUFFICIENT_DATA for look in self.looks)

    @property
    def healthy_looks(self) -> tuple[Look, ...]:
        """The looks that saw nothing of the change."""
        return tuple(look for look in self.looks if self._healthy(look))

    def _healthy(self, look: Look) -> bool:
        return self.changed_at is None or look.end <= self.changed_at

    def _record(self, alarms: Sequence[bool]) -> Record:
        found = episodes(alarms)
        false = sum(self._healthy(self.looks[episode.first]) for episode in found)
        length = self.looks[0].increment.end - self.looks[0].increment.start
        healthy = len(self.healthy_looks)
        after = [look.end for look, alarm in zip(self.looks, alarms, strict=True) if alarm and not self._healthy(look)]
        standing = self.changed_at is not None and healthy > 0 and alarms[healthy - 1]
        delay = after[0] - self.changed_at if self.changed_at is not None and after and not standing else None
        in_alarm = sum(alarms[:healthy]) / healthy if healthy else math.nan
        return Record(found, false, healthy * length, in_alarm, delay, standing)


def episodes(alarms: Sequence[bool]) -> tuple[Episode, ...]:
    """Runs of looks in alarm."""
    found: list[Episode] = []
    for place, alarm in enumerate(alarms):
        if not alarm:
            continue
        if found and found[-1].last == place - 1:
            found[-1] = Episode(found[-1].first, place)
        else:
            found.append(Episode(place, place))
    return tuple(found)


def drifted(findings: Findings) -> tuple[Finding, ...]:
    """All that drifted in a look, strongest first."""
    found = (*findings.drifted, *findings.drifted_predictions, *findings.drifted_joint)
    return tuple(sorted(found, key=lambda finding: -finding.score))


def monitor_of(length: timedelta, budget: float, minimum_rows: int) -> DriftMonitor:
    """The monitor that looks once a window and may raise `budget` false alarms a month."""
    hours = length / timedelta(hours=1)
    return DriftMonitor(
        schedule="at the end of each window",
        looks_per_month=MONTH / length,
        window_hours=max(1, round(hours)),
        false_alarms_per_month=budget,
        minimum_rows=minimum_rows,
    )


def calibrated(baseline: Baseline, windows: Sequence[Profile], minimum_rows: int) -> Calibration:
    """How much windows vary, from the baseline's own, in order of time: cut into chunks as the baseline's job does."""
    rows = chunk_rows(baseline.reference.rows, minimum_rows)
    chunks = [baseline.empty()]
    for window in windows:
        if chunks[-1].rows >= rows:
            chunks.append(baseline.empty())
        chunks[-1] = chunks[-1].merge(window)
    return Calibration.learn(baseline, chunks)


def replay(
    baseline: Baseline,
    increments: Sequence[Increment],
    monitor: DriftMonitor,
    calibration: Calibration | None = None,
    changed_at: datetime | None = None,
) -> Replay:
    """Look at the end of every window, in order of time.

    Raises
    ------
    DatasetError
        There are fewer than two windows.
    """
    if len(increments) < 2:
        raise DatasetError(
            f"There are {len(increments)} windows after the baseline; a replay needs two at least. Choose a shorter "
            "window or a smaller share for the baseline, or give more rows."
        )
    memory = Memory.blank(baseline, calibration)
    looks = []
    for place, increment in enumerate(increments):
        alone = compare(
            baseline,
            increment.profile,
            monitor,
            start=increment.start,
            end=increment.end,
            calibration=memory.calibration,
        )
        findings, memory = next_look(baseline, _recent(increments, place), monitor, memory)
        looks.append(Look(increment, findings, alone))
    return Replay(baseline, monitor, tuple(looks), changed_at)


def alpha_within_budget(
    baseline: Baseline, healthy: Sequence[Increment], monitor: DriftMonitor, calibration: Calibration | None
) -> float | None:
    """The largest alpha of one look with which the healthy windows would have kept the budget; None when none would.

    Each try is a whole replay, for what is remembered depends on what was found. Half decades are searched by halves.
    """
    steps = math.floor(_STEPS_A_DECADE * math.log10(LARGEST_ALPHA / LEAST_ALPHA))
    alphas = [LARGEST_ALPHA * 10 ** (-step / _STEPS_A_DECADE) for step in range(steps + 1)]

    def kept(alpha: float) -> bool:
        tried = replace(monitor, false_alarms_per_month=alpha * monitor.looks_per_month)
        alarms = _alarms(baseline, healthy, tried, calibration)
        months = len(healthy) * (healthy[0].end - healthy[0].start) / MONTH
        return len(episodes(alarms)) <= monitor.false_alarms_per_month * months

    if not healthy or not kept(alphas[-1]):
        return None
    low, high = 0, len(alphas) - 1  # alphas[high] keeps the budget
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if kept(alphas[middle]) else (middle + 1, high)
    return alphas[high]


def alpha_used(monitor: DriftMonitor) -> float:
    """The alpha that the monitor gives one look."""
    return alpha_per_look(monitor)


def _alarms(
    baseline: Baseline, increments: Sequence[Increment], monitor: DriftMonitor, calibration: Calibration | None
) -> list[bool]:
    memory = Memory.blank(baseline, calibration)
    alarms = []
    for place in range(len(increments)):
        findings, memory = next_look(baseline, _recent(increments, place), monitor, memory)
        alarms.append(findings.verdict is Verdict.DRIFT)
    return alarms


def _recent(increments: Sequence[Increment], place: int) -> Sequence[Increment]:
    """All that the look at the end of this increment can need."""
    return increments[max(0, place + 1 - max(SCALES)) : place + 1]
