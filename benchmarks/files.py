"""The table as files: Parquet, and data capture as SageMaker writes it. Vectorised: a million records in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.data import FEATURES

_CHUNK = 100_000
_START = np.datetime64("2026-01-01T00:00:00", "s")
_RECORD = (
    '{"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"',
    '","encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv; charset=utf-8","mode":"OUTPUT","data":"',
    '","encoding":"CSV"}},"eventMetadata":{"eventId":"',
    '","inferenceId":"',
    '","inferenceTime":"',
    '"},"eventVersion":"0"}\n',
)
"""What stands around request, answer, event id, inference id and time."""


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """All columns; categories as plain text, without pandas' own metadata, as any tool would have written them."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    for place, column in enumerate(arrow.columns):
        if pa.types.is_dictionary(column.type):
            arrow = arrow.set_column(place, arrow.column_names[place], column.cast(pa.string()))
    pq.write_table(arrow.replace_schema_metadata(None), path)


def write_capture(table: pd.DataFrame, path: Path, seed: int) -> None:
    """One record a row: the features as a CSV request, the score as the answer, all within one hour."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for start in range(0, len(table), _CHUNK):
            part = table.iloc[start : start + _CHUNK]
            seconds = (np.arange(start, start + len(part)) * 3600 // len(table)).astype("timedelta64[s]")
            times = pc.strftime(pa.array(_START + seconds), format="%Y-%m-%dT%H:%M:%SZ")
            file.write(records(csv_rows(part), _text(part["score"]), times, rng))


def records(requests: pa.Array, answers: pa.Array, times: pa.Array, rng: np.random.Generator) -> memoryview:
    """Capture records of these bodies."""
    ids = _ids(rng, len(requests))
    fields = requests, answers, ids, pc.utf8_slice_codeunits(ids, 0, 13), times
    pieces: list[object] = [_RECORD[0]]
    for field, after in zip(fields, _RECORD[1:], strict=True):
        pieces += [field, after]
    return _bytes(pc.binary_join_element_wise(*pieces, ""))


def csv_rows(table: pd.DataFrame) -> pa.Array:
    """The features of each row as a request."""
    return pc.binary_join_element_wise(*(_text(table[name]) for name in FEATURES), ",")


def _text(column: pd.Series) -> pa.Array:
    """As a client would print it: whole numbers without a point, nothing where the value is missing."""
    return pc.fill_null(pa.Array.from_pandas(column).cast(pa.string()), "")


def _ids(rng: np.random.Generator, count: int) -> pa.Array:
    """Event ids: random, in the form of a UUID."""
    digits = np.frombuffer(rng.bytes(16 * count).hex().encode(), "S1").reshape(count, 32)
    dashed = np.insert(digits, [8, 12, 16, 20], b"-", axis=1)
    return pa.array(np.ascontiguousarray(dashed).view("S36")[:, 0]).cast(pa.string())


def _bytes(texts: pa.Array) -> memoryview:
    """All the texts, one after the other: a string array holds them so."""
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(texts.buffers()[2])[offsets[0] : offsets[-1]]
