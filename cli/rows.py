"""Rows of a CSV or Parquet file as blocks of typed columns, however large the file.

The file is read batch by batch. A value means what it means in a captured request (see `watchkeeper.cells`): the ways
around its rules that are taken for speed give the same result, or are not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from watchkeeper.capture import Block, prediction_columns
from watchkeeper.capture.prediction import Prediction, PredictionReader
from watchkeeper.cells import MISSING, parse_integer, parse_number, parse_time
from watchkeeper.errors import CaptureError, DatasetError
from watchkeeper.spec import Kind, ModelSpec, Output
from watchkeeper.table import Column, NumberColumn, TimeColumn, coded_column, column, whole_numbers

BATCH_ROWS = 1 << 16
_CSV_BLOCK = 1 << 20
_INFERRED_FROM = 1 << 16
"""Rows from which the kinds of a file without a model are inferred."""
_MOSTLY_DIFFERENT = 0.5
"""A text with more different values a row than this identifies rows, and is no category."""


@dataclass(frozen=True)
class Answers:
    """The columns that hold a model's predictions; a model of the platform answers with one of them at least."""

    spec: ModelSpec
    label: str | None
    score: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names in the file."""
        return tuple(name for name in (self.label, self.score) if name is not None)

    def read(self, batch: pa.RecordBatch, place: str) -> dict[str, Column]:
        """The columns of predictions of a batch, read as an endpoint's answers are."""
        reader = PredictionReader(replace(self.spec, output=Output("label", "score", self.spec.output.threshold)))
        empty = [None] * batch.num_rows
        labels = empty if self.label is None else _objects(batch.column(self.label))
        scores = empty if self.score is None else _objects(batch.column(self.score))
        found = []
        for label, score in zip(labels, scores, strict=True):
            if label is None and score is None:
                found.append(Prediction(None, float("nan")))
                continue
            try:
                found.append(reader.read({"label": label, "score": score}))
            except CaptureError as error:
                raise DatasetError(
                    f"{place}: the prediction {label!r} with score {score!r} cannot be read: a score is a number."
                ) from error
        return prediction_columns(self.spec.task, found)


@dataclass(frozen=True)
class RowFile:
    """A file, and which of its columns are features of which kind."""

    path: Path
    kinds: Mapping[str, Kind]
    answers: Answers | None = None

    def blocks(self) -> Iterator[Block]:
        """All rows in the file's order."""
        return map(self._block, self._batches())

    def groups(self, numbers: NDArray[np.signedinteger[Any]]) -> Iterator[tuple[int, Block]]:
        """The rows by the number that each has in `numbers`; a group comes in parts, negative ones are left out."""
        first = 0
        for batch in self._batches():
            of_rows = numbers[first : first + batch.num_rows]
            first += batch.num_rows
            order = np.argsort(of_rows, kind="stable")
            found, starts = np.unique(of_rows[order], return_index=True)
            for number, rows in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
                if number >= 0:
                    yield number, self._block(batch.take(pa.array(rows)))

    def _batches(self) -> Iterator[pa.RecordBatch]:
        wanted = [*self.kinds, *(self.answers.columns if self.answers else ())]
        return batches(self.path, list(dict.fromkeys(wanted)))

    def _block(self, batch: pa.RecordBatch) -> Block:
        features = {name: typed(kind, batch.column(name)) for name, kind in self.kinds.items()}
        predictions = self.answers.read(batch, str(self.path)) if self.answers else {}
        return Block(batch.num_rows, features, predictions)


def of_model(path: Path, spec: ModelSpec, answers: Answers | None = None) -> RowFile:
    """The features that the model takes.

    Raises
    ------
    DatasetError
        The file lacks one, or the column of its predictions.
    """
    kinds = {feature.name: feature.kind for feature in spec.profiled_features}
    require(path, [*kinds, *(answers.columns if answers else ())])
    return RowFile(path, kinds, answers)


def require(path: Path, wanted: Sequence[str]) -> tuple[str, ...]:
    """The file's columns, all of `wanted` among them."""
    found = columns(path)
    for name in wanted:
        if name not in found:
            raise DatasetError(f"{path}: has no column {name!r}. Its columns: {', '.join(found)}.")
    return found


