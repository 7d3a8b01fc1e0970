"""Curated predictions as bytes.

Columns have names that Athena takes: lower case, other signs as `_`. Numbers, and the length of texts, are doubles,
categories strings, timestamps instants. What is missing is null. A feature that is new, or that is gone, needs nothing
done to older files: they are read by the names of columns, and what a file lacks is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.capture import prediction_kinds
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.curated.table import Predictions
from watchkeeper.labels.table import UNLABELLED
from watchkeeper.spec import Kind, ModelSpec, Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn

if TYPE_CHECKING:
    import pyarrow as pa

ID, PLACE, SIZE, TIME, TRUTH, COLLECTED, ORDER = (
    "prediction_id",
    "request_row",
    "request_rows",
    "predicted_at",
    "label",
    "label_collected_at",
    "label_order",
)
OWN = (ID, PLACE, SIZE, TIME, TRUTH, COLLECTED, ORDER, "version", "dt", "hr")
"""Names that features cannot have."""
_ODD = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True)
class Field:
    """A column of the table.

    Attributes
    ----------
    name : in files and queries
    source : the feature or prediction that it holds
    kind : of its values
    comment : for people
    """

    name: str
    source: str
    kind: Kind
    comment: str = ""


def fields(spec: ModelSpec) -> tuple[Field, ...]:
    """The columns of a model's features and predictions, under names of their own."""
    taken = set(OWN)
    found = []
    predictions = [(name, kind, "what the model answered") for name, kind in prediction_kinds(spec.task).items()]
    features = [(feature.name, feature.kind, f"feature {feature.name}") for feature in spec.profiled_features]
    for source, kind, comment in (*predictions, *features):
        wanted = source + "_length" if kind is Kind.TEXT else source
        name = _ODD.sub("_", wanted.lower()).strip("_") or "feature"
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(Field(name, source, kind, comment))
    return tuple(found)


def truth_kind(spec: ModelSpec) -> Kind:
    """How labels are kept."""
    return Kind.NUMBER if spec.task is Task.REGRESSION else Kind.CATEGORY


def to_stream(spec: ModelSpec, parts: Iterable[Predictions]) -> bytes:
    """An Arrow stream of the parts, compressed; nothing where there is none."""
    import pyarrow as pa

    sink, writer = pa.BufferOutputStream(), None
    for part in parts:
        batch = to_arrow(spec, part)
        writer = writer or pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd"))
        writer.write_batch(batch)
    if writer is None:
        return b""
    writer.close()
    return bytes(sink.getvalue())


def from_stream(spec: ModelSpec, data: bytes) -> Iterator[Predictions]:
    """Read what `to_stream` wrote, part by part."""
    import pyarrow as pa

    if data:
        with pa.ipc.open_stream(pa.py_buffer(data)) as reader:
            for batch in reader:
                yield from_arrow(spec, batch)


def to_parquet(spec: ModelSpec, version: str, predictions: Predictions) -> bytes:
    """A Parquet file of one version's rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    batch = to_arrow(spec, predictions)
    versions = pa.DictionaryArray.from_arrays(np.zeros(len(predictions), np.int32), [version])
    table = pa.Table.from_batches([batch]).append_column("version", versions)
    sink = pa.BufferOutputStream()
    texts = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    pq.write_table(table, sink, compression="zstd", use_dictionary=texts)
    return bytes(sink.getvalue())


def from_parquet(spec: ModelSpec, data: bytes) -> Predictions:
    """Read what `to_parquet` wrote, under this spec or an older one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [field.name for field in fields(spec) if field.kind is Kind.CATEGORY]
    table = pq.read_table(pa.BufferReader(data), read_dictionary=[*wanted, TRUTH], use_threads=False)
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
        places=_plain(rows, PLACE).astype(np.int32),
        sizes=_plain(rows, SIZE).astype(np.int32),
        times=np.where(times == UNKNOWN_TIME, UNKNOWN_TIME, times // 1_000_000),
        features={name: column for name, column in columns.items() if name not in answers},
        predictions={name: columns[name] for name in answers},
        truth=truth,
        collected=collected,
        orders=_plain(rows, ORDER),
    )


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

    return pa.array(micros, mask=missing).cast(pa.timestamp("us"))


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
        codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return CategoryColumn.coded(codes, found.dictionary.to_pylist())
    if kind is Kind.TIMESTAMP:
        micros = _micros(rows, name, UNLABELLED)
        return TimeColumn(np.where(micros == UNLABELLED, np.nan, micros / 1e6))
    if found is None:
        return NumberColumn(np.full(count, np.nan))
    return NumberColumn(found.to_numpy(zero_copy_only=False).astype(np.float64))


def _micros(rows: Any, name: str, missing: int) -> NDArray[np.int64]:
    found = _chunk(rows, name)
    if found is None:
        return np.full(rows.num_rows, missing, np.int64)
    values: NDArray[np.int64] = found.cast("int64").fill_null(missing).to_numpy(zero_copy_only=False)
    return values


def _plain(rows: Any, name: str) -> NDArray[np.int64]:
    values: NDArray[np.int64] = _chunk(rows, name).to_numpy(zero_copy_only=False)
    return values


def _chunk(rows: Any, name: str) -> Any:
    """A column's one array; None where there is no such column."""
    place = rows.schema.get_field_index(name)
    if place < 0:
        return None
    column = rows.column(place)
    return column.combine_chunks() if hasattr(column, "num_chunks") else column
