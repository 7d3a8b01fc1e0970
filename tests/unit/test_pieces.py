"""However an object is cut, every line is in exactly one piece."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from watchkeeper.aws.pieces import Piece, pieces, read
from watchkeeper.aws.store import Streamed

WRITTEN = datetime(2026, 11, 21, tzinfo=UTC)


class Bytes:
    """An object whose bytes come in chunks of one size."""

    def __init__(self, data: bytes, chunk: int) -> None:
        self.data, self.chunk = data, chunk

    def stream(self, key: str, start: int = 0) -> Streamed | None:
        if key != "object":
            return None
        return Streamed((self.data[at : at + self.chunk] for at in range(start, len(self.data), self.chunk)), WRITTEN)


def content(store: Bytes, piece: Piece) -> bytes:
    streamed = read(store, piece)
    assert streamed is not None
    assert streamed.written == WRITTEN
    return b"".join(streamed.chunks)


@given(
    lines=st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=20),
    last=st.sampled_from([b"", b"\n"]),
    largest=st.integers(1, 40),
    chunk=st.integers(1, 30),
)
@example(lines=[b"a" * 12, b"b"], last=b"", largest=3, chunk=2)
def test_the_pieces_of_an_object_are_its_lines(lines: list[bytes], last: bytes, largest: int, chunk: int) -> None:
    data = b"\n".join(lines) + last
    store = Bytes(data, chunk)

    parts = [content(store, piece) for piece in pieces("object", len(data), largest)]

    assert b"".join(parts) == data
    assert all(part.endswith(b"\n") for part in [part for part in parts if part][:-1])


def test_an_object_that_has_gone_has_no_pieces_to_read() -> None:
    assert read(Bytes(b"", 4), Piece("other", 0, 10)) is None


def test_an_empty_object_is_one_empty_piece() -> None:
    assert pieces("object", 0) == [Piece("object", 0, 0)]
    assert content(Bytes(b"", 4), Piece("object", 0, 0)) == b""
