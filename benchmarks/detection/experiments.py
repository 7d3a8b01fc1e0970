"""The experiments behind docs/detection.md. Each takes a seed and how much work to do, and gives rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from benchmarks.detection import streams
from benchmarks.detection.trial import Rate, baseline, judge
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration
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


Plan: TypeAlias = tuple[str, Callable[..., Block], int, int, int]
"""What, a table, rows of a window, references, and windows beside each."""


def false_alarms(seed: int, work: float) -> Iterator[Row]:
    """Healthy windows of the loans, of several sizes; references are drawn anew."""
    plans: list[Plan] = [
        ("1,000 rows", streams.loans, 1000, 200, 8),
        ("10,000 rows", streams.loans, 10_000, 120, 4),
        ("100,000 rows", streams.loans, 100_000, 120, 1),
        ("1,000,000 rows", streams.loans, 1_000_000, 24, 1),
    ]
    return _healthy(plans, seed, work)


def false_alarms_wide(seed: int, work: float) -> Iterator[Row]:
    """Healthy windows of many columns."""
    plans: list[Plan] = [
        ("100 columns, 1,000 rows", _wide(100), 1000, 50, 12),
        ("100 columns, 10,000 rows", _wide(100), 10_000, 40, 4),
        ("100 columns, 100,000 rows", _wide(100), 100_000, 40, 1),
        ("300 columns, 1,000 rows", _wide(300), 1000, 24, 12),
        ("300 columns, 10,000 rows", _wide(300), 10_000, 20, 4),
        ("300 columns, 100,000 rows", _wide(300), 100_000, 20, 1),
    ]
    return _healthy(plans, seed, work)


def _healthy(plans: Iterable[Plan], seed: int, work: float) -> Iterator[Row]:
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
        known = (None, Calibration.learn(base, chunks, (1,)), Calibration.learn(base, past, (1,)))
        for move in (0.0, 0.25):
            windows = [
                base.observe(streams.dependent(1000, first + 500 + w + int(move * 1000), move=move)) for w in range(12)
            ]
            for mode, calibration in zip(modes, known, strict=True):
                judge(base, windows, rates[mode, move], ALPHA, calibration)
    for (mode, move), rate in rates.items():
        yield Row.of(f"{mode}; {'two columns moved .25 sd' if move else 'healthy'}", rate)


def pieces(block: Block, rows: int) -> Iterator[Block]:
    """The block in consecutive pieces."""
    for start in range(0, block.rows, rows):
        part = slice(start, min(start + rows, block.rows))
        yield Block(
            part.stop - part.start,
            {name: _cut(column, part) for name, column in block.features.items()},
            {name: _cut(column, part) for name, column in block.predictions.items()},
        )


def _wide(columns: int) -> Callable[[int, int], Block]:
    return lambda rows, seed: streams.wide(rows, seed, columns)


def _first(seed: int, what: str, reference: int) -> int:
    """The first of a thousand seeds that no other reference uses."""
    label = list(what.encode())
    return int(np.random.default_rng([seed, *label, reference]).integers(1 << 40)) * 1000


def _cut(column: Column, part: slice) -> Column:
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[part])
    return (
        CategoryColumn(column.codes[part], column.levels)
        if isinstance(column, CategoryColumn)
        else TimeColumn(column.seconds[part])
    )
