"""Spark job: the profiles of all captures of a version in a span of hours, as Lambda would write them.

For captures older than their baseline, for objects too large for a function, and for a history that was captured before
Watchkeeper came. Objects that have a profile already are left alone, so a job that was stopped goes on where it was. A
large object is read in pieces side by side, whose profiles are merged; a batch transform job's file is read whole, for
its answers are found by counting lines.
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
from watchkeeper.aws import batches, pieces, profiling
from watchkeeper.aws.deployed import store
from watchkeeper.aws.profiling import Observed
from watchkeeper.errors import BaselineError, CaptureError
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline
from watchkeeper.profile.profile import merge_all
from watchkeeper.spec import ModelSpec, deployed_spec

log = logging.getLogger("backfill_profiles")
WORK = "bucket string, key string, answers string, capture string, hour string, start long, stop long, pieces int"
PARTIAL = "capture string, hour string, start long, profile binary, quarantined binary, nameless long"
DONE = "key string, rows long, unreadable long, nameless long"


class Task(NamedTuple):
    """One piece of a captured object, or a file of a batch transform job, which is always one piece.

    Attributes
    ----------
    key, answers : what is read; endpoints capture answers beside their requests, so theirs are ""
    capture, hour : key and hour of the capture that the profile is of
    pieces : into how many the object was cut
    """

    bucket: str
    key: str
    answers: str
    capture: str
    hour: str
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
    rows, unreadable, nameless = (sum(row[name] for row in done) for name in ("rows", "unreadable", "nameless"))
    log.warning("%s: %d objects, %d rows, %d unreadable records", spec.name, len(done), rows, unreadable)
    if nameless:
        log.warning("%s: %d rows. %s", spec.name, nameless, profiling.NAMELESS)


def _tasks(
    spec: ModelSpec, baseline: Baseline, data: str, span: tuple[datetime, datetime], largest: int
) -> Iterator[Task]:
    """The captures of the span that have no profile yet, in pieces."""
    profiled = set(store(data).keys(naming.profiles_prefix(spec.name, baseline.id)))

    def wanted(capture: CaptureKey) -> bool:
        in_span = capture.version == baseline.version and span[0] <= capture.hour < span[1]
        return in_span and naming.profile_key(spec.name, baseline.id, capture) not in profiled

    for bucket, prefix in spec.captures(data, baseline.version):
        found = list(store(bucket).listed(prefix))
        jobs = batches.folders(spec.name, (item.key for item in found))
        for item in found:
            if item.key.startswith(tuple(jobs)):
                continue
            try:
                capture = spec.parse_capture_key(item.key)
            except CaptureError as error:
                log.warning("Skipped an object that is no capture: %s", error)
                continue
            if wanted(capture):
                cut = pieces.pieces(item.key, item.size, largest)
                hour = capture.hour.isoformat()
                yield from (Task(bucket, item.key, "", item.key, hour, start, stop, len(cut)) for _, start, stop in cut)
        for folder in jobs:
            for file in batches.complete(store(bucket), spec.name, folder):
                if wanted(file.capture):
                    capture, hour = file.capture, file.capture.hour.isoformat()
                    yield Task(bucket, file.requests.key, file.answers.key, capture.key, hour, 0, file.size, 1)


def backfill(spark: SparkSession, spec: ModelSpec, baseline: Baseline, data: str, tasks: Sequence[Task]) -> DataFrame:
    """Profile the pieces; one row an object: see `DONE`."""

    def observe(queued: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in queued:
            for row in batch.itertuples(index=False):
                task = Task(*row)
                observed = _observed(spec, baseline, task)
                if observed is not None:  # it may have been deleted meanwhile
                    capture = CaptureKey(task.capture, baseline.version, datetime.fromisoformat(task.hour))
                    profiling.stage(spec, store(data), capture, observed, task.start)
                    found = observed.profile.to_json(), observed.quarantined, observed.nameless
                    made = (task.capture, task.hour, task.start, *found)
                    yield pd.DataFrame([made], columns=[field.split()[0] for field in PARTIAL.split(", ")])

    def write(partials: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in partials:
            for _, part in batch.groupby("capture"):
                yield _written(spec, baseline, data, part)

    def meet(part: pd.DataFrame) -> pd.DataFrame:
        return _written(spec, baseline, data, part)

    queue = spark.createDataFrame(list(tasks), WORK).repartition(len(tasks))
    # A whole object is written as soon as it is read; the pieces of a large one meet first.
    whole = queue.where("pieces = 1").mapInPandas(observe, PARTIAL).mapInPandas(write, DONE)
    cut = queue.where("pieces > 1").mapInPandas(observe, PARTIAL).groupBy("capture").applyInPandas(meet, DONE)
    return whole.unionAll(cut)


def _observed(spec: ModelSpec, baseline: Baseline, task: Task) -> Observed | None:
    """Read and profile one piece; None when an object is gone."""
    source = store(task.bucket)
    if not task.answers:
        streamed = pieces.read(source, pieces.Piece(task.key, task.start, task.stop))
        capture = spec.parse_capture_key(task.capture)
        return None if streamed is None else profiling.observe(spec, baseline, capture, streamed)
    requests, answers = source.stream(task.key), source.stream(task.answers)
    if requests is None or answers is None:
        return None
    capture = CaptureKey(task.capture, baseline.version, datetime.fromisoformat(task.hour))
    return profiling.observe_batch(spec, baseline, capture, requests, answers)


def _written(spec: ModelSpec, baseline: Baseline, data: str, parts: pd.DataFrame) -> pd.DataFrame:
    """Merge the pieces of one object, in their order, and store them as Lambda would."""
    parts = parts.sort_values("start")
    key, hour = str(parts["capture"].iloc[0]), datetime.fromisoformat(str(parts["hour"].iloc[0]))
    profile = merge_all((baseline.read(bytes(part)) for part in parts["profile"]), baseline.empty())
    quarantined = b"".join(bytes(part) for part in parts["quarantined"])
    capture = CaptureKey(key, baseline.version, hour)
    profiling.write(spec, baseline, store(data), capture, Observed(profile, quarantined))
    counts = {"rows": profile.rows, "unreadable": profile.unreadable, "nameless": int(parts["nameless"].sum())}
    return pd.DataFrame([{"key": key, **counts}])


if __name__ == "__main__":
    main()
