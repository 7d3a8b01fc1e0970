"""Rows to train on: from captures and the labels that came for them, or from a file.

Each executor reads whole objects with boto3 and hands on one row each: identity, order, and the row as the lines that a
training file and a request hold. From then on the rows are a Spark DataFrame.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from watchkeeper import naming
from watchkeeper.aws.deployed import store
from watchkeeper.aws.store import split_uri
from watchkeeper.capture import CaptureReader
from watchkeeper.cells import parse_text
from watchkeeper.errors import CaptureError, DatasetError
from watchkeeper.holdout import canonical_truth
from watchkeeper.labels import read_ground_truth
from watchkeeper.spec import InputFormat, Kind, ModelSpec
from watchkeeper.table import CategoryColumn, NumberColumn, column

CAPTURED = "id string, position int, size int, time timestamp, version string, features string, request string"
LABELLED = "id string, position int, size int, hour string, key string, line int, label string"
FILED = "id string, position int, features string, request string, label string"
UNREADABLE = -1
"""`position` of a row that stands for something unreadable: it is counted, and goes no further."""


def captured(spark: SparkSession, spec: ModelSpec, bucket: str, now: datetime) -> DataFrame:
    """Every row captured in the training window."""
    since = now - timedelta(days=spec.retraining.window_days)
    keys = [
        (place, key, capture.version)
        for place, prefix in spec.captures(bucket)
        for key in store(place).keys(prefix)
        if (capture := _capture(spec, key)) and capture.hour >= since
    ]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        reader = CaptureReader(spec)
        for batch in batches:
            for place, key, version in batch.itertuples(index=False):
                yield _captured_rows(spec, reader, store(place).lines(key) or (), version, now)

    return _objects(spark, keys, "place string, key string, version string").mapInPandas(read, CAPTURED)


def _capture(spec: ModelSpec, key: str) -> naming.CaptureKey | None:
    try:
        return spec.parse_capture_key(key)
    except CaptureError:
        return None


def _captured_rows(
    spec: ModelSpec, reader: CaptureReader, lines: Iterator[bytes] | Sequence[bytes], version: str, now: datetime
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
        for position, row in enumerate(record.inputs):
            identities.append((record.label_id, position, len(record.inputs), record.time or now, version))
            inputs.append(row)
    texts = zip(*row_texts(spec, inputs), strict=True)
    rows = [(*identity, *text) for identity, text in zip(identities, texts, strict=True)]
    return _frame([*rows, *unreadable], CAPTURED)


def labels(spark: SparkSession, spec: ModelSpec, bucket: str) -> DataFrame:
    """The newest ground truth of each id: by the hour it was collected, then key, then line."""
    keys = [(key,) for key in store(bucket).keys(naming.labels_prefix(spec.name))]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for key in batch["key"]:
                yield _label_rows(spec, key, store(bucket).lines(key) or ())

    found = _objects(spark, keys, "key string").mapInPandas(read, LABELLED)
    newest = Window.partitionBy("id").orderBy(F.desc("hour"), F.desc("key"), F.desc("line"))
    return found.withColumn("age", F.dense_rank().over(newest)).where("age = 1 or position < 0").drop("age")


def _label_rows(spec: ModelSpec, key: str, lines: Iterator[bytes] | Sequence[bytes]) -> pd.DataFrame:
    hour = "/".join(key.removeprefix(naming.labels_prefix(spec.name)).split("/")[:4])
    rows: list[tuple[Any, ...]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            truth = read_ground_truth(line)
        except CaptureError:
            rows.append(("", UNREADABLE, 0, hour, key, number, None))
            continue
        rows.extend(
            (truth.id, position, len(truth.values), hour, key, number, canonical_truth(spec, value))
            for position, value in enumerate(truth.values)
        )
    return _frame(rows, LABELLED)


def filed(spark: SparkSession, spec: ModelSpec, uri: str) -> DataFrame:
    """The rows of a CSV or Parquet file with a header: its columns hold the features and the label by name."""

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for source in batch["uri"]:
                yield _filed_rows(spec, source)

    return _objects(spark, [(uri,)], "uri string").mapInPandas(read, FILED)


def _filed_rows(spec: ModelSpec, uri: str) -> pd.DataFrame:
    table = _read_file(uri)
    missing = [name for name in (*(f.name for f in spec.features), spec.label.name) if name not in table.columns]
    if missing:
        raise DatasetError(
            f"{uri} has no column {missing[0]!r}; it has {', '.join(map(repr, table.columns[:8]))}, … Correct the "
            "model's features and label, or the file."
        )
    inputs = list(zip(*(table[feature.name].tolist() for feature in spec.features), strict=True))
    features, requests = row_texts(spec, inputs)
    truths = [canonical_truth(spec, None if value == "" else str(value)) for value in table[spec.label.name]]
    rows = [
        (str(number), 0, feature, request, truth)
        for number, (feature, request, truth) in enumerate(zip(features, requests, truths, strict=True))
    ]
    return _frame(rows, FILED)


def _read_file(uri: str) -> pd.DataFrame:
    bucket, key = split_uri(uri)
    data = store(bucket).get(key)
    if data is None:
        raise DatasetError(f"There is no object {uri}: upload the data, or correct baseline.data.")
    if key.endswith(".parquet"):
        table = pd.read_parquet(io.BytesIO(data)).astype(object)
        return table.where(table.notna(), "")
    return pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, skipinitialspace=True)


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
        return training, [json.dumps({"instances": [dict(zip(names, row, strict=True))]}) for row in rows]
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
    lines = []
    for row in zip(*columns, strict=True):
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(["" if value is None else value for value in row])
        lines.append(text.getvalue().replace("\r", " ").replace("\n", " "))  # one row is one line
    return lines


def _objects(spark: SparkSession, keys: Sequence[tuple[Any, ...]], schema: str) -> DataFrame:
    """A DataFrame of keys, spread so that every core reads some."""
    partitions = max(1, min(len(keys), 4 * spark.sparkContext.defaultParallelism))
    return spark.createDataFrame(list(keys), schema).repartition(partitions)


def _frame(rows: Sequence[tuple[Any, ...]], schema: str) -> pd.DataFrame:
    names = [field.split()[0] for field in schema.split(", ")]
    frame = pd.DataFrame(list(rows), columns=names)
    if "time" in names:
        frame["time"] = pd.to_datetime(frame["time"], utc=True).dt.tz_localize(None)
    return frame
