"""CSV and Parquet files of any size as tables of texts, a piece of a file at a time, read by the executors.

A CSV file is cut between lines, so one that needs more than a piece must not hold line ends within quotes; a Parquet
file is read by its row groups.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from watchkeeper.aws import pieces
from watchkeeper.aws.deployed import store
from watchkeeper.aws.ranges import RangeReader
from watchkeeper.aws.store import Listed, split_uri
from watchkeeper.errors import DatasetError

PIECE_BYTES = 64 << 20
"""Of CSV; an executor holds it once, and of its rows `ROWS_AT_ONCE` as a table."""
ROWS_AT_ONCE = 20_000
SCHEMA = "bucket string, key string, header string, start long, stop long, place int"
PARQUET = ".parquet"


class Task(NamedTuple):
    """A piece of a file.

    Attributes
    ----------
    header : the first line of a CSV file; "" for Parquet
    start, stop : bytes of a CSV file, or row groups of a Parquet file
    place : of the file among all
    """

    bucket: str
    key: str
    header: str
    start: int
    stop: int
    place: int


def tasks(uri: str, columns: Sequence[str], largest: int = PIECE_BYTES) -> list[Task]:
    """The pieces of a file, or of every file under a prefix (with a slash at its end).

    Raises
    ------
    DatasetError
        There is no such file, or one lacks a column.
    """
    bucket, key = split_uri(uri)
    found = list(store(bucket).listed(key)) if key.endswith("/") else [store(bucket).find(key)]
    files = [item for item in found if item is not None and item.size]
    if not files:
        raise DatasetError(f"There is no object {uri}: upload the data, or correct baseline.data.")
    return [task for place, item in enumerate(files) for task in _pieces(bucket, item, place, columns, largest)]


def tables(task: Task) -> Iterator[tuple[list[str], pd.DataFrame]]:
    """The rows of a piece, some at a time, as a table of texts ("" where missing), and a name for each row.

    A row's name is its number in the file where the file was not cut: it decides which rows are held out.
    """
    prefix = f"{task.place}:" if task.place else ""
    prefix += f"{task.start}:" if task.start else ""
    first = 0
    for table in _parquet(task) if task.key.endswith(PARQUET) else _csv(task):
        yield [f"{prefix}{number}" for number in range(first, first + len(table))], table
        first += len(table)


def _pieces(bucket: str, item: Listed, place: int, columns: Sequence[str], largest: int) -> list[Task]:
    if item.key.endswith(PARQUET):
        with pq.ParquetFile(RangeReader(store(bucket), item)) as file:
            _check(f"s3://{bucket}/{item.key}", file.schema_arrow.names, columns)
            return [Task(bucket, item.key, "", group, group + 1, place) for group in range(file.num_row_groups)]
    header = next(store(bucket).lines(item.key) or iter(()), b"").decode("utf-8-sig").rstrip("\r")
    names = next(csv.reader([header], skipinitialspace=True), [])
    _check(f"s3://{bucket}/{item.key}", names, columns)
    cut = pieces.pieces(item.key, item.size, largest)
    return [Task(bucket, item.key, header, start, stop, place) for _, start, stop in cut]


def _check(uri: str, names: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DatasetError(
            f"{uri} has no column {missing[0]!r}; it has {', '.join(map(repr, names[:8]))}, … Correct the model's "
            "features and label, or the file."
        )


def _parquet(task: Task) -> Iterator[pd.DataFrame]:
    item = store(task.bucket).find(task.key)
    if item is None:
        raise DatasetError(f"s3://{task.bucket}/{task.key} has gone while it was read: start the job again.")
    with pq.ParquetFile(RangeReader(store(task.bucket), item)) as file:
        for rows in file.iter_batches(ROWS_AT_ONCE, row_groups=range(task.start, task.stop)):
            table = rows.to_pandas().astype(object)
            yield table.where(table.notna(), "")


def _csv(task: Task) -> Iterator[pd.DataFrame]:
    streamed = pieces.read(store(task.bucket), pieces.Piece(task.key, task.start, task.stop))
    if streamed is None:
        raise DatasetError(f"s3://{task.bucket}/{task.key} has gone while it was read: start the job again.")
    data = b"".join(streamed.chunks)
    if data.count(b'"') % 2:
        raise DatasetError(
            f"s3://{task.bucket}/{task.key} was to be cut at byte {task.start} or {task.stop}, which is within quotes, "
            "or quotes do not match: take line ends out of texts, or make the file Parquet."
        )
    header = b"" if task.start == 0 else f"{task.header}\n".encode()
    yield from _read_csv(header + data, ROWS_AT_ONCE)


def _read_csv(data: bytes, rows: int) -> Iterator[pd.DataFrame]:
    with pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, skipinitialspace=True, chunksize=rows) as read:
        yield from read
