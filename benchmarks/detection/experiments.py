"""The experiments behind docs/detection.md. Each takes a seed and how much work to do, and gives rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.detection import streams
from benchmarks.detection.trial import AT, Rate, baseline, judge, monitor
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, Increment, compare, compare_scales
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

ALPHA = 0.01
REFERENCE_ROWS = 20_000

DRIFTS: Mapping[str, dict[str, Any]] = {
    "mean .1 sd on 2": {"drift": "mean", "size": 0.1},
    "mean .25 sd on 2": {"drift": "mean", "size": 0.25},
    "mean .5 sd on 2": {"drift": "mean", "size": 0.5},
    "scale +10 % on 2": {"drift": "scale", "size": 0.1},
    "scale +20 % on 2": {"drift": "scale", "size": 0.2},
    "mix .05 on 2": {"drift": "mix", "size": 0.05},
    "mix .10 on 2": {"drift": "mix", "size": 0.1},
    "missing +.05 on 2": {"drift": "missing", "size": 0.05},
    "missing +.10 on 2": {"drift": "missing", "size": 0.1},
    "new category 1 %": {"drift": "new_category", "size": 0.01, "columns": 1},
    "correlation, a tenth": {"drift": "correlation", "size": 0.1},
    "correlation, a fifth": {"drift": "correlation", "size": 0.2},
    "correlation, all": {"drift": "correlation", "size": 1.0},
    "label shift .3": {"drift": "label_shift", "size": 0.3},
    "prediction shift .1 logit": {"drift": "prediction_shift", "size": 0.1},
}


@dataclass(frozen=True)
class Row:
    """One line of a table: what, the shares of windows with evidence and with an alarm, and how many windows."""

    what: str
    evidence: float
    alarms: float
    error: float
    windows: int

    @classmethod
    def of(cls, what: str, rate: Rate) -> Row:
        """From counted windows."""
        return cls(what, rate.evidence / max(rate.windows, 1), rate.share, rate.error, rate.windows)


def false_alarms(seed: int, work: float) -> Iterator[Row]:
    """Healthy windows of several sizes and widths; references are drawn anew."""
    plans: list[tuple[str, Callable[..., Block], int, int, int]] = [
        ("loans, 1,000 rows", streams.loans, 1000, 250, 8),
        ("loans, 10,000 rows", streams.loans, 10_000, 150, 4),
        ("loans, 100,000 rows", streams.loans, 100_000, 120, 1),
        ("100 columns, 1,000 rows", _wide(100), 1000, 60, 12),
        ("100 columns, 10,000 rows", _wide(100), 10_000, 40, 4),
        ("300 columns, 1,000 rows", _wide(300), 1000, 30, 12),
    ]
    for what, table, rows, references, windows in plans:
        rate = Rate()
        for reference in range(max(2, round(references * work))):
            first = _first(seed, what, reference)
            base = baseline(table(REFERENCE_ROWS, first))
            judge(base, (table(rows, first + 1 + window) for window in range(windows)), rate, ALPHA)
        yield Row.of(what, rate)


def power(seed: int, work: float, rows: int = 1000, alpha: float = ALPHA) -> Iterator[Row]:
    """Windows of `rows` with each drift."""
    rates = {what: Rate() for what in DRIFTS}
    for reference in range(max(2, round(50 * work))):
        first = _first(seed, "power", reference)
        base = baseline(streams.loans(REFERENCE_ROWS, first))
        for place, (what, drift) in enumerate(DRIFTS.items()):
            windows = (streams.loans(rows, first + 1 + 8 * place + window, **drift) for window in range(8))
            judge(base, windows, rates[what], alpha)
    for what, rate in rates.items():
        yield Row.of(what, rate)


def dependent(seed: int, work: float, history: int = 60) -> Iterator[Row]:
    """Windows of 1,000 rows in bursts of 50 that share a .3 sd shift: healthy, and with .25 sd on two columns."""
    modes = ("rows taken as independent", "calibrated on the baseline's 20 chunks", f"calibrated on {history} windows")
    rates = {(mode, move): Rate() for mode in modes for move in (0.0, 0.25)}
    for reference in range(max(2, round(60 * work))):
        first = _first(seed, "dependent", reference)
        block = streams.dependent(REFERENCE_ROWS, first)
        base = baseline(block)
        chunks = (base.observe(part) for part in pieces(block, 1000))
        past = (base.observe(streams.dependent(1000, first + 100 + window)) for window in range(history))
        known = (None, Calibration.learn(base, chunks), Calibration.learn(base, past))
        for move in (0.0, 0.25):
            windows = [
                base.observe(streams.dependent(1000, first + 500 + w + int(move * 1000), move=move)) for w in range(12)
            ]
            for mode, calibration in zip(modes, known, strict=True):
                judge(base, windows, rates[mode, move], ALPHA, calibration)
    for (mode, move), rate in rates.items():
        yield Row.of(f"{mode}; {'two columns moved .25 sd' if move else 'healthy'}", rate)


@dataclass(frozen=True)
class Delay:
    """How soon a slow drift was found, and how often nothing was."""

    what: str
    delays: tuple[int, ...]
    false_alarms: int
    healthy: int


def slow(seed: int, work: float, step: float = 0.002, hours: int = 720) -> Iterator[Delay]:
    """A mean that moves by `step` sd an hour, in hourly windows of 1,000; a budget of one false alarm in 720 looks."""
    delays: dict[str, list[int]] = {"every hour alone": [], "merges of 1 to 32 hours": []}
    alarms = dict.fromkeys(delays, 0)
    healthy = 0
    for run in range(max(2, round(10 * work))):
        first = _first(seed, "slow", run)
        base = baseline(streams.dependent(REFERENCE_ROWS, first, luck=0.0))
        for what in delays:
            stream = (streams.dependent(1000, first + 1 + h, luck=0.0, move=step * h) for h in range(hours))
            delays[what].append(_first_alarm(base, stream, what))
    for run in range(max(1, round(2 * work))):
        first = _first(seed, "healthy", run)
        base = baseline(streams.dependent(REFERENCE_ROWS, first, luck=0.0))
        healthy += hours
        for what in delays:
            alarms[what] += _alarms(
                base, (streams.dependent(1000, first + 1 + h, luck=0.0) for h in range(hours)), what
            )
    for what, found in delays.items():
        yield Delay(what, tuple(found), alarms[what], healthy)


def pieces(block: Block, rows: int) -> Iterator[Block]:
    """The block in consecutive pieces."""
    for start in range(0, block.rows, rows):
        part = slice(start, min(start + rows, block.rows))
        yield Block(
            part.stop - part.start,
            {name: _cut(column, part) for name, column in block.features.items()},
            {name: _cut(column, part) for name, column in block.predictions.items()},
        )


def _verdicts(base: Baseline, stream: Iterator[Block], what: str) -> Iterator[bool]:
    """Whether each hour's look finds drift."""
    kept: list[Increment] = []
    for hour, block in enumerate(stream):
        start = AT + timedelta(hours=hour)
        kept = [*kept[-31:], Increment(start, start + timedelta(hours=1), base.observe(block))]
        if what == "every hour alone":
            found = compare(base, kept[-1].profile, monitor(1 / 720), start=start, end=kept[-1].end)
        else:
            found = compare_scales(base, kept, monitor(1 / 720))
        yield found.verdict is Verdict.DRIFT


def _first_alarm(base: Baseline, stream: Iterator[Block], what: str) -> int:
    hour = -1
    for hour, drifted in enumerate(_verdicts(base, stream, what)):
        if drifted:
            return hour
    return hour + 1


def _alarms(base: Baseline, stream: Iterator[Block], what: str) -> int:
    return sum(_verdicts(base, stream, what))


def _wide(columns: int) -> Callable[[int, int], Block]:
    return lambda rows, seed: streams.wide(rows, seed, columns)


def _first(seed: int, what: str, reference: int) -> int:
    """The first of a thousand seeds that no other reference uses."""
    label = int.from_bytes(what.encode()[-4:], "big")
    return int(np.random.default_rng([seed, label, reference]).integers(1 << 40)) * 1000


def _cut(column: Column, part: slice) -> Column:
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[part])
    return (
        CategoryColumn(column.codes[part], column.levels)
        if isinstance(column, CategoryColumn)
        else TimeColumn(column.seconds[part])
    )
