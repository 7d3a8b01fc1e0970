"""Curated predictions as bytes: an Arrow stream of a captured object, a Parquet file of an hour; see `columns`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper import arrow, ids
from watchkeeper.capture import Block, prediction_kinds
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.curated.columns import (
    COLLECTED,
    ID,
    ORDER,
    PLACE,
    SIZE,
    TIME,
    TRUTH,
    VERSION,
    fields,
    share_fields,
    truth_kind,
)
from watchkeeper.curated.table import Predictions
from watchkeeper.labels.table import UNLABELLED
from watchkeeper.spec import Kind, ModelSpec
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

if TYPE_CHECKING:
    import pyarrow as pa


class Stager:
    """Writes the rows of a captured object, block by block, as an Arrow stream.

    Parameters
    ----------
    origin : what is read, after which records without an id are named
    """

    def __init__(self, spec: ModelSpec, origin: str) -> None:
        self._spec = spec
        self._origin = origin
        self._records = 0
        self._sink: Any = None
        self._writer: Any = None

    def add(self, block: Block) -> None:
        """Add the rows of a block that tells whose they are."""
        if not block.rows:
            return
        batch = to_arrow(self._spec, Predictions.of_block(block, self._spec.task, self._origin, self._records))
        self._records += len(block.times)
        if self._writer is None:
            self._sink, self._writer = _opened(batch)
        self._writer.write_batch(batch)

    def content(self) -> bytes:
        """The whole stream, to which nothing can be added; nothing where there are no rows."""
        if self._writer is None:
            return b""
        self._writer.close()
        return bytes(self._sink.getvalue())


def to_stream(spec: ModelSpec, predictions: Predictions) -> bytes:
    """Rows as a stream of one block."""
    batch = to_arrow(spec, predictions)
    sink, writer = _opened(batch)
    with writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def from_stream(spec: ModelSpec, data: bytes) -> Iterator[Predictions]:
    """Read a stream, block by block."""
    import pyarrow as pa

    if data:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            for batch in reader:
                yield from_arrow(spec, batch)


def _opened(first: pa.RecordBatch) -> tuple[Any, Any]:
    """A buffer, and who writes a stream of such batches to it."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd", emit_dictionary_deltas=False)
    return sink, pa.ipc.new_stream(sink, first.schema, options=options)


def to_parquet(spec: ModelSpec, version: str, predictions: Predictions) -> bytes:
    """A Parquet file of one version's rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batch = to_arrow(spec, predictions)
    versions = pa.DictionaryArray.from_arrays(np.zeros(len(predictions), np.int32), [version])
    table = pa.Table.from_batches([batch]).append_column(VERSION, versions)
    sink = pa.BufferOutputStream()
    texts = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(table, sink, compression="zstd", use_dictionary=texts)
    return bytes(sink.getvalue())


def from_parquet(spec: ModelSpec, data: bytes) -> Predictions:
    """Read what `to_parquet` wrote, under this spec or an older one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [field.name for field in fields(spec) if field.kind is Kind.CATEGORY]
    table = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[*wanted, TRUTH]).read(use_threads=False)
    return from_arrow(spec, table.unify_dictionaries().combine_chunks())


def to_arrow(spec: ModelSpec, predictions: Predictions) -> pa.RecordBatch:
    """Rows as a record batch."""
    import pyarrow as pa

    columns = {**predictions.features, **predictions.predictions}
    arrays = {
        ID: _hex_array(predictions.ids),
        PLACE: pa.array(predictions.places),
        SIZE: pa.array(predictions.sizes),
        TIME: _instants(predictions.times * 1_000_000, predictions.times == UNKNOWN_TIME),
        **{field.name: _array(columns[field.source]) for field in fields(spec)},
        **{field.name: _array(NumberColumn(predictions.shares[field.source])) for field in share_fields(spec)},
        TRUTH: _array(predictions.truth),
        COLLECTED: _instants(predictions.collected, predictions.collected == UNLABELLED),
        ORDER: pa.array(predictions.orders),
    }
    return pa.RecordBatch.from_arrays(list(arrays.values()), list(arrays))


