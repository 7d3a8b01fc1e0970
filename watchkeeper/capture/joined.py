"""Records whose JSON must be parsed, but whose requests are CSV: all requests are read as one CSV file.

So are the answers, where they are CSV as well. A record's rows are counted on both sides; one of which any row does not
fit is left to the general reader, which knows why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper import jsonio
from watchkeeper.capture import fields, payload
from watchkeeper.capture.block import Part
from watchkeeper.capture.fields import Field, FieldReader, Rows, Values
from watchkeeper.capture.record import ANSWER_PLACES
from watchkeeper.capture.rows import RowColumns
from watchkeeper.errors import CaptureError
from watchkeeper.spec import ModelSpec

MOST_WIDTHS = 8
"""Answers of more different widths are no model's; their records are left to the general reader."""


class _Body(NamedTuple):
    """A record's request and answer as CSV, and how many values each answer holds (None: there is no answer)."""

    request: str
    answer: str
    rows: int
    width: int | None


@dataclass
class _Group:
    """Records whose answers hold the same number of values, and their places among the lines."""

    places: list[int] = field(default_factory=list)
    bodies: list[_Body] = field(default_factory=list)


class JoinedReader:
    """Reads records with CSV bodies, of one row or many."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._known: dict[int | None, _Known | None] = {}

    def read(self, lines: Sequence[bytes], places: Sequence[int]) -> tuple[list[Part], list[int]]:
        """Read the lines at `places`; the parts read, and the places of the lines that are left."""
        if not fields.AVAILABLE:
            return [], list(places)
        groups: dict[int | None, _Group] = {}
        for place in places:
            body = _body(lines[place])
            if body is not None:
                group = groups.setdefault(body.width, _Group())
                group.places.append(place)
                group.bodies.append(body)
        parts: list[Part] = []
        left = set(places)
        for width, group in groups.items():
            known = self._of_width(width)
            found = None if known is None else known.read(group.bodies)
            if found is not None:
                part, fitting = found
                parts.append(part)
                left.difference_update(np.array(group.places)[fitting].tolist())
        return parts, sorted(left)

    def _of_width(self, width: int | None) -> _Known | None:
        if width not in self._known and len(self._known) < MOST_WIDTHS:
            try:
                self._known[width] = _Known(self._spec, width)
            except ValueError:  # the model's file names a value that such answers do not have
                self._known[width] = None
        return self._known.get(width)


class _Known:
    """Reads the bodies of one width, in piece after piece."""

    def __init__(self, spec: ModelSpec, width: int | None) -> None:
        self._columns = RowColumns(spec, width)
        self._requests = FieldReader([Field(wanted) for wanted in self._columns.wanted])
        self._answers = None
        if width is not None:
            self._answers = FieldReader([Field(wanted) for wanted in self._columns.wanted_answers])

    def read(self, bodies: Sequence[_Body]) -> tuple[Part, NDArray[np.bool_]] | None:
        """The rows of the bodies that fit, and which bodies these are; None when pyarrow can read none of them."""
        counts = [body.rows for body in bodies]
        owner = np.repeat(np.arange(len(bodies)), counts)
        read = [self._requests.read("\n".join([*(body.request for body in bodies), ""]).encode())]
        if self._answers is not None:
            read.append(self._answers.read("\n".join([*(body.answer for body in bodies), ""]).encode()))
        sides = [side for side in read if side is not None and side.lines == len(owner)]
        if len(sides) < len(read):
            return None
        fitting = np.ones(len(bodies), bool)
        for side in sides:
            fitting[np.delete(owner, side.fitting)] = False
        while True:
            rows = np.flatnonzero(fitting[owner])
            requests, *answers = (_at(side, rows) for side in sides)
            part, certain = self._columns.read(requests, answers[0] if answers else (), len(rows))
            if len(certain) == len(rows):
                return part, fitting
            fitting[np.delete(owner[rows], certain)] = False


def _at(side: Rows, rows: NDArray[np.intp]) -> list[Values | None]:
    """The values of some of the rows that were read."""
    where = np.searchsorted(side.fitting, rows)
    return [None if values is None else values[where] for values in side.values]


def _body(line: bytes) -> _Body | None:
    """The CSV bodies of a record, without a blank line and ready to be joined; None for every other record."""
    try:
        document = jsonio.loads(line)
        data, metadata = document.get("captureData"), document.get("eventMetadata")
        if not isinstance(data, Mapping) or not isinstance(metadata, Mapping):
            return None
        request = _csv(payload.csv_text(data.get("endpointInput"), "endpointInput"))
        answered = next((place for place in ANSWER_PLACES if place in data), None)
        answer = _csv(payload.csv_text(data[answered], answered)) if answered is not None else ""
    except (ValueError, AttributeError, CaptureError):
        return None
    if request is None or answer is None:
        return None
    rows = request.count("\n") + 1
    if answered is None:
        return _Body(request, "", rows, None)
    if rows > 1 and "\n" not in answer and answer.count(",") + 1 == rows:
        answer = answer.replace(",", "\n")  # one line that holds a single value for each row
    if answer.count("\n") + 1 != rows:
        return None
    return _Body(request, answer, rows, answer.partition("\n")[0].count(",") + 1)


def _csv(text: str | None) -> str | None:
    """The lines of CSV text as `payload.csv_rows` sees them; None when they need a closer look."""
    if not text or '"' in text:
        return None
    text = text.rstrip("\r\n").replace("\r\n", "\n")
    if not text or "\r" in text or "\n\n" in text or text[0] in "\n\ufeff":
        return None
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:  # a lone surrogate
            return None
    return text
