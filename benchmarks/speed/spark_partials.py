"""Capture files profiled in Spark, local[2]: by our code in mapInArrow, or line by line as such jobs are first written.

`python -m benchmarks.speed.spark_partials ours|lines FOLDER FILE …` prints rows and wall seconds. Python's workers are
started by a job of their own before the clock.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks.peers.detector import Columns
from benchmarks.speed.ours import read
from localcloud.java import require_java_home
from watchkeeper.profile import Baseline, merge_all
from watchkeeper.spec import ModelSpec

CORES = 2
BINS = 64


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("how", choices=["ours", "lines"])
    options.add_argument("folder", type=Path)
    options.add_argument("files", type=Path, nargs="+")
    chosen = options.parse_args()
    spark = _session()
    keys = spark.createDataFrame([(str(file),) for file in chosen.files], "path string")
    keys = keys.repartition(len(chosen.files)).cache()
    keys.mapInArrow(lambda batches: batches, "path string").count()
    started = time.monotonic()
    rows = (ours if chosen.how == "ours" else lines)(keys, chosen.folder)
    seconds = time.monotonic() - started
    spark.stop()
    print(json.dumps({"rows": rows, "seconds": round(seconds, 3)}))


def ours(keys: Any, folder: Path) -> int:
    """The library's own parser and profiles, merged by the driver."""
    spec = ModelSpec.from_json((folder / "model.json").read_bytes())
    text = (folder / "baseline.json").read_bytes()

    def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        baseline = Baseline.from_json(text)
        for batch in batches:
            for path in batch["path"].to_pylist():
                observer = baseline.observer()
                for block in read(Path(path), spec):
                    observer.add(block)
                yield pa.RecordBatch.from_pydict({"profile": [observer.profile().to_json()]})

    baseline = Baseline.from_json(text)
    found = keys.mapInArrow(observe, "profile binary").collect()
    return merge_all((baseline.read(bytes(row["profile"])) for row in found), baseline.empty()).rows


def lines(keys: Any, folder: Path) -> int:
    """`json.loads` and `float` a record, counts over the reference's quantiles a value."""
    columns = Columns.read(folder)
    table = pq.read_table(folder / "reference.parquet", columns=list(columns.numbers))
    places = np.linspace(0, 1, BINS + 1)[1:-1]
    cuts = [np.unique(np.nanquantile(table[name].to_numpy(), places)).tolist() for name in columns.numbers]

    def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch["path"].to_pylist():
                yield pa.RecordBatch.from_pydict({"counts": [json.dumps(_counted(Path(path), cuts))]})

    total = 0
    for row in keys.mapInArrow(observe, "counts string").collect():
        total += sum(json.loads(row["counts"])[-1].values())
    return total


def _counted(path: Path, cuts: list[list[float]]) -> list[Counter[Any]]:
    """Of each column: how many rows are in each bin or of each level."""
    counts: list[Counter[Any]] = []
    with path.open() as file:
        for line in file:
            values = json.loads(line)["captureData"]["endpointInput"]["data"].split(",")
            counts = counts or [Counter() for _ in values]
            for place, value in enumerate(values):
                if place < len(cuts):
                    counts[place][bisect_right(cuts[place], float(value)) if value else "missing"] += 1
                else:
                    counts[place][value] += 1
    return counts


def _session() -> SparkSession:
    logging.getLogger("py4j").setLevel(logging.ERROR)
    os.environ |= {"JAVA_HOME": require_java_home(), "PYSPARK_PYTHON": sys.executable}
    builder = SparkSession.builder.master(f"local[{CORES}]").config("spark.ui.enabled", "false")
    session: SparkSession = builder.config("spark.driver.memory", "2g").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


if __name__ == "__main__":
    main()
