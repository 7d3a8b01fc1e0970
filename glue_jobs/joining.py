"""Labels too many for a function, joined: they are cut by the first digits of their ids, and each file of predictions
is joined by one executor with all labels that are its own.

Which files have a label's prediction, their ids tell. What became of each label goes back to the file that it came
from, so that the accounts are those that a function would keep.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from glue_jobs.curating import Curated
from glue_jobs.merging import batch, queue
from watchkeeper import ids
from watchkeeper.aws import curation, label_pieces
from watchkeeper.aws.curated_hours import Hour, Shard
from watchkeeper.aws.curation import Outcome
from watchkeeper.aws.label_files import Unsettled
from watchkeeper.aws.label_pieces import LabelPiece
from watchkeeper.aws.store import Listed
from watchkeeper.errors import LabelError
from watchkeeper.labels import Faults, Labels

TASK = "file long, piece binary"
READ = "file long, start long, digits string, labels binary, faults binary, problem string"
MATCHED = "hour string, version string, shard string, labels binary"
JOINED = "digits string, hour string, version string, found binary, misfits binary, changed long, lags array<double>"
COUNTED = "file long, rows long, waiting long, misfits long"
IDS_AT_ONCE = 4 << 30
"""Bytes of ids that one executor goes through, file after file."""


class Task(NamedTuple):
    """A piece of a file of labels, pickled, and the place of the file among all."""

    file: int
    piece: bytes


def join(
    spark: SparkSession,
    curated: Curated,
    files: Sequence[Unsettled],
    outcome: Outcome,
    at_once: int = curation.LABELS_AT_ONCE,
) -> None:
    """Join the labels of some files, and keep the account of each; a worker holds so many labels at once, or fewer."""
    targets = list(curated.hours.with_ids())
    digits = _digits(files, targets, at_once)
    pieces = [
        Task(place, pickle.dumps(piece))
        for place, file in enumerate(files)
        for piece in label_pieces.cut(curated.files, file.file)
    ]
    content = _read(spark, curated, pieces, digits).persist(StorageLevel.DISK_ONLY)
    labels = content.where("length(labels) > 0")
    joined = _joined(curated, labels, targets, digits).persist(StorageLevel.DISK_ONLY)
    _count(joined, outcome)
    counted = {row["file"]: row for row in _counted(labels, joined).collect()}
    _account(curated, files, content, counted, outcome)


def _digits(files: Sequence[Unsettled], targets: Sequence[tuple[Shard, Listed]], at_once: int) -> int:
    """By how many first digits labels are cut, so that one executor holds few of them, and goes through few ids."""
    labels, held = sum(file.labels for file in files), sum(item.size for _, item in targets)
    digits = 0
    while labels > at_once * 16**digits or held > IDS_AT_ONCE * 16**digits:
        digits += 1
    return digits


def _read(spark: SparkSession, curated: Curated, pieces: Sequence[Task], digits: int) -> DataFrame:
    """The labels of the pieces by their ids' digits; of each piece a row without labels, which holds its faults."""

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        files, reader = curated.files, curated.reader()
        for task in (Task(**row) for rows in batches for row in rows.to_pylist()):
            piece: LabelPiece = pickle.loads(task.piece)  # noqa: S301  # our own driver wrote it
            try:
                content = label_pieces.read(files, reader, piece)
            except LabelError as error:
                yield batch(READ, task.file, piece.start, "", b"", pickle.dumps(Faults()), str(error))
                continue
            if content is None:
                continue
            labels, faults = content
            yield batch(READ, task.file, piece.start, "", b"", pickle.dumps(faults), "")
            for first, part in ids.cut(labels.ids, digits):
                some = pickle.dumps(labels.taken(np.arange(part.start, part.stop)))
                yield batch(READ, task.file, piece.start, first, some, b"", "")

    return queue(spark, pieces, TASK).mapInArrow(read, READ)


