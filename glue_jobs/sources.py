"""Rows to train on: from captures and the labels that came for them, or from a file.

Executors read objects with boto3, large ones in pieces, and hand on rows: identity, order, and the row as the lines
that a training file and a request hold. From then on the rows are a Spark DataFrame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from glue_jobs import files
from glue_jobs.merging import queue
from watchkeeper import ids, naming
from watchkeeper.aws import pieces
from watchkeeper.aws.deployed import store
from watchkeeper.aws.store import Store
from watchkeeper.capture import CaptureReader
from watchkeeper.cells import parse_text
from watchkeeper.errors import CaptureError, LabelError
from watchkeeper.holdout import canonical_truth
from watchkeeper.ids import Ids
from watchkeeper.jsonio import lines_of
from watchkeeper.labels import LabelReader, Source
from watchkeeper.requests import csv_line, json_line
from watchkeeper.spec import InputFormat, Kind, ModelSpec
from watchkeeper.table import CategoryColumn, NumberColumn, column

CAPTURED = "id string, position int, size int, time timestamp, version string, features string, request string"
LABELLED = "id string, position int, size int, collected long, order long, label string"
FILED = "id string, position int, features string, request string, label string, spelling string"
CAPTURE = "place string, key string, start long, stop long, version string"
ROWS_AT_ONCE = 20_000
UNREADABLE = -1
"""`position` of a row that stands for something unreadable: it is counted, and goes no further."""


def captured(spark: SparkSession, spec: ModelSpec, bucket: str, now: datetime) -> DataFrame:
    """Every row captured in the training window; large objects are read in pieces."""
    since = now - timedelta(days=spec.retraining.window_days)
    tasks = [
        (place, *piece, capture.version)
        for place, prefix in spec.captures(bucket)
        for item in store(place).listed(prefix)
        if (capture := _capture(spec, item.key)) and capture.hour >= since
        for piece in pieces.pieces(item.key, item.size)
    ]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        reader = CaptureReader(spec)
        for batch in batches:
            for place, key, start, stop, version in batch.itertuples(index=False):
                streamed = pieces.read(store(place), pieces.Piece(key, start, stop))
                for lines in _some(lines_of(() if streamed is None else streamed.chunks)):
                    yield _captured_rows(spec, reader, lines, version, now)

    return queue(spark, tasks, CAPTURE).mapInPandas(read, CAPTURED)


def _capture(spec: ModelSpec, key: str) -> naming.CaptureKey | None:
    try:
        return spec.parse_capture_key(key)
    except CaptureError:
        return None


def _captured_rows(
    spec: ModelSpec, reader: CaptureReader, lines: Iterable[bytes], version: str, now: datetime
) -> pd.DataFrame:
    identities: list[tuple[Any, ...]] = []
    inputs: list[Sequence[object]] = []
    unreadable: list[tuple[Any, ...]] = []
    for line in lines:
        if not line.strip():
            continue
        try:
            record = reader.record(line)
        except CaptureError:
            unreadable.append(("", UNREADABLE, 0, now, version, "", ""))
            continue
        (name,) = _names(ids.digest(record.label_id))
        for position, row in enumerate(record.inputs):
            identities.append((name, position, len(record.inputs), record.time or now, version))
            inputs.append(row)
    texts = zip(*row_texts(spec, inputs), strict=True)
    rows = [(*identity, *text) for identity, text in zip(identities, texts, strict=True)]
    return _frame([*rows, *unreadable], CAPTURED)


def labels(spark: SparkSession, spec: ModelSpec, bucket: str, known: Sequence[str] | None) -> DataFrame:
    """The newest label of each row, as `watchkeeper.labels` has it; null where it was withdrawn.

    Parameters
    ----------
    known : the labels that the first training data had; None when nobody knows
    """
    files = [(item.key, item.modified.isoformat()) for item in store(bucket).listed(naming.labels_prefix(spec.name))]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        reader = LabelReader(spec, known)
        for batch in batches:
            for key, written in batch.itertuples(index=False):
                yield _label_rows(spec, reader, store(bucket), key, datetime.fromisoformat(written))

    found = queue(spark, files, "key string, written string").mapInPandas(read, LABELLED)
    newest = Window.partitionBy("id", "position").orderBy(F.desc("collected"), F.desc("order"))
    aged = found.withColumn("age", F.row_number().over(newest))
    return aged.where("age = 1 or position < 0").drop("age")


def _label_rows(spec: ModelSpec, reader: LabelReader, data: Store, key: str, written: datetime) -> pd.DataFrame:
    hour = naming.label_hour(spec.name, key, written)
    streamed = None if hour is None else data.stream(key)
    if hour is None or streamed is None:
        return _frame([], LABELLED)
    try:
        found, faults = reader.read(Source(key, hour, written), streamed.chunks)
    except LabelError:
        return _frame([("", UNREADABLE, 0, 0, 0, None)], LABELLED)
    texts = found.truth.values if isinstance(found.truth, CategoryColumn) else map(_number, found.truth.values.tolist())
    arrays = (found.places, found.sizes, found.collected, found.orders)
    rows = zip(_names(found.ids), *(array.tolist() for array in arrays), texts, strict=True)
    return _frame([*rows, *[("", UNREADABLE, 0, 0, 0, None)] * faults.total], LABELLED)


def _names(digests: Ids) -> list[str]:
    text, size = ids.to_hex(digests).decode(), 2 * ids.BYTES
    return [text[start : start + size] for start in range(0, len(text), size)]


def _number(value: float) -> str | None:
    return None if np.isnan(value) else repr(value)


def filed(spark: SparkSession, spec: ModelSpec, uri: str) -> DataFrame:
    """The rows of a file, or of all files under a prefix: their columns hold the features and the label by name."""

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for task in batch.itertuples(index=False):
                for names, table in files.tables(files.Task(*task)):
                    yield _filed_rows(spec, table, names)

    return queue(
        spark, files.tasks(uri, [*(f.name for f in spec.features), spec.label.name]), files.SCHEMA
    ).mapInPandas(read, FILED)


def _filed_rows(spec: ModelSpec, table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Rows to train on out of a table of texts; `names` are the rows' own."""
    inputs = list(zip(*(table[feature.name].tolist() for feature in spec.features), strict=True))
    features, requests = row_texts(spec, inputs)
    spellings = [None if value == "" else str(value).strip() for value in table[spec.label.name]]
    truths = [canonical_truth(spec, spelling) for spelling in spellings]
    rows = zip(names, [0] * len(names), features, requests, truths, spellings, strict=True)
    return _frame(list(rows), FILED)


