"""Spark job: the hours of a window that is too large for a function, each put together as the function would have.

The profiles of an hour are read and merged side by side, and what each executor made of them is merged again. Then the
look that was handed over is taken by its own function, which finds the hours compacted: one place computes the verdict.
A job that was stopped goes on where it was, for hours that are compacted are left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.job import arguments, session
from glue_jobs.merging import batch, queue
from watchkeeper import jsonio, naming
from watchkeeper.aws.deployed import client, store
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.errors import BaselineError
from watchkeeper.profile import Baseline, merge_all
from watchkeeper.spec import deployed_spec

log = logging.getLogger("merge_hours")
PARTS_AT_ONCE = 500
"""Read and merged by one executor without a break: a second or two of work."""
WORK = "hour string, parts binary"
PARTIAL = "hour string, parts binary, profile binary"
DONE = "hour string, rows long"


class Task(NamedTuple):
    """Some parts of an hour: their entity tags by key, as JSON."""

    hour: str
    parts: bytes


def main() -> None:
    """Compact what a look needs, and have it taken."""
    options = arguments(["BUCKET", "VERSION", "FROM", "TO"], ["FUNCTION"])
    spec, version, data = deployed_spec(), options["VERSION"], store(options["BUCKET"])
    stored = data.get(naming.baseline_key(spec.name, version))
    if stored is None:
        raise BaselineError(f"Version {version} of {spec.name} has no baseline: onboard or retrain it first.")
    since, end = datetime.fromisoformat(options["FROM"]), datetime.fromisoformat(options["TO"])
    hours = naming.window_hours(end, -int((since - end) // timedelta(hours=1)))
    tasks = list(_tasks(StoredProfiles(data, Baseline.from_json(stored), end), hours))
    spark = session(f"{spec.name}: merge hours")
    done = compacted(spark, stored, options["BUCKET"], end, tasks).collect() if tasks else []
    log.warning("%s: %d hours, %d rows", spec.name, len(done), sum(row["rows"] for row in done))
    if "FUNCTION" in options:
        look = jsonio.dumps({"scheduled_time": options["TO"], "merged": True})
        client("lambda").invoke(FunctionName=options["FUNCTION"], InvocationType="Event", Payload=look)


def _tasks(stored: StoredProfiles, hours: Sequence[datetime]) -> Iterator[Task]:
    for hour, parts in stored.to_compact(hours):
        for first in range(0, len(parts), PARTS_AT_ONCE):
            some = {item.key: item.tag for item in parts[first : first + PARTS_AT_ONCE]}
            yield Task(hour.isoformat(), jsonio.dumps(some))


def compacted(spark: SparkSession, text: bytes, bucket: str, end: datetime, tasks: Sequence[Task]) -> DataFrame:
    """Compact the hours; one row an hour: `hour, rows`. `text` is the baseline's."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        stored = StoredProfiles(store(bucket), Baseline.from_json(text), end)
        for row in (row for rows in batches for row in rows.to_pylist()):
            profile = stored.merged(jsonio.loads(row["parts"]))
            yield batch(PARTIAL, row["hour"], row["parts"], profile.to_json())

    def write(partials: pd.DataFrame) -> pd.DataFrame:
        stored = StoredProfiles(store(bucket), Baseline.from_json(text), end)
        profile = merge_all(map(stored.baseline.read, map(bytes, partials["profile"])), stored.baseline.empty())
        parts = {key: tag for some in partials["parts"] for key, tag in jsonio.loads(bytes(some)).items()}
        hour = str(partials["hour"].iloc[0])
        stored.compact(datetime.fromisoformat(hour), parts, profile)
        return pd.DataFrame({"hour": [hour], "rows": [profile.rows]})

    return queue(spark, tasks, WORK).mapInArrow(read, PARTIAL).groupBy("hour").applyInPandas(write, DONE)


if __name__ == "__main__":
    main()
