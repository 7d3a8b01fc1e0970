"""NannyML on the same windows, in its own environment."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks import process
from benchmarks.estimation.said import Said
from benchmarks.estimation.worlds import World
from benchmarks.files import write_parquet
from benchmarks.peers import environments
from benchmarks.process import one_thread
from watchkeeper.performance.metric import Name


def nannyml(world: World) -> Said:
    """CBPE of a classifier, DLE of a regression.

    Raises
    ------
    SystemExit
        NannyML cannot be installed.
    """
    if reason := environments.install("nannyml"):
        raise SystemExit(f"NannyML is {reason}. Measure without it: --no-peers.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = len(next(iter(world.windows.values()))[0])
        features = [*world.numbers, *world.categories]
        (folder / "plan.json").write_text(
            json.dumps({"regression": world.regression, "rows": rows, "features": features})
        )
        write_parquet(world.reference, folder / "reference.parquet")
        every = [
            table.astype(dict.fromkeys(world.categories, "str")) for each in world.windows.values() for table in each
        ]
        write_parquet(pd.concat(every, ignore_index=True), folder / "windows.parquet")
        python = environments.PEERS["nannyml"].python
        result = process.run([python, "-m", "benchmarks.peers.nannyml_estimates", folder], one_thread()).result
    stated = iter(result["windows"])
    found = {
        scenario: [{Name(key): tuple(values) for key, values in next(stated).items()} for _ in tables]
        for scenario, tables in world.windows.items()
    }
    return Said(found, result["seconds"])
