"""A month of hourly profiles of a wide model: read, merged and compared. Prints CPU seconds and sizes as JSON.

A hundred features are the table's twenty, five times over with seeds of their own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks import data, model
from watchkeeper.capture import Block
from watchkeeper.drift import compare
from watchkeeper.profile import Baseline, Binning, merge_all
from watchkeeper.table import CategoryColumn, Column, NumberColumn

HOURS = 720
COPIES = 5
REFERENCE_ROWS = 20_000
ROWS = 500
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure."""
    reference = _block(REFERENCE_ROWS, 0)
    baseline = Baseline.build("wide", "v1", NOW, Binning.fit(reference.features, {}), [reference])
    stored = [baseline.observe(block).to_json() for block in _blocks()]
    baseline = Baseline.from_json(baseline.to_json())  # with nothing computed yet
    started = time.process_time()
    profiles = [baseline.read(text) for text in stored]
    read = time.process_time()
    merged = merge_all(profiles, baseline.empty())
    added = time.process_time()
    compare(baseline, merged, model.spec().drift, start=NOW, end=NOW + timedelta(hours=HOURS))
    compared = time.process_time()
    stages = {"read": read - started, "merge": added - read, "compare": compared - added, "all": compared - started}
    sizes = {"bytes": max(map(len, stored)), "bytes_merged": len(merged.to_json())}
    print(json.dumps({"features": len(reference.features), **stages, **sizes, "rows": merged.rows}))


def _blocks() -> Iterator[Block]:
    return (_block(ROWS, hour + 1) for hour in range(HOURS))


def _block(rows: int, seed: int) -> Block:
    features: dict[str, Column] = {}
    for copy in range(COPIES):
        table = data.make(rows, seed * COPIES + copy)
        features |= {f"{name} {copy}": _column(table[name]) for name in data.FEATURES}
    return Block(rows, features, {})


def _column(values: pd.Series) -> Column:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return CategoryColumn(values.cat.codes.to_numpy().astype(np.int32), tuple(values.cat.categories))
    return NumberColumn(values.to_numpy(float))


if __name__ == "__main__":
    main()