def from_arrow(spec: ModelSpec, rows: Any) -> Predictions:
    """Rows of a record batch or a table of one chunk; a column that is not there is missing in all rows."""
    known = fields(spec)
    answers = prediction_kinds(spec.task)
    columns = {field.source: _column(rows, field.name, field.kind) for field in known}
    truth = _column(rows, TRUTH, truth_kind(spec))
    assert not isinstance(truth, TimeColumn)
    times, collected = _micros(rows, TIME, UNKNOWN_TIME), _micros(rows, COLLECTED, UNLABELLED)
    return Predictions(
        ids=_ids(rows),
        places=arrow.values(_chunk(rows, PLACE), np.int32),
        sizes=arrow.values(_chunk(rows, SIZE), np.int32),
        times=np.where(times == UNKNOWN_TIME, UNKNOWN_TIME, times // 1_000_000),
        features={name: column for name, column in columns.items() if name not in answers},
        predictions={name: columns[name] for name in answers},
        truth=truth,
        collected=collected,
        orders=arrow.values(_chunk(rows, ORDER), np.int64),
        shares={field.source: _numbers(rows, field.name) for field in share_fields(spec)},
    )


def nothing(spec: ModelSpec) -> Predictions:
    """No rows."""
    import pyarrow as pa

    kinds = {ID: pa.string(), PLACE: pa.int32(), SIZE: pa.int32(), ORDER: pa.int64()}
    return from_arrow(spec, pa.RecordBatch.from_arrays([pa.array([], kind) for kind in kinds.values()], list(kinds)))


def _array(column: Column) -> Any:
    import pyarrow as pa

    if isinstance(column, CategoryColumn):
        codes = pa.array(column.codes, mask=column.codes < 0)
        return pa.DictionaryArray.from_arrays(codes, pa.array(column.levels, pa.string()))
    if isinstance(column, NumberColumn):
        return pa.array(column.values, mask=np.isnan(column.values))
    missing = np.isnan(column.seconds)
    return _instants(np.where(missing, 0, column.seconds * 1e6).astype(np.int64), missing)


def _instants(micros: NDArray[np.int64], missing: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.array(micros, mask=missing).view(pa.timestamp("us"))


def _hex_array(digests: ids.Ids) -> Any:
    """Ids as texts of 32 characters, without a loop over rows."""
    import pyarrow as pa

    ends = np.arange(0, 2 * ids.BYTES * (len(digests) + 1), 2 * ids.BYTES, dtype=np.int32)
    return pa.StringArray.from_buffers(len(digests), pa.py_buffer(ends), pa.py_buffer(ids.to_hex(digests)))


def _ids(rows: Any) -> ids.Ids:
    column = _chunk(rows, ID)
    text = column.buffers()[2]
    begin = column.offset * 2 * ids.BYTES
    return ids.from_hex(bytes(memoryview(text)[begin : begin + len(column) * 2 * ids.BYTES]) if text else b"")


def _column(rows: Any, name: str, kind: Kind) -> Column:
    count = rows.num_rows
    found = _chunk(rows, name)
    if kind is Kind.CATEGORY:
        if found is None:
            return CategoryColumn(np.full(count, -1, np.int32), ())
        return CategoryColumn.coded(arrow.filled(found.indices, np.int32, -1), found.dictionary.to_pylist())
    if kind is Kind.TIMESTAMP:
        micros = _micros(rows, name, UNLABELLED)
        return TimeColumn(np.where(micros == UNLABELLED, np.nan, micros / 1e6))
    return NumberColumn(_numbers(rows, name))


def _numbers(rows: Any, name: str) -> NDArray[np.float64]:
    found = _chunk(rows, name)
    return np.full(rows.num_rows, np.nan) if found is None else arrow.filled(found, np.float64, np.nan)


def _micros(rows: Any, name: str, missing: int) -> NDArray[np.int64]:
    found = _chunk(rows, name)
    if found is None:
        return np.full(rows.num_rows, missing, np.int64)
    return arrow.filled(found, np.int64, missing)


def _chunk(rows: Any, name: str) -> Any:
    """A column's one array; None where there is no such column."""
    place = rows.schema.get_field_index(name)
    if place < 0:
        return None
    column = rows.column(place)
    return arrow.only(column) if hasattr(column, "num_chunks") else column
