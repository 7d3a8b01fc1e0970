"""A stream of bytes, cut anywhere, into pieces of whole lines: of bounded size whatever the stream holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PIECE_BYTES = 12 << 20
"""About so many bytes are read at a time: 25,000 records of 20 features."""
LONGEST_RECORD = 16 << 20
"""Longer lines are refused: SageMaker takes bodies of 6 MB, and two of those in base64 fit in here."""
KEPT_OF_TOO_LONG = 1000
TOO_LONG = f"The record is longer than {LONGEST_RECORD >> 20} MiB; send smaller requests."
_STEP = 1 << 20
"""A piece grows by so much at a time: less than lies between its usual size and the longest record."""


@dataclass(frozen=True)
class Piece:
    """Whole lines, each with its end; or the first bytes of one line that is too long (`whole` is False)."""

    data: bytes
    whole: bool = True


def pieces(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """The stream's lines, in pieces of about `PIECE_BYTES`; only `\n` ends a line, as JSON Lines has it."""
    held: list[bytes] = []
    length = 0
    skipping = False
    for part in _steps(chunks):
        if skipping:
            end = part.find(b"\n")
            if end < 0:
                continue
            part, skipping = part[end + 1 :], False
        held.append(part)
        length += len(part)
        if length < PIECE_BYTES:
            continue
        if b"\n" not in part:  # a long line: its begin, and the end of the one before, lie further back
            part = b"".join(held)
            held = [part]
        end = part.rfind(b"\n") + 1
        if end:
            held[-1] = part[:end]
            yield from _judged(b"".join(held))
            held, length = [part[end:]], len(part) - end
        elif length > LONGEST_RECORD:
            yield Piece(part[:KEPT_OF_TOO_LONG], whole=False)
            held, length, skipping = [], 0, True
    rest = b"".join(held)
    if rest:
        yield from _judged(rest if rest.endswith(b"\n") else rest + b"\n")


def _steps(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if len(chunk) <= _STEP:
            yield chunk
        else:
            yield from (chunk[start : start + _STEP] for start in range(0, len(chunk), _STEP))


def _judged(data: bytes) -> Iterator[Piece]:
    """Only the first line of a piece can be too long: any other was seen to end before the piece grew so large."""
    end = data.find(b"\n") if len(data) > LONGEST_RECORD else 0
    if end > LONGEST_RECORD:
        yield Piece(data[:KEPT_OF_TOO_LONG], whole=False)
        data = data[end + 1 :]
    if data:
        yield Piece(data)
