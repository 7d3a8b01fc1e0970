"""Spark without a drift package: KS and PSI of every column by DataFrame operations, as such jobs are written.

`python -m benchmarks.peers.spark FOLDER FILE` prints JSON like `benchmarks.peers.run speed`, in wall seconds: the work
is done in a JVM, whose CPU only the parent process can count.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.peers.detector import Columns

CUTS = [place / 10 for place in range(1, 10)]
PSI_LIMIT = 0.2
_TINY = 1e-6


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("file", type=Path)
    chosen = options.parse_args()
    started = time.monotonic()
    session = _session()
    imported = time.monotonic()
    columns = Columns.read(chosen.folder)
    reference = _read(session, chosen.folder / "reference.parquet", columns).cache()
    window = _read(session, chosen.file, columns).cache()
    cuts = dict(zip(columns.numbers, reference.approxQuantile(list(columns.numbers), CUTS, 0.001), strict=True))
    before = _shares(reference, columns, cuts)
    learned = time.monotonic()
    after = _shares(window, columns, cuts)
    alerts = [name for name in columns.all if _psi(before[name], after[name]) > PSI_LIMIT]
    largest = {name: max(_differences(before[name], after[name])) for name in columns.numbers}
    done = time.monotonic()
    session.stop()
    stages = {"import": imported - started, "learn": learned - imported, "judge": done - learned}
    print(json.dumps({**stages, "alerts": alerts, "ks": largest}))


def _session() -> Any:
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "4").config("spark.driver.memory", "4g").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def _read(session: Any, path: Path, columns: Columns) -> Any:
    from pyspark.sql import functions as F

    if path.suffix == ".parquet":
        return session.read.parquet(str(path)).select(*columns.all)
    named = list(enumerate(columns.all))
    schema = "captureData struct<endpointInput: struct<data: string>>"
    records = session.read.schema(schema).json(str(path))
    parts = F.split(records["captureData.endpointInput.data"], ",")
    typed = [parts[place].cast("double" if name in columns.numbers else "string") for place, name in named]
    return records.select(*(part.alias(name) for part, (_, name) in zip(typed, named, strict=True)))


def _shares(table: Any, columns: Columns, cuts: dict[str, list[float]]) -> dict[str, dict[Any, float]]:
    """Shares of each number's bins and of each category's levels."""
    from pyspark.sql import functions as F

    wanted = [F.count(name).alias(name) for name in columns.numbers]
    for name, places in cuts.items():
        wanted += [F.sum((F.col(name) <= cut).cast("long")).alias(f"{name}:{at}") for at, cut in enumerate(places)]
    row = table.agg(*wanted).first()
    shares: dict[str, dict[Any, float]] = {}
    for name, places in cuts.items():
        below = [0.0, *(row[f"{name}:{at}"] / row[name] for at in range(len(places))), 1.0]
        shares[name] = {at: high - low for at, (low, high) in enumerate(pairwise(below))}
    rows = table.count()
    for name in columns.categories:
        shares[name] = {level: count / rows for level, count in table.groupBy(name).count().collect()}
    return shares


def _psi(before: dict[Any, float], after: dict[Any, float]) -> float:
    total = 0.0
    for place in before.keys() | after.keys():
        p, q = max(before.get(place, 0.0), _TINY), max(after.get(place, 0.0), _TINY)
        total += (q - p) * math.log(q / p)
    return total


def _differences(before: dict[Any, float], after: dict[Any, float]) -> list[float]:
    """Between the cumulative shares at every cut: the largest is KS, as far as ten bins tell."""
    total, found = 0.0, []
    for place in before:
        total += after[place] - before[place]
        found.append(abs(total))
    return found


if __name__ == "__main__":
    main()
