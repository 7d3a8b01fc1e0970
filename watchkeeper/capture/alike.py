"""The fastest way to read records: those that share a template, all at once and without parsing JSON.

The template that is used most is tried on whole pieces of a capture. Lines that do not fit it are tried with the other
templates that were seen, and new ones are learnt from them; what is left then is for slower readers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.capture import fields, moments, template
from watchkeeper.capture.block import Identities, Part
from watchkeeper.capture.fields import FieldReader, Rows, Wanted
from watchkeeper.capture.record import RecordReader
from watchkeeper.capture.rows import RowColumns
from watchkeeper.capture.template import Template
from watchkeeper.errors import CaptureError
from watchkeeper.spec import ModelSpec

MOST_TEMPLATES = 4
"""An endpoint has one or two. Each that fits nothing costs a pass over the lines that are left."""
LEARNT_AT_ONCE = 2
_TRIED_LINES = 3
_IN_CACHE = 1 << 17
_CONTROL = re.compile(rb"[\x00-\x1f]")


class _Known:
    """Reads the lines of one template; `fitted` is how many did of late."""

    def __init__(self, spec: ModelSpec, form: Template, identified: bool) -> None:
        self.fitted = 0.0
        self._identified = identified
        self._form = form
        self._rows = RowColumns(spec, None if form.answers is None else len(form.answers))
        fitted = list(form.fields)
        for places, wanted in ((form.features, self._rows.wanted), (form.answers or (), self._rows.wanted_answers)):
            for place, want in zip(places, wanted, strict=True):
                fitted[place] = replace(fitted[place], wanted=want)
        if form.time is not None:
            fitted[form.time] = replace(fitted[form.time], wanted=Wanted.TIMES)
        if identified and form.id is not None:
            fitted[form.id] = replace(fitted[form.id], wanted=Wanted.IDS)
        self._reader = FieldReader(fitted, '"\\' if form.escaped else '"')

    @property
    def escaped(self) -> bool:
        """Whether the lines hold backslashes."""
        return self._form.escaped

    def read(self, data: bytes, lines: int) -> tuple[Part, NDArray[np.intp]] | None:
        """The rows of the lines that fit, and which lines these are; None when the lines are not plain."""
        found = self._reader.read(data)
        if found is None or found.lines != lines:
            return None
        features = [found.values[place] for place in self._form.features]
        answers = [found.values[place] for place in self._form.answers or ()]
        part, certain = self._rows.read(features, answers, len(found.fitting))
        self.fitted = self.fitted / 2 + len(certain)
        times = moments.unknown(len(found.fitting)) if found.times is None else found.times
        whose = self._identities(found, certain) if self._identified else None
        return replace(part, times=times[certain], identities=whose), found.fitting[certain]

    def _identities(self, found: Rows, certain: NDArray[np.intp]) -> Identities:
        """Those of the rows that are certain, each a record of its own."""
        kept = ids.unknown(len(found.fitting)) if found.ids is None else found.ids
        return Identities(kept[certain], np.ones(len(certain), np.int64))


@dataclass(frozen=True)
class Taken:
    """What was read of a piece of a capture.

    Attributes
    ----------
    count : how many lines the piece has
    lines : all of them, when some are left to be read
    left : the places of these, without blank lines
    """

    parts: list[Part]
    count: int
    lines: Sequence[bytes] = ()
    left: Sequence[int] = ()


class AlikeReader:
    """Reads lines that share a template."""

    def __init__(self, spec: ModelSpec, records: RecordReader) -> None:
        self._spec = spec
        self._records = records
        self._known: list[_Known] = []  # the most used comes first

    def read(self, data: bytes) -> Taken:
        """Read whole lines: by the template that is used most, all at once, and then what is left by the others."""
        known, part, count, places = self._whole(data)
        parts = [] if part is None else [part]
        if part is not None and len(places) == count:
            return Taken(parts, count)
        lines = data.split(b"\n")
        lines.pop()  # what follows the last line's end
        fitted = set(places.tolist())
        left = [place for place, line in enumerate(lines) if place not in fitted and line.strip()]
        if fields.AVAILABLE:
            left = self._others(lines, left, known, parts)
        return Taken(parts, len(lines), lines, left)

    def _whole(self, data: bytes) -> tuple[_Known | None, Part | None, int, NDArray[np.intp]]:
        """Read all lines by one template, which is learnt from the first line if there is none.

        Returns
        -------
        The template, the rows, how many lines there are, and the places of those that fitted. The rows are None when
        there is no template, or the lines must be looked at one by one.
        """
        nowhere = np.empty(0, np.intp)
        if not fields.AVAILABLE or not (self._known or self._learn([data[: data.index(b"\n")]])):
            return None, None, 0, nowhere
        known = self._known[0]
        lines = None if b"\\" in data and not known.escaped else _plain_lines(data)
        taken = None if lines is None else known.read(data, lines)
        if lines is None or taken is None:
            return None, None, 0, nowhere
        return known, taken[0], lines, taken[1]

    def _others(self, lines: Sequence[bytes], left: list[int], tried: _Known | None, parts: list[Part]) -> list[int]:
        """Read what fits another template than the one that was tried, known or new; what is left then."""
        plain = [place for place in left if _plain(lines[place])]
        odd = set(left).difference(plain)
        for known in [known for known in self._known if known is not tried]:
            plain = self._take(known, lines, plain, parts)
        for _ in range(LEARNT_AT_ONCE):
            learnt = self._learn([lines[place] for place in plain[:_TRIED_LINES]])
            if learnt is None:
                break
            plain = self._take(learnt, lines, plain, parts)
        self._known.sort(key=lambda known: known.fitted, reverse=True)
        return sorted(odd.union(plain))

    def _take(self, known: _Known, lines: Sequence[bytes], left: list[int], parts: list[Part]) -> list[int]:
        """Read what fits `known` of the lines that are left; what is left then."""
        fitting = [place for place in left if (b"\\" in lines[place]) is known.escaped]
        taken = known.read(b"\n".join([*(lines[place] for place in fitting), b""]), len(fitting)) if fitting else None
        if taken is None:
            return left
        parts.append(taken[0])
        read = set(np.array(fitting)[taken[1]].tolist())
        return [place for place in left if place not in read]

    def _learn(self, lines: Sequence[bytes]) -> _Known | None:
        """A template of the first line that has one; it takes the place of the one that was used least."""
        for line in lines:
            try:
                self._records.record(line)
                form = template.learn(line)
                if form is not None and len(form.features) == len(self._spec.features):
                    known = _Known(self._spec, form, self._records.identified)
                    self._known[MOST_TEMPLATES - 1 :] = [known]
                    return known
            except (CaptureError, ValueError):
                continue  # a line that slower readers refuse, or an answer of other width than the model's file says
        return None


def _plain_lines(data: bytes) -> int | None:
    """How many lines there are, if they are valid text without carriage returns; else None.

    Other control characters are counted as line ends, so that the count is wrong where there are any.
    """
    if b"\r" in data or not _is_text(data):
        return None
    codes, low = np.frombuffer(data, np.uint8), np.empty(_IN_CACHE, bool)
    found = 0
    for start in range(0, len(data), _IN_CACHE):
        part = codes[start : start + _IN_CACHE]
        found += int(np.count_nonzero(np.less(part, 0x20, out=low[: len(part)])))
    return found


def _plain(line: bytes) -> bool:
    return not _CONTROL.search(line) and not line.startswith(fields.BYTE_ORDER_MARK) and _is_text(line)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
