"""What tests of data quality share: rows with faults on request, baselines of them, and looks at windows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support import model_spec
from watchkeeper.capture import Block, Unreadable, prediction_columns
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.quality import Look
from watchkeeper.refusal import Reason
from watchkeeper.spec import Feature, Kind, ModelSpec
from watchkeeper.table import column

END = datetime(2026, 11, 21, 10, tzinfo=UTC)
FEATURES = (
    Feature("age", Kind.INTEGER),
    Feature("income", Kind.NUMBER),
    Feature("home", Kind.CATEGORY),
    Feature("note", Kind.TEXT),
    Feature("since", Kind.TIMESTAMP),
)
SPEC = model_spec(features=FEATURES)
Raw = Mapping[str, list[Any]]


def raw(n: int, seed: int, spec: ModelSpec = SPEC, **changes: Any) -> dict[str, list[Any]]:
    """Raw values of `n` healthy rows; `changes` replace a feature's values, all of them or those of a part."""
    random = np.random.default_rng(seed)
    rows: dict[str, list[Any]] = {
        "age": random.integers(18, 80, n).tolist(),
        "income": np.round(random.lognormal(3, 1, n), 2).tolist(),
        "home": random.choice(["rent", "own", "other"], n, p=[0.5, 0.4, 0.1]).tolist(),
        "note": ["x" * int(length) for length in random.integers(1, 40, n)],
        "since": [f"2020-01-{day:02d}T00:00:00Z" for day in random.integers(1, 29, n)],
    }
    for name, values in changes.items():
        rows[name] = [*values, *rows[name][len(values) :]] if isinstance(values, list) else [values] * n
    return {feature.name: rows[feature.name] for feature in spec.profiled_features}


def block(rows: Raw, spec: ModelSpec = SPEC) -> Block:
    kinds = {feature.name: feature.kind for feature in spec.features}
    columns = {name: column(kinds[name], values) for name, values in rows.items()}
    return Block(len(next(iter(rows.values()))), columns, prediction_columns(spec.task, []))


def baseline(rows: Raw | None = None, spec: ModelSpec = SPEC) -> Baseline:
    made = block(raw(3000, seed=1, spec=spec) if rows is None else rows, spec)
    return Baseline.build("credit", "v1", END, Binning.fit(made.features, made.predictions), [made])


BASELINE = baseline()


def refused(reason: Reason, records: int, values: int | None = None) -> list[Unreadable]:
    return [Unreadable(1, "", b"", reason, values)] * records


def window(rows: Raw) -> Profile:
    return BASELINE.observe(block(rows))


def look(rows: Raw, spec: ModelSpec = SPEC, **changes: Any) -> Look:
    settings: dict[str, Any] = {"start": END - timedelta(hours=24), "end": END} | changes
    return Look(spec, BASELINE, window(rows), **settings)


def finite(values: list[Any]) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]