def _joined(curated: Curated, labels: DataFrame, targets: Sequence[tuple[Shard, Listed]], digits: int) -> DataFrame:
    """Join labels with the files that have their predictions; what became of them, by their ids' digits."""

    def match(parts: pd.DataFrame) -> pd.DataFrame:
        newest = _newest(parts)
        found = []
        for shard, held in curated.hours.ids_among(targets, str(parts["digits"].iloc[0])):
            here = np.flatnonzero(ids.places(newest.ids, held) >= 0)
            if len(here):
                hour, version = shard.hour.start.isoformat(), shard.hour.version
                found.append((hour, version, shard.digits, pickle.dumps(newest.taken(here))))
        return pd.DataFrame(found, columns=_names(MATCHED))

    def join(parts: pd.DataFrame) -> pd.DataFrame:
        hour, version, shard = parts[["hour", "version", "shard"]].iloc[0]
        some = Labels.newest([_labels(part) for part in parts["labels"]])
        of_hour = Hour(datetime.fromisoformat(hour), version)
        joined = curation.join_shard(curated.hours, Shard(of_hour, shard), some)
        rows: list[tuple[object, ...]] = []
        if joined is not None:
            changed, lags = len(joined.changed), curation.lags(joined).tolist()
            for first, part in ids.cut(some.ids, digits):
                found, misfits = (some.ids[part][which[part]].tobytes() for which in (joined.found, joined.misfits))
                rows.append((first, hour, version, found, misfits, changed, lags))
                changed, lags = 0, []
        return pd.DataFrame(rows, columns=_names(JOINED))

    matched = labels.groupBy("digits").applyInPandas(match, MATCHED)
    return matched.groupBy("hour", "version", "shard").applyInPandas(join, JOINED)


def _count(joined: DataFrame, outcome: Outcome) -> None:
    """What was new: in how many hours, how many labels, and how late half of them were at most."""
    new = joined.where("changed > 0")
    for row in new.select("hour", "version").distinct().collect():
        outcome.joined.add(Hour(datetime.fromisoformat(row["hour"]), row["version"]))
    lags = new.select(F.explode("lags").alias("lag")).where("not isnan(lag)")
    (row,) = new.agg(F.sum("changed").alias("labels")).collect()
    outcome.labels = row["labels"] or 0
    (row,) = lags.agg(F.percentile_approx("lag", 0.5, 10_000).alias("median")).collect()
    outcome.median_lag = row["median"]


def _counted(labels: DataFrame, joined: DataFrame) -> DataFrame:
    """Of each file: the rows that it labels, and how many of these wait for their predictions or do not fit them."""

    def count(told: pd.DataFrame, became: pd.DataFrame) -> pd.DataFrame:
        found, misfits = (np.frombuffer(b"".join(map(bytes, became[name])), ids.DTYPE) for name in ("found", "misfits"))
        rows = []
        for file, parts in told.groupby("file"):
            some = _newest(parts)
            waiting, unfit = ~np.isin(some.ids, found), np.isin(some.ids, misfits)
            rows.append((file, len(some), int(waiting.sum()), int(unfit.sum())))
        return pd.DataFrame(rows, columns=_names(COUNTED))

    by_digits = labels.groupBy("digits").cogroup(joined.groupBy("digits")).applyInPandas(count, COUNTED)
    return by_digits.groupBy("file").agg(*(F.sum(name).alias(name) for name in _names(COUNTED)[1:]))


def _account(
    curated: Curated, files: Sequence[Unsettled], content: DataFrame, counted: Mapping[int, Row], outcome: Outcome
) -> None:
    """Keep the account of each file, and tell what cannot be used of those that were not read before."""
    faults: dict[int, Faults] = {}
    problems: dict[int, str] = {}
    told = content.where("length(faults) > 0").select("file", "start", "faults", "problem").orderBy("file", "start")
    for row in told.toLocalIterator():
        faults.setdefault(row["file"], Faults()).merge(pickle.loads(row["faults"]))  # noqa: S301  # ours as well
        if row["problem"]:
            problems.setdefault(row["file"], row["problem"])
    for place, fault in faults.items():
        file, again = files[place]
        if place in problems:
            outcome.accounts[file.key] = curated.files.refuse(file, problems[place])
            continue
        if not again:
            outcome.faults.merge(fault)
        row = counted.get(place)
        numbers = {name: row[name] if row else 0 for name in _names(COUNTED)[1:]}
        outcome.accounts[file.key] = curated.files.account(file, **numbers, faults=fault)


def _newest(parts: pd.DataFrame) -> Labels:
    """The newest labels of some parts, which have an order: a later line of a file counts."""
    return Labels.newest([_labels(part) for part in parts.sort_values(["file", "start"])["labels"]])


def _labels(part: object) -> Labels:
    labels: Labels = pickle.loads(bytes(part))  # type: ignore[call-overload]  # noqa: S301  # our own executors wrote it
    return labels


def _names(schema: str) -> list[str]:
    return [field.split()[0] for field in schema.split(", ")]
