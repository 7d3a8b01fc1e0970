"""Spark job: the profiles of all captures of a version in a span of hours, as Lambda would write them.

For captures older than their baseline, for objects too large for a function, and for a history that was captured before
Watchkeeper came. Objects that have a profile already are left alone, so a job that was stopped goes on where it was. A
large object is read in pieces side by side, whose profiles are merged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.job import arguments, session
from watchkeeper import naming
from watchkeeper.aws import pieces, profiling
from watchkeeper.aws.deployed import store
from watchkeeper.aws.profiling import Observed
from watchkeeper.errors import BaselineError, CaptureError
from watchkeeper.profile import Baseline
from watchkeeper.profile.profile import merge_all
from watchkeeper.spec import ModelSpec, deployed_spec

log = logging.getLogger("backfill_profiles")
WORK = "bucket string, key string, start long, stop long, pieces int"
PARTIAL = "key string, start long, profile binary, quarantined binary"
DONE = "key string, rows long, unreadable long"


class Task(NamedTuple):
    """One piece of a captured object, and into how many that was cut."""

    bucket: str
    key: str
    start: int
    stop: int
    pieces: int


def main() -> None:
    """Profile what has no profile yet."""
    options = arguments(["BUCKET", "VERSION", "FROM", "TO"], ["PIECE_BYTES"])
    spec, version, data = deployed_spec(), options["VERSION"], options["BUCKET"]
    stored = store(data).get(naming.baseline_key(spec.name, version))
    if stored is None:
        raise BaselineError(f"Version {version} of {spec.name} has no baseline: onboard or retrain it first.")
    baseline = Baseline.from_json(stored)
    span = datetime.fromisoformat(options["FROM"]), datetime.fromisoformat(options["TO"])
    largest = int(options.get("PIECE_BYTES", pieces.PIECE_BYTES))
    tasks = list(_tasks(spec, baseline, data, span, largest))
    spark = session(f"{spec.name}: backfill profiles")
    done = backfill(spark, spec, baseline, data, tasks).collect() if tasks else []
    rows, unreadable = sum(row["rows"] for row in done), sum(row["unreadable"] for row in done)
    log.warning("%s: %d objects, %d rows, %d unreadable records", spec.name, len(done), rows, unreadable)


def _tasks(
    spec: ModelSpec, baseline: Baseline, data: str, span: tuple[datetime, datetime], largest: int
) -> Iterator[Task]:
    """The captures of the span that have no profile yet, in pieces."""
    profiled = set(store(data).keys(naming.profiles_prefix(spec.name, baseline.id)))
    for bucket, prefix in spec.captures(data, baseline.version):
        for key, _, size in store(bucket).listed(prefix):
            try:
                capture = spec.parse_capture_key(key)
            except CaptureError as error:
                log.warning("Skipped an object that is no capture: %s", error)
                continue
            wanted = capture.version == baseline.version and span[0] <= capture.hour < span[1]
            if wanted and naming.profile_key(spec.name, baseline.id, capture) not in profiled:
                cut = pieces.pieces(key, size, largest)
                yield from (Task(bucket, *piece, len(cut)) for piece in cut)


def backfill(spark: SparkSession, spec: ModelSpec, baseline: Baseline, data: str, tasks: Sequence[Task]) -> DataFrame:
    """Profile the pieces; one row an object: `key, rows, unreadable`."""

    def observe(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for bucket, key, start, stop, _ in batch.itertuples(index=False):
                streamed = pieces.read(store(bucket), pieces.Piece(key, start, stop))
                if streamed is not None:  # it may have been deleted meanwhile
                    observed = profiling.observe(spec, baseline, spec.parse_capture_key(key), streamed)
                    row = (key, start, observed.profile.to_json(), observed.quarantined)
                    yield pd.DataFrame([row], columns=["key", "start", "profile", "quarantined"])

    def write(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for key, part in batch.groupby("key"):
                yield _written(spec, baseline, data, str(key), part)

    def meet(key: tuple[str], part: pd.DataFrame) -> pd.DataFrame:
        return _written(spec, baseline, data, key[0], part)

    queue = spark.createDataFrame(list(tasks), WORK).repartition(len(tasks))
    # A whole object is written as soon as it is read; the pieces of a large one meet first.
    whole = queue.where("pieces = 1").mapInPandas(observe, PARTIAL).mapInPandas(write, DONE)
    cut = queue.where("pieces > 1").mapInPandas(observe, PARTIAL).groupBy("key").applyInPandas(meet, DONE)
    return whole.unionAll(cut)


def _written(spec: ModelSpec, baseline: Baseline, data: str, key: str, parts: pd.DataFrame) -> pd.DataFrame:
    """Merge the pieces of one object, in their order, and store them as Lambda would."""
    parts = parts.sort_values("start")
    profile = merge_all((baseline.read(bytes(part)) for part in parts["profile"]), baseline.empty())
    quarantined = b"".join(bytes(part) for part in parts["quarantined"])
    profiling.write(spec, baseline, store(data), spec.parse_capture_key(key), Observed(profile, quarantined))
    return pd.DataFrame({"key": [key], "rows": [profile.rows], "unreadable": [profile.unreadable]})


if __name__ == "__main__":
    main()
