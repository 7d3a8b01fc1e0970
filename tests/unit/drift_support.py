"""What the tests of drift share: small tables, a baseline, a look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, compare
from watchkeeper.findings import Findings
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.spec import DriftMonitor
from watchkeeper.table import CategoryColumn, Column, NumberColumn

AT = datetime(2026, 11, 21, tzinfo=UTC)


def monitor(alpha: float = 0.01, minimum_rows: int = 1) -> DriftMonitor:
    return DriftMonitor("rate(1 hour)", 1 / alpha, 24, 1.0, minimum_rows)


def block(features: Mapping[str, Column], predictions: Mapping[str, Column] | None = None) -> Block:
    return Block(len(next(iter(features.values()))), features, predictions or {})


def baseline(reference: Block) -> Baseline:
    binning = Binning.fit(reference.features, reference.predictions)
    return Baseline.build("credit", "v1", AT, binning, [reference])


def look(
    base: Baseline, window: Block | Profile, alpha: float = 0.01, calibration: Calibration | None = None
) -> Findings:
    profile = window if isinstance(window, Profile) else base.observe(window)
    return compare(base, profile, monitor(alpha), start=AT, end=AT, calibration=calibration)


def linked(rows: int, seed: int, correlation: float = 0.6, score_moved: float = 0.0) -> Block:
    """Two correlated numbers, a category that follows the first, and a score that follows both."""
    random = np.random.default_rng(seed)
    x = random.standard_normal(rows)
    y = correlation * x + np.sqrt(1 - correlation**2) * random.standard_normal(rows)
    codes = np.searchsorted([-0.7, 0.2, 1.0], x + random.standard_normal(rows)).astype(np.int32)
    score = 1 / (1 + np.exp(-(x + y + score_moved)))
    features = {"x": NumberColumn(x), "y": NumberColumn(y), "z": CategoryColumn(codes, ("a", "b", "c", "d"))}
    return block(features, {"predicted score": NumberColumn(score)})


def bursts(rows: int, seed: int, move: float = 0.0, columns: int = 8) -> Block:
    """Rows in bursts of 50 that share a shift of .3 deviations; `move` is added to the first column."""
    random = np.random.default_rng(seed)
    shared = np.repeat(0.3 * random.standard_normal((rows // 50, columns)), 50, axis=0)
    values = shared + random.standard_normal((rows, columns))
    values[:, 0] += move
    features: dict[str, Column] = {f"n{place}": NumberColumn(values[:, place].copy()) for place in range(columns - 1)}
    codes = np.searchsorted([-0.5, 0.3, 0.9], values[:, -1]).astype(np.int32)
    return block(features | {"c": CategoryColumn(codes, ("a", "b", "c", "d"))})
