"""Records whose JSON must be parsed, but whose requests are CSV: all requests are read as one CSV file.

So are the answers, where they are CSV as well. A record's rows are counted on both sides; one of which any row does not
fit is left to the general reader, which knows why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids, jsonio
from watchkeeper.capture import fields, moments, payload
from watchkeeper.capture.block import Identities, Part
from watchkeeper.capture.fields import Field, FieldReader, Rows, Values
from watchkeeper.capture.record import ANSWER_PLACES, label_id
from watchkeeper.capture.rows import RowColumns
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.errors import CaptureError
from watchkeeper.spec import ModelSpec

MOST_WIDTHS = 8
"""Answers of more different widths are no model's; their records are left to the general reader."""
_LOOKED_AT = 20
"""When none of so many records is of this kind, the others are taken not to be, and parsed once only."""


class Exchange(NamedTuple):
    """A request and its answer as CSV, how many values each row of the answer holds (None: there is no answer), the
    second in which it was given, and the id that ground truth names.
    """

    request: str
    answer: str
    rows: int
    width: int | None
    time: int = UNKNOWN_TIME
    id: str = ""

    @classmethod
    def of(
        cls, request: str | None, answer: str | None, *, answered: bool = True, time: int = UNKNOWN_TIME, id: str = ""
    ) -> Exchange | None:
        """The exchange of two CSV texts; None when they need a closer look, or do not go together."""
        request, answer = _csv(request), _csv(answer) if answered else ""
        if request is None or answer is None:
            return None
        rows = request.count("\n") + 1
        if not answered:
            return cls(request, "", rows, None, time, id)
        if rows > 1 and "\n" not in answer and answer.count(",") + 1 == rows:
            answer = answer.replace(",", "\n")  # one line that holds a single value for each row
        if answer.count("\n") + 1 != rows:
            return None
        return cls(request, answer, rows, answer.partition("\n")[0].count(",") + 1, time, id)


@dataclass
class _Group:
    """Exchanges whose answers hold the same number of values, and their places among the lines."""

    places: list[int] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)


class JoinedReader:
    """Reads records with CSV bodies, of one row or many; with `identified`, parts tell whose rows they hold."""

    def __init__(self, spec: ModelSpec, *, identified: bool = False) -> None:
        self._spec = spec
        self._identified = identified
        self._known: dict[int | None, _Known | None] = {}

    def read(self, lines: Sequence[bytes], places: Sequence[int]) -> tuple[list[Part], list[int]]:
        """Read the lines at `places`; the parts read, and the places of the lines that are left."""
        if not fields.AVAILABLE or not any(_exchange(lines[place]) for place in places[:_LOOKED_AT]):
            return [], list(places)
        parts, taken = self.read_exchanges((place, _exchange(lines[place])) for place in places)
        return parts, sorted(set(places) - taken)

    def read_exchanges(self, exchanges: Iterable[tuple[int, Exchange | None]]) -> tuple[list[Part], set[int]]:
        """Read exchanges, each with its place; the parts read, and the places of those that are in them."""
        groups: dict[int | None, _Group] = {}
        for place, exchange in exchanges:
            if exchange is not None:
                group = groups.setdefault(exchange.width, _Group())
                group.places.append(place)
                group.exchanges.append(exchange)
        parts: list[Part] = []
        taken: set[int] = set()
        for width, group in groups.items():
            known = self._of_width(width)
            found = None if known is None else known.read(group.exchanges)
            if found is not None:
                part, fitting = found
                parts.append(part)
                taken.update(np.array(group.places)[fitting].tolist())
        return parts, taken

    def _of_width(self, width: int | None) -> _Known | None:
        if width not in self._known and len(self._known) < MOST_WIDTHS:
            try:
                self._known[width] = _Known(self._spec, width, self._identified)
            except ValueError:  # the model's file names a value that such answers do not have
                self._known[width] = None
        return self._known.get(width)


class _Known:
    """Reads the exchanges of one width, in piece after piece."""

    def __init__(self, spec: ModelSpec, width: int | None, identified: bool) -> None:
        self._identified = identified
        self._columns = RowColumns(spec, width)
        self._requests = FieldReader([Field(wanted) for wanted in self._columns.wanted])
        self._answers = None
        if width is not None:
            self._answers = FieldReader([Field(wanted) for wanted in self._columns.wanted_answers])

    def read(self, exchanges: Sequence[Exchange]) -> tuple[Part, NDArray[np.bool_]] | None:
        """The rows of the exchanges that fit, and which these are; None when pyarrow can read none of them."""
        owner = np.repeat(np.arange(len(exchanges)), [exchange.rows for exchange in exchanges])
        read = [self._requests.read("\n".join([*(each.request for each in exchanges), ""]).encode())]
        if self._answers is not None:
            read.append(self._answers.read("\n".join([*(each.answer for each in exchanges), ""]).encode()))
        times = np.array([exchange.time for exchange in exchanges], np.int64)
        sides = [side for side in read if side is not None and side.lines == len(owner)]
        if len(sides) < len(read):
            return None
        fitting = np.ones(len(exchanges), bool)
        for side in sides:
            fitting[np.delete(owner, side.fitting)] = False
        while True:
            rows = np.flatnonzero(fitting[owner])
            requests, *answers = (_at(side, rows) for side in sides)
            part, certain = self._columns.read(requests, answers[0] if answers else (), len(rows))
            if len(certain) == len(rows):
                return replace(part, times=times[fitting], identities=self._identities(exchanges, fitting)), fitting
            fitting[np.delete(owner[rows], certain)] = False

    def _identities(self, exchanges: Sequence[Exchange], fitting: NDArray[np.bool_]) -> Identities | None:
        if not self._identified:
            return None
        kept = [exchange for exchange, fits in zip(exchanges, fitting.tolist(), strict=True) if fits]
        sizes = np.fromiter((exchange.rows for exchange in kept), np.int64, len(kept))
        return Identities(ids.digests(exchange.id.encode(errors="replace") for exchange in kept), sizes)


def _at(side: Rows, rows: NDArray[np.intp]) -> list[Values | None]:
    """The values of some of the rows that were read."""
    where = np.searchsorted(side.fitting, rows)
    return [None if values is None else values[where] for values in side.values]


def _exchange(line: bytes) -> Exchange | None:
    """The exchange of a record with CSV bodies; None for every other record."""
    try:
        document = jsonio.loads(line)
        data, metadata = document.get("captureData"), document.get("eventMetadata")
        if not isinstance(data, Mapping) or not isinstance(metadata, Mapping):
            return None
        request = payload.csv_text(data.get("endpointInput"), "endpointInput")
        answered = next((place for place in ANSWER_PLACES if place in data), None)
        answer = payload.csv_text(data[answered], answered) if answered is not None else None
        time, identity = metadata.get("inferenceTime"), label_id(metadata)
    except (ValueError, AttributeError, CaptureError):
        return None
    return Exchange.of(request, answer, answered=answered is not None, time=moments.seconds(time), id=identity)


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
