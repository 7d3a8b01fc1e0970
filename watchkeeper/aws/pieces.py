"""A large object of lines in pieces that are read side by side: every line is in exactly one piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from watchkeeper.aws.store import Store, Streamed

PIECE_BYTES = 256 << 20
"""Half a million captured rows: seconds of work, so that little is lost when an executor is."""


class Piece(NamedTuple):
    """The lines of an object that begin at `start` or later and before `stop`, in bytes."""

    key: str
    start: int
    stop: int


def pieces(key: str, size: int, largest: int = PIECE_BYTES) -> list[Piece]:
    """Cut an object of `size` bytes."""
    return [Piece(key, start, min(start + largest, size)) for start in range(0, max(size, 1), largest)]


def read(store: Store, piece: Piece) -> Streamed | None:
    """The piece's lines; None when there is no such object."""
    before = max(piece.start - 1, 0)  # whether a line begins at `start`, only the byte before it tells
    streamed = store.stream(piece.key, before)
    return None if streamed is None else replace(streamed, chunks=_own_lines(streamed.chunks, before, piece))


def _own_lines(chunks: Iterable[bytes], position: int, piece: Piece) -> Iterator[bytes]:
    """The chunks, of which the first begins at `position`, without what belongs to the pieces before and after."""
    begun = piece.start == 0
    for chunk in chunks:
        first = 0 if begun else chunk.find(b"\n") + 1
        begun = begun or first > 0
        if first and position + first >= piece.stop:
            return  # a line that began before this piece goes on beyond it
        if begun:
            last = piece.stop - 1 - position
            end = chunk.find(b"\n", max(last, first)) + 1 if last < len(chunk) else 0
            yield chunk[first : end or None]
            if end:
                return
        position += len(chunk)
