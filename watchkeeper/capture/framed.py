"""A column of texts that should all begin and end alike, checked and laid bare without a loop over rows.

The texts lie one after the other in one buffer. Prefixes and suffixes are compared, and overwritten, in words of up to
eight bytes: a word at the same distance from each text's begin or end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MANY = 0.1
"""Where more of the rows than this differ from the row before, sorting them is quicker than reading each."""


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
    count: int
    step: int | None
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, array: Any) -> Texts:
        """The texts of a pyarrow array of strings, or of binaries of one width, without nulls."""
        *others, data = array.buffers()
        held = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        count = len(array)
        if len(others) == 1:  # binaries of one width have no offsets
            step = array.type.byte_width
            ends = np.arange(step, (count + 1) * step, step)
            return cls(held[array.offset * step :][: count * step], count, step, ends)
        if not count:
            return cls(held[:0], 0, None, np.empty(0, np.int64))
        bounds = np.frombuffer(others[1], np.int32, count + 1, array.offset * 4).astype(np.int64)
        lengths = np.diff(bounds)
        step = int(lengths[0]) if (lengths == lengths[0]).all() else None
        return cls(held[bounds[0] : bounds[-1]], count, step, bounds[1:] - bounds[0])

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """The texts' lengths in bytes."""
        return np.diff(self.ends, prepend=0)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where the texts begin."""
        return self.ends - self.lengths

    def framed(self, prefix: bytes, suffix: bytes, signs: bytes) -> NDArray[np.bool_]:
        """Which texts begin with `prefix`, end with `suffix` and have none of the signs between."""
        around = len(prefix) + len(suffix)
        if (self.step or 0) < around:
            good = self.lengths >= around
            if not good.all():
                good[good] = self.only(good).framed(prefix, suffix, signs)
                return good
        good = np.ones(self.count, bool)
        for where, word in (*self._words(prefix, at_end=False), *self._words(suffix, at_end=True)):
            good &= _view(self.data, word)[where] == np.frombuffer(word, f"<u{len(word)}")
        for sign in signs:
            found = self.data == sign
            expected = (prefix + suffix).count(sign)
            if not good.all() or np.count_nonzero(found) != expected * self.count:
                rows = np.searchsorted(self.ends, np.flatnonzero(found), side="right")
                good &= np.bincount(rows, minlength=self.count) == expected
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

    def distinct(self, before: int, after: int) -> tuple[list[bytes], NDArray[np.int64]]:
        """What stands between the first `before` and the last `after` bytes of each text.

        Returns
        -------
        The bodies, equal ones once where that is quickly found, and for each text its body's place among them.
        """
        firsts = places = np.arange(self.count)
        if self.step is not None:
            firsts, places = _grouped(list(self._body_words(before, after)), self.count)
        begins, ends = self.starts[firsts] + before, self.ends[firsts] - after
        return [self.data[a:b].tobytes() for a, b in zip(begins.tolist(), ends.tolist(), strict=True)], places

    def _body_words(self, before: int, after: int) -> Iterator[NDArray[Any]]:
        """The bodies of texts of one length as words, last word first: of each one array, over all texts."""
        assert self.step is not None
        end = self.step - after
        size = next((size for size in (8, 4, 2, 1) if size <= end - before), 1)
        for stop in range(end, before, -size):
            yield _view(self.data, bytes(size))[max(stop - size, before) :: self.step]

    def bodies(self, rows: NDArray[np.bool_], before: int, after: int) -> list[bytes]:
        """What stands between the first `before` and the last `after` bytes of some of the texts."""
        data = self.data.tobytes()
        begins, ends = self.starts[rows] + before, self.ends[rows] - after
        return [data[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]

    def only(self, rows: NDArray[np.bool_]) -> Texts:
        """Some of the texts."""
        lengths = self.lengths[rows]
        return Texts(self.data[np.repeat(rows, self.lengths)], len(lengths), None, np.cumsum(lengths))

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


def _view(data: NDArray[np.uint8], word: bytes) -> NDArray[Any]:
    """The buffer as overlapping words of the word's size, one at each byte."""
    size = len(word)
    return np.ndarray((max(0, len(data) - size + 1),), f"<u{size}", data, strides=(1,))


def _grouped(words: Sequence[NDArray[Any]], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each group of equal rows, and each row's group.

    Equal neighbours are a group, which is found in a pass. If most neighbours differ, and in nothing but the last word,
    all rows are sorted by it: times in no order have the same day and tens of hours.
    """
    changes = np.ones(count, bool)
    changes[1:] = False
    for word in words:
        changes[1:] |= word[1:] != word[:-1]
    if words and np.count_nonzero(changes) > _MANY * count and all((word == word[:1]).all() for word in words[1:]):
        _, firsts, places = np.unique(words[0], return_index=True, return_inverse=True)
        return firsts, places
    return np.flatnonzero(changes), np.cumsum(changes) - 1
