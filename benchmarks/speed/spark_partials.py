"""Capture files profiled in Spark, local[2]: by our code in mapInArrow, or line by line as such jobs are first written.

`python -m benchmarks.speed.spark_partials ours|lines FOLDER FILE …` prints rows, wall seconds and the
executors' CPU seconds. A first job over a few lines starts Python's workers and has them import what they need, before
the clock: on a cluster that is paid once an executor.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
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
WARM_LINES = 200


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("how", choices=["ours", "lines"])
    options.add_argument("folder", type=Path)
    options.add_argument("files", type=Path, nargs="+")
    chosen = options.parse_args()
    spark, work = _session(), ours if chosen.how == "ours" else lines
    keys = _keys(spark, chosen.files)
    with tempfile.TemporaryDirectory() as folder:
        work(_keys(spark, _beginnings(chosen.files[0], Path(folder))), chosen.folder)
    started = time.monotonic()
    rows, cpu = work(keys, chosen.folder)
    seconds = time.monotonic() - started
    spark.stop()
    print(json.dumps({"rows": rows, "seconds": round(seconds, 3), "cpu": round(cpu, 3)}))


def _keys(spark: SparkSession, files: Sequence[Path]) -> Any:
    """A partition for each file."""
    keys = spark.createDataFrame([(str(file),) for file in files], "path string").repartition(len(files)).cache()
    keys.count()
    return keys


def _beginnings(file: Path, folder: Path) -> list[Path]:
    """A few lines of a file for each core."""
    with file.open("rb") as source:
        lines = b"".join(islice(source, WARM_LINES))
    found = [folder / f"{core}.jsonl" for core in range(CORES)]
    for path in found:
        path.write_bytes(lines)
    return found


def ours(keys: Any, folder: Path) -> tuple[int, float]:
    """The library's own parser and profiles, merged by the driver: rows, and the executors' CPU seconds."""
    spec = ModelSpec.from_json((folder / "model.json").read_bytes())
    text = (folder / "baseline.json").read_bytes()

    def partial(path: Path) -> bytes:
        observer = Baseline.from_json(text).observer()
        for block in read(path, spec):
            observer.add(block)
        return observer.profile().to_json()

    baseline = Baseline.from_json(text)
    partials, cpu = _partials(keys, partial)
    return merge_all(map(baseline.read, partials), baseline.empty()).rows, cpu


def lines(keys: Any, folder: Path) -> tuple[int, float]:
    """`json.loads` a record, and a value at a time: the same work, but for what columns do together."""
    columns = Columns.read(folder)
    names = [*columns.numbers, "score"]
    table = pq.read_table(folder / "reference.parquet", columns=names)
    places = np.linspace(0, 1, BINS + 1)[1:-1]
    cuts = [np.unique(np.nanquantile(table[name].to_numpy(), places)).tolist() for name in names]
    partials, cpu = _partials(keys, lambda path: json.dumps(_counted(path, cuts)).encode())
    return sum(json.loads(counts)["rows"] for counts in partials), cpu


def _partials(keys: Any, partial: Callable[[Path], bytes]) -> tuple[list[bytes], float]:
    """One partial result a file, made by the executors; and their CPU seconds."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for path in batch["path"].to_pylist():
                started = time.process_time()
                made = partial(Path(path))
                yield pa.RecordBatch.from_pydict({"partial": [made], "cpu": [time.process_time() - started]})

    found = keys.mapInArrow(run, "partial binary, cpu double").collect()
    return [bytes(row["partial"]) for row in found], sum(row["cpu"] for row in found)


def _counted(path: Path, cuts: list[list[float]]) -> dict[str, Any]:
    """Of each number (the score is the last) the bins' counts, sum and extremes; of each category the levels'."""
    bins = [Counter[int]() for _ in cuts]
    sums, least, greatest = [0.0] * len(cuts), [math.inf] * len(cuts), [-math.inf] * len(cuts)
    levels: list[Counter[str]] = []
    rows = 0
    with path.open() as file:
        for line in file:
            record = json.loads(line)["captureData"]
            values = record["endpointInput"]["data"].split(",")
            numbers, categories = values[: len(cuts) - 1], values[len(cuts) - 1 :]
            for place, text in enumerate([*numbers, record["endpointOutput"]["data"]]):
                if not text:
                    bins[place][-1] += 1
                    continue
                value = float(text)
                bins[place][bisect_right(cuts[place], value)] += 1
                sums[place] += value
                least[place], greatest[place] = min(least[place], value), max(greatest[place], value)
            levels = levels or [Counter() for _ in categories]
            for counts, text in zip(levels, categories, strict=True):
                counts[text] += 1
            rows += 1
    return {"rows": rows, "bins": bins, "sums": sums, "least": least, "greatest": greatest, "levels": levels}


def _session() -> SparkSession:
    logging.getLogger("py4j").setLevel(logging.ERROR)
    os.environ |= {"JAVA_HOME": require_java_home(), "PYSPARK_PYTHON": sys.executable}
    builder = SparkSession.builder.master(f"local[{CORES}]").config("spark.ui.enabled", "false")
    session: SparkSession = builder.config("spark.driver.memory", "2g").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


if __name__ == "__main__":
    main()