def columns(path: Path) -> tuple[str, ...]:
    """The names of the file's columns.

    Raises
    ------
    DatasetError
        It cannot be read, holds nothing, or has two columns of one name.
    """
    try:
        if _is_parquet(path):
            names = tuple(pq.read_schema(path).names)
        else:
            with _csv(path) as reader:
                names = tuple(reader.schema.names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DatasetError(f"{path}: has two columns {twice!r}. Give each column a name of its own.")
    return names


def batches(path: Path, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Some columns of all rows, a batch at a time; those of a CSV file are texts."""
    try:
        if _is_parquet(path):
            with pq.ParquetFile(path, pre_buffer=False) as file:
                yield from (batch.select(names) for batch in file.iter_batches(BATCH_ROWS, columns=list(names)))
        else:
            types = {name: pa.string() for name in names}
            with _csv(path, pacsv.ConvertOptions(include_columns=list(names), column_types=types)) as reader:
                yield from reader
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error


def _csv(path: Path, convert: pacsv.ConvertOptions | None = None) -> pacsv.CSVStreamingReader:
    return pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=_CSV_BLOCK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=convert,
    )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _unreadable(path: Path, error: Exception) -> DatasetError:
    return DatasetError(
        f"{path}: cannot be read as {'Parquet' if _is_parquet(path) else 'CSV with a header'} ({error}). "
        "Name a CSV or Parquet file with rows in it."
    )


# --- values ----------------------------------------------------------------------------------------------------------


def typed(kind: Kind, array: pa.Array) -> Column:
    """One feature of a batch."""
    array = _decoded(array)
    if kind in (Kind.NUMBER, Kind.INTEGER) and (values := _numbers(array)) is not None:
        return whole_numbers(values) if kind is Kind.INTEGER else NumberColumn(values)
    if kind is Kind.TIMESTAMP and (seconds := _seconds(array)) is not None:
        return TimeColumn(seconds)
    if pa.types.is_string(array.type):
        coded = pc.fill_null(array, "").dictionary_encode()
        return coded_column(kind, coded.dictionary.to_pylist(), np.asarray(coded.indices))
    return column(kind, _objects(array))


def _numbers(array: pa.Array) -> NDArray[np.float64] | None:
    """As numbers at once, NaN where missing; None when a value needs a closer look."""
    if not _plain_number(array.type):
        if not pa.types.is_string(array.type):
            return None
        missing = pc.is_in(array, value_set=pa.array(sorted(MISSING)))
        array = pc.if_else(missing, pa.scalar(None, array.type), array)
    try:
        cast = array.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        return None
    return np.array(cast.to_numpy(zero_copy_only=False), np.float64)


def _plain_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _seconds(array: pa.Array) -> NDArray[np.float64] | None:
    """As seconds since 1970 at once, UTC where no zone is named; None when a value needs a closer look."""
    if pa.types.is_date(array.type) or pa.types.is_string(array.type):
        try:
            array = array.cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            return None
    if not pa.types.is_timestamp(array.type):
        return None
    units = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}[array.type.unit]
    counts = array.cast(pa.int64())
    return np.array(counts.to_numpy(zero_copy_only=False), np.float64) / units


def _decoded(array: pa.Array) -> pa.Array:
    """The same values, texts in their usual form."""
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return plain.cast(pa.string()) if pa.types.is_large_string(plain.type) else plain


def _objects(array: pa.Array) -> list[object]:
    """Raw values as a request would hold them."""
    return [value.isoformat() if isinstance(value, datetime | date) else value for value in _decoded(array).to_pylist()]


def count(path: Path) -> int:
    """How many rows the file has."""
    return sum(batch.num_rows for batch in batches(path, columns(path)[:1]))


def times(path: Path, name: str) -> NDArray[np.float64]:
    """A column of times as seconds since 1970 UTC, in the file's order.

    Raises
    ------
    DatasetError
        A row has none, or one that cannot be read.
    """
    parts = []
    first = 0
    for batch in batches(path, [name]):
        array = batch.column(0)
        found = typed(Kind.TIMESTAMP, array)
        assert isinstance(found, TimeColumn)
        wrong = np.flatnonzero(np.isnan(found.seconds))
        if len(wrong):
            _refuse_time(path, name, first + int(wrong[0]), array[int(wrong[0])].as_py())
        parts.append(found.seconds)
        first += batch.num_rows
    return np.concatenate(parts) if parts else np.empty(0)


def _refuse_time(path: Path, name: str, row: int, value: object) -> None:
    place = f"row {row + 1}" if _is_parquet(path) else f"line {row + 2}"
    said = "is empty" if value is None or str(value).strip() in MISSING else f"holds {value!r}, which is no time"
    raise DatasetError(
        f"{path}: {place}: column {name!r} {said}. Give every row a time: ISO 8601 such as 2026-11-21T09:30:00Z, or "
        "(milli)seconds since 1970."
    )


# --- kinds -----------------------------------------------------------------------------------------------------------


def inferred(path: Path, without: Sequence[str]) -> tuple[RowFile, dict[str, str]]:
    """The file with the kinds that its first rows suggest, and why columns were left out.

    Raises
    ------
    DatasetError
        No column is left.
    """
    names = [name for name in columns(path) if name not in without]
    batch = _first_rows(path, names)
    kinds, left_out = {}, {}
    for name in names:
        kind = _kind(batch.column(name))
        if isinstance(kind, Kind):
            kinds[name] = kind
        else:
            left_out[name] = kind
    if not kinds:
        raise DatasetError(f"{path}: no column is left to look at. Name fewer with --exclude, or give a --model.")
    return RowFile(path, kinds), left_out


def _first_rows(path: Path, names: Sequence[str]) -> pa.Table:
    read: list[pa.RecordBatch] = []
    for batch in batches(path, names) if names else ():
        read.append(batch)
        if sum(part.num_rows for part in read) >= _INFERRED_FROM:
            break
    if not read:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    return pa.Table.from_batches(read).combine_chunks()


def _kind(values: pa.ChunkedArray) -> Kind | str:
    """The kind of a column's values, or why there is none."""
    present = [value for value in _objects(values) if value is not None and str(value).strip() not in MISSING]
    if not present:
        return "is empty"
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return Kind.TIMESTAMP
    if all(isinstance(value, bool) for value in present):
        return Kind.CATEGORY
    for kind, parse in ((Kind.INTEGER, parse_integer), (Kind.NUMBER, parse_number), (Kind.TIMESTAMP, parse_time)):
        if _all_read(parse, present):
            return kind
    if any(isinstance(value, list | dict) for value in present):
        return "holds lists or objects"
    different = len(set(present))
    return "differs in most rows" if different > max(_MOSTLY_DIFFERENT * len(present), 2) else Kind.CATEGORY


def _all_read(parse: Callable[[object], float], values: Sequence[object]) -> bool:
    try:
        for value in values:
            parse(value)
    except ValueError:
        return False
    return True
