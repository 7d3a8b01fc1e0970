"""Hours too large for a function, counted: each file by an executor, and what they counted merged."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from glue_jobs.curating import Curated
from glue_jobs.merging import batch, queue
from watchkeeper.aws.counted_hours import CountedHours, Uncounted
from watchkeeper.aws.curated_hours import Hour, Shard

TASK = "hour string, version string, digits string"
PARTIAL = "hour string, version string, counts binary"
DONE = "hour string, version string"


def count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> None:
    """Count hours; those whose files are written meanwhile once more."""
    counted = CountedHours.of(curated.hours)
    while hours:
        _count(spark, curated, hours)
        hours = [again for hour in hours if (again := counted.written_since(hour)) is not None]


def _count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> None:
    def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counted = CountedHours.of(curated.hours)
        for row in (row for rows in batches for row in rows.to_pylist()):
            hour = Hour(datetime.fromisoformat(row["hour"]), row["version"])
            partial = counted.observed(Shard(hour, row["digits"]))
            yield batch(PARTIAL, row["hour"], row["version"], pickle.dumps(partial))

    def keep(partials: pd.DataFrame) -> pd.DataFrame:
        hour = Hour(datetime.fromisoformat(partials["hour"].iloc[0]), partials["version"].iloc[0])
        parts = (pickle.loads(bytes(part)) for part in partials["counts"])  # noqa: S301  # our own executors wrote it
        CountedHours.of(curated.hours).keep(hour, parts)
        return partials[["hour", "version"]].iloc[:1]

    tasks = [(h.start.isoformat(), h.version, shard.digits) for h, files in hours for shard in files]
    observed = queue(spark, tasks, TASK).mapInArrow(observe, PARTIAL)
    observed.groupBy("hour", "version").applyInPandas(keep, DONE).collect()
