"""Hours too large for a function, filed: their rows are cut by the first digits of their ids, and each file is written
by one executor.

What is staged and the coarser files that an hour had are read side by side and cut; then the rows of each file meet, as
they would in a function. At last the coarser files are left without rows. If labels were joined with one meanwhile, it
is cut once more, so that none of them is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.curating import Curated
from glue_jobs.merging import batch, queue
from watchkeeper import jsonio
from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard, Unfiled
from watchkeeper.curated import Predictions, from_stream, shards, to_stream
from watchkeeper.errors import LabelError

TASK = "start string, version string, place long, digits long, staged string, coarse string"
PART = "start string, version string, digits string, place long, rows binary"
DONE = "start string, version string, digits string, rows long"
PART_BYTES = 16 << 20
"""Staged rows that one worker reads and cuts at once."""
_ATTEMPTS = 5


class Task(NamedTuple):
    """Something to cut: keys of what is staged, as JSON, or else the digits of a coarser file.

    Attributes
    ----------
    start, version : the hour
    place : among all of the hour: of rows that were answered at once, the first is kept
    digits : how many to cut by
    """

    start: str
    version: str
    place: int
    digits: int
    staged: str | None
    coarse: str | None


def file(spark: SparkSession, curated: Curated, hours: Sequence[Unfiled]) -> int:
    """File hours as several files each; how many rows they have.

    Raises
    ------
    LabelError
        Others changed an hour every time that it was cut.
    """
    rows: dict[tuple[str, str, str], int] = {}
    for _ in range(_ATTEMPTS):
        tasks = [task for hour in hours for task in _tasks(hour)]
        for row in cut(spark, curated, tasks).collect() if tasks else ():
            rows[row["start"], row["version"], row["digits"]] = row["rows"]
        hours = [curated.hours.listed_again(hour) for hour in hours if not _is_sealed(curated.hours, hour)]
        if not hours:
            return sum(rows.values())
    names = ", ".join(f"{hour.hour.start.isoformat()} of {hour.hour.version}" for hour in hours)
    raise LabelError(f"Others changed {names} {_ATTEMPTS} times while it was cut into files: run the join again.")


def cut(spark: SparkSession, curated: Curated, tasks: Sequence[Task]) -> DataFrame:
    """Cut what is to be filed, and write it; one row a file."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        hours = curated.hours
        for task in (Task(**row) for rows in batches for row in rows.to_pylist()):
            if parts := _read(hours, task):
                for digits, rows in Predictions.together(parts).cut(task.digits):
                    stream = to_stream(curated.spec, rows)
                    yield batch(PART, task.start, task.version, digits, task.place, stream)

    def write(parts: pd.DataFrame) -> pd.DataFrame:
        start, version, digits = parts[["start", "version", "digits"]].iloc[0]
        streams = map(bytes, parts.sort_values("place")["rows"])
        staged = [rows for stream in streams for rows in from_stream(curated.spec, stream)]
        rows = curated.hours.file(Shard(Hour(datetime.fromisoformat(start), version), digits), staged)
        return pd.DataFrame({"start": [start], "version": [version], "digits": [digits], "rows": [rows]})

    parts = queue(spark, tasks, TASK).mapInArrow(read, PART)
    return parts.groupBy("start", "version", "digits").applyInPandas(write, DONE)


def _tasks(hour: Unfiled) -> Iterator[Task]:
    """Everything that an hour's files are made of."""
    start, version, place = hour.hour.start.isoformat(), hour.hour.version, 0
    digits = _digits(hour)
    group: list[str] = []
    size = 0
    for part in hour.parts:
        if group and size + part.size > PART_BYTES:
            yield Task(start, version, place, digits, jsonio.dumps(group).decode(), None)
            group, size, place = [], 0, place + 1
        group.append(part.key)
        size += part.size
    yield Task(start, version, place, digits, jsonio.dumps(group).decode(), None)
    for coarse in _coarser(hour):
        place += 1
        yield Task(start, version, place, digits, None, coarse)


def _read(hours: CuratedHours, task: Task) -> list[Predictions]:
    if task.staged is not None:
        return hours.staged(jsonio.loads(task.staged))
    assert task.coarse is not None  # it is the one or the other
    rows = hours.read(Shard(Hour(datetime.fromisoformat(task.start), task.version), task.coarse))
    return [] if rows is None else [rows]


def _is_sealed(hours: CuratedHours, hour: Unfiled) -> bool:
    """Leave the coarser files of an hour without rows; False if one was changed since it was listed.

    The one without digits, which every hour has, comes last: it says when all was written.
    """
    tags = {digits: item.tag for digits, item in hour.files.items()}
    coarser = sorted({"", *_coarser(hour)}, reverse=True)
    return all(hours.empty(Shard(hour.hour, digits), tags.get(digits)) for digits in coarser)


def _coarser(hour: Unfiled) -> list[str]:
    return [digits for digits in hour.files if len(digits) < _digits(hour)]


def _digits(hour: Unfiled) -> int:
    return max(shards.digits(hour.size), *map(len, hour.files), 0)