def row_texts(spec: ModelSpec, inputs: Sequence[Sequence[object]]) -> tuple[list[str], list[str]]:
    """Each row as a line of a training file, and as a request in the model's own input format.

    Values are read and written anew, so that `1`, ` 1` and `1.0` train alike. Personal fields are in no training file,
    and stay empty in requests.
    """
    if not inputs:
        return [], []
    columns = list(zip(*inputs, strict=True))
    values = {
        feature.name: _clean(feature.kind, columns[place])
        for place, feature in enumerate(spec.features)
        if not feature.personal
    }
    blank: list[Any] = [None] * len(inputs)
    training = _csv_lines(list(values.values()))
    if spec.input_format is InputFormat.JSON:
        names = [feature.name for feature in spec.features]
        rows = zip(*(values.get(name, blank) for name in names), strict=True)
        return training, [json_line(names, row) for row in rows]
    if len(values) == len(spec.features):
        return training, training
    return training, _csv_lines([values.get(feature.name, blank) for feature in spec.features])


def _clean(kind: Kind, raw: Sequence[object]) -> list[Any]:
    if kind in (Kind.TEXT, Kind.TIMESTAMP):
        return [_text(value) for value in raw]
    read = column(kind, raw)
    if isinstance(read, CategoryColumn):
        return read.values
    assert isinstance(read, NumberColumn)
    return [
        None if not np.isfinite(value) else int(value) if value.is_integer() and abs(value) < 1e15 else value
        for value in read.values.tolist()
    ]


def _text(value: object) -> str | None:
    try:
        return parse_text(value)
    except ValueError:
        return None


def _csv_lines(columns: Sequence[Sequence[Any]]) -> list[str]:
    return [csv_line(row) for row in zip(*columns, strict=True)]


def _some(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The lines, so many at a time that they may become Python objects."""
    lines = iter(lines)
    while some := list(islice(lines, ROWS_AT_ONCE)):
        yield some


def _frame(rows: Sequence[tuple[Any, ...]], schema: str) -> pd.DataFrame:
    names = [field.split()[0] for field in schema.split(", ")]
    frame = pd.DataFrame(list(rows), columns=names)
    if "time" in names:
        frame["time"] = pd.to_datetime(frame["time"], utc=True).dt.tz_localize(None)
    return frame
