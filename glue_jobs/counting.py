"""Hours too large for a function, counted: each file by an executor, and what they counted merged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from glue_jobs.curating import Curated
from glue_jobs.merging import batch, queue
from watchkeeper.aws.counted_hours import CountedHours, Part, Uncounted
from watchkeeper.aws.curated_hours import Hour, Shard

TASK = "hour string, version string, digits string, kinds string"
PARTIAL = "hour string, version string, kind string, counts binary, refused string"
DONE = "place string, reason string"


def count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> dict[str, str]:
    """Count hours, those whose files are written meanwhile once more; what was refused, as `CountedHours.count`."""
    counted = CountedHours.of(curated.hours)
    refused: dict[str, str] = {}
    while hours:
        refused |= _count(spark, curated, hours)
        hours = [again for hour in hours if (again := counted.written_since(hour)) is not None]
    return refused


def _count(spark: SparkSession, curated: Curated, hours: Sequence[Uncounted]) -> dict[str, str]:
    def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counted = CountedHours.of(curated.hours)
        for row in (row for rows in batches for row in rows.to_pylist()):
            hour = Hour(datetime.fromisoformat(row["hour"]), row["version"])
            for part in counted.observed(Shard(hour, row["digits"]), row["kinds"].split(",")):
                yield batch(PARTIAL, row["hour"], row["version"], *part)

    def keep(partials: pd.DataFrame) -> pd.DataFrame:
        hour = Hour(datetime.fromisoformat(partials["hour"].iloc[0]), partials["version"].iloc[0])
        rows = zip(partials["kind"], partials["counts"], partials["refused"], strict=True)
        parts = (Part(kind, bytes(counts), reason) for kind, counts, reason in rows)
        refused = CountedHours.of(curated.hours).keep(hour, parts)
        return pd.DataFrame({"place": list(refused), "reason": list(refused.values())}, dtype=str)

    tasks = [(h.start.isoformat(), h.version, shard.digits, ",".join(kinds)) for h, fs, kinds in hours for shard in fs]
    observed = queue(spark, tasks, TASK).mapInArrow(observe, PARTIAL)
    done = observed.groupBy("hour", "version").applyInPandas(keep, DONE).collect()
    return {row["place"]: row["reason"] for row in done}
