"""Hours too large for a function, counted: each file by an executor, and what they counted merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from glue_jobs.curating import Curated
from glue_jobs.merging import batch, queue
from watchkeeper.aws.curated_hours import Hour, Shard
from watchkeeper.aws.outcome_hours import OutcomeHours, Uncounted
from watchkeeper.outcomes import Outcomes

TASK = "hour string, version string, digits string"
PARTIAL = "hour string, version string, outcomes binary"
DONE = "hour string, version string"


def count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> None:
    """Count hours; those whose files are written meanwhile once more."""
    outcomes = OutcomeHours(curated.hours)
    while hours:
        _count(spark, curated, hours)
        hours = [again for hour in hours if (again := outcomes.written_since(hour)) is not None]


def _count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> None:
    def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        outcomes = OutcomeHours(curated.hours)
        for row in (row for rows in batches for row in rows.to_pylist()):
            hour = Hour(datetime.fromisoformat(row["hour"]), row["version"])
            counted = outcomes.observed(Shard(hour, row["digits"]))
            yield batch(PARTIAL, row["hour"], row["version"], counted.to_json())

    def keep(partials: pd.DataFrame) -> pd.DataFrame:
        outcomes = OutcomeHours(curated.hours)
        hour = Hour(datetime.fromisoformat(partials["hour"].iloc[0]), partials["version"].iloc[0])
        baseline = outcomes.baseline(hour.version)
        assert baseline is not None  # it was observed with it
        outcomes.keep(hour, (Outcomes.from_json(bytes(part), baseline.binning) for part in partials["outcomes"]))
        return partials[["hour", "version"]].iloc[:1]

    tasks = [(h.start.isoformat(), h.version, shard.digits) for h, files in hours for shard in files]
    observed = queue(spark, tasks, TASK).mapInArrow(observe, PARTIAL)
    observed.groupBy("hour", "version").applyInPandas(keep, DONE).collect()
