"""A column of texts that should all begin and end alike, checked and laid bare without a loop over rows.

The texts lie one after the other in one buffer. Prefixes and suffixes are compared, and overwritten, in words of up to
eight bytes: a word at the same distance from each text's begin or end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_QUOTE = ord('"')


@dataclass(frozen=True)
class Inner:
    """Bodies of texts, a line each, with `before` and `after` (spaces) around every one."""

    data: bytes
    before: str
    after: str


@dataclass(frozen=True)
class Texts:
    """Texts `i` is `data[starts[i]:ends[i]]`, right after the one before; `step` is their length if they have one."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    step: int | None

    @classmethod
    def of(cls, column: Any) -> Texts:
        """The texts of a pyarrow column of strings, or of binaries of one width, without nulls."""
        parts = [_lengths_and_data(chunk) for chunk in column.chunks if len(chunk)]
        lengths = np.concatenate([np.empty(0, np.int64), *(lengths for lengths, _ in parts)])
        data = np.concatenate([np.empty(0, np.uint8), *(data for _, data in parts)])
        ends = np.cumsum(lengths)
        step = int(lengths[0]) if len(lengths) and (lengths == lengths[0]).all() else None
        return cls(data, ends - lengths, ends, step)

    def framed(self, prefix: bytes, suffix: bytes) -> NDArray[np.bool_]:
        """Which texts begin with `prefix`, end with `suffix` and have no quote between."""
        good = self.ends - self.starts >= len(prefix) + len(suffix)
        if not good.all():
            good[good] = self._some(good).framed(prefix, suffix)
            return good
        for where, word in (*self._words(prefix, at_end=False), *self._words(suffix, at_end=True)):
            good &= _view(self.data, word)[where] == np.frombuffer(word, f"<u{len(word)}")
        if self.step == len(prefix) + len(suffix):
            return good  # there is nothing between
        quotes = self.data == _QUOTE
        around = (prefix + suffix).count(b'"')
        if not good.all() or np.count_nonzero(quotes) != around * len(good):
            rows = np.searchsorted(self.ends, np.flatnonzero(quotes), side="right")
            good &= np.bincount(rows, minlength=len(good)) == around
        return good

    def between(self, prefix: bytes, suffix: bytes) -> Inner:
        """What stands between, given that all texts are framed: spaces take the frame's place, but for a line's end."""
        before, after = b" " * len(prefix), b" " * len(suffix)
        if prefix:
            before = b"\n" + before[1:]
        else:
            after = after[1:] + b"\n"
        changed = self.data.copy()
        for where, word in (*self._words(before, at_end=False), *self._words(after, at_end=True)):
            _view(changed, word)[where] = np.frombuffer(word, f"<u{len(word)}")
        data = changed[1:].tobytes() + b"\n" if prefix else changed.tobytes()
        return Inner(data, before.decode().strip("\n"), after.decode().strip("\n"))

    def _some(self, rows: NDArray[np.bool_]) -> Texts:
        data = self.data[np.repeat(rows, self.ends - self.starts)]
        lengths = (self.ends - self.starts)[rows]
        ends = np.cumsum(lengths)
        return Texts(data, ends - lengths, ends, None)

    def _words(self, text: bytes, *, at_end: bool) -> Iterator[tuple[NDArray[np.int64] | slice, bytes]]:
        """The text as words of 8, 4, 2 or 1 bytes, and where all texts have them; the last may overlap the others."""
        size = next((size for size in (8, 4, 2, 1) if size <= len(text)), 1)
        for start in range(0, len(text), size):
            begin = min(start, len(text) - size)
            word = text[begin : begin + size]
            if self.step is not None:
                first = self.step - len(text) + begin if at_end else begin
                yield slice(first, len(self.data), self.step), word
            else:
                yield (self.ends - (len(text) - begin) if at_end else self.starts + begin), word


def _lengths_and_data(chunk: Any) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    *others, data = chunk.buffers()
    held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    if len(others) == 1:  # binaries of one width have no offsets
        width = chunk.type.byte_width
        return np.full(len(chunk), width), held[chunk.offset * width :][: len(chunk) * width]
    bounds = np.frombuffer(others[1], np.int32, len(chunk) + 1, chunk.offset * 4).astype(np.int64)
    return np.diff(bounds), held[bounds[0] : bounds[-1]]


def _view(data: NDArray[np.uint8], word: bytes) -> NDArray[Any]:
    """The buffer as overlapping words of the word's size, one at each byte."""
    size = len(word)
    return np.ndarray((max(0, len(data) - size + 1),), f"<u{size}", data, strides=(1,))
