"""A large file of labels in pieces that are read side by side: lines of text, or row groups of Parquet.

Pieces are numbered: of two labels of one file, collected at once, the one in the later line counts.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from watchkeeper.aws import pieces
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.ranges import RangeReader
from watchkeeper.aws.store import Listed
from watchkeeper.labels import Faults, LabelReader, Labels

PIECE_BYTES = 32 << 20
"""Some 300,000 labels as ground truth records: seconds of work, and 300 MB."""


class LabelPiece(NamedTuple):
    """Bytes of a text file whose lines begin there, or row groups of a Parquet file; all of it where `stop` is 0."""

    file: Listed
    start: int = 0
    stop: int = 0


def cut(files: LabelFiles, file: Listed, largest: int = PIECE_BYTES) -> list[LabelPiece]:
    """The pieces of a file, in order."""
    if _form(file) == "parquet":
        try:
            groups = pq.ParquetFile(RangeReader(files.store, file)).num_row_groups
        except pa.ArrowInvalid:  # whoever reads it as a whole says so
            groups = 1
        return [LabelPiece(file, group, group + 1) for group in range(groups)] if groups > 1 else [LabelPiece(file)]
    if file.size <= largest:
        return [LabelPiece(file)]
    return [LabelPiece(file, start, stop) for _, start, stop in pieces.pieces(file.key, file.size, largest)]


def read(files: LabelFiles, reader: LabelReader, piece: LabelPiece) -> tuple[Labels, Faults] | None:
    """The labels of a piece; None when its file is gone, or filed under no such hour.

    Raises
    ------
    LabelError
        The file as a whole is of no known form.
    """
    if not piece.stop:
        return files.read(reader, piece.file)
    source, chunks = files.source(piece.file), _chunks(files, piece)
    if source is None or chunks is None:
        return None
    what = "row group" if _form(piece.file) == "parquet" else "byte"
    return reader.read(replace(source, piece=f"from {what} {piece.start}") if piece.start else source, chunks)


def _chunks(files: LabelFiles, piece: LabelPiece) -> Iterable[bytes] | None:
    """A piece as a file of its own; None when the file is gone."""
    file = files.store.find(piece.file.key)
    if file is None:
        return None
    if _form(file) == "parquet":
        sink = io.BytesIO()
        pq.write_table(pq.ParquetFile(RangeReader(files.store, file)).read_row_group(piece.start), sink)
        return [sink.getvalue()]
    streamed = pieces.read(files.store, pieces.Piece(file.key, piece.start, piece.stop))
    if streamed is None:
        return None
    if _form(file) != "csv" or not piece.start:
        return streamed.chunks
    header = next(files.store.lines(file.key) or iter(()), b"")
    return [header + b"\n", *streamed.chunks]


def _form(file: Listed) -> str:
    return file.key.rpartition(".")[2].lower()
