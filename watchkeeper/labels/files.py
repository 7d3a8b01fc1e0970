"""Files of labels into labels of rows: JSON Lines of ground truth records, CSV or Parquet with a column of ids.

A label that cannot be used costs only itself: it is counted by reason, with the places of the first few, and quotes no
value, for labels and ids may be personal.
"""

from __future__ import annotations

import csv
import io
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from watchkeeper import ids
from watchkeeper.cells import canonical_label, parse_number
from watchkeeper.errors import CaptureError, LabelError
from watchkeeper.holdout import canonical_truth
from watchkeeper.jsonio import lines_of
from watchkeeper.labels.table import Labels, truths
from watchkeeper.labels.truth import read_ground_truth
from watchkeeper.spec import ModelSpec, Task

ID_COLUMNS = ("id", "inference_id", "event_id", "inferenceId", "eventId")
ROW_COLUMN, TIME_COLUMN = "row", "collected_at"
FUTURE = timedelta(minutes=5)
"""How far the clocks of those who tell of labels may be ahead of S3's, which says when their file was written."""
FIRST_PLACES = 5
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KEY_BITS = 31


class Fault(StrEnum):
    """Why a label cannot be used."""

    UNREADABLE = "the record cannot be read"
    NO_ID = "the label names no prediction"
    WRONG_TYPE = "the label is of the wrong type"
    UNKNOWN_VALUE = "the label is none that the training data had"
    FUTURE = "the label was collected after it was written"


@dataclass
class Faults:
    """The labels of some files that cannot be used: how many by reason, and in which lines the first ones are."""

    counts: dict[Fault, int] = field(default_factory=dict)
    places: dict[Fault, list[str]] = field(default_factory=dict)

    def add(self, fault: Fault, place: str) -> None:
        """Count one."""
        self.counts[fault] = self.counts.get(fault, 0) + 1
        first = self.places.setdefault(fault, [])
        if len(first) < FIRST_PLACES:
            first.append(place)

    def merge(self, other: Faults) -> None:
        """Count another file's as well."""
        for fault, count in other.counts.items():
            self.counts[fault] = self.counts.get(fault, 0) + count
            self.places[fault] = [*self.places.get(fault, ()), *other.places[fault]][:FIRST_PLACES]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Source:
    """A file of labels.

    Attributes
    ----------
    hour : under which it is filed
    written : when it was written: of two labels collected at once, the later written one counts
    piece : which lines are counted where only a piece of the file is read, such as "from byte 100"
    """

    key: str
    hour: datetime
    written: datetime
    piece: str = ""

    @cached_property
    def collected(self) -> datetime:
        """When labels were collected that do not say so: within the file's hour, as near as can be to its writing."""
        return min(max(self.written, self.hour), self.hour + timedelta(hours=1))

    def line(self, number: int) -> str:
        """How people are told of a line."""
        return f"{self.key}, line {number}" + (f" {self.piece}" if self.piece else "")

    @property
    def order(self) -> int:
        """Grows with the second in which the file was written; of two files of one second, either may be first."""
        return (round(self.written.timestamp()) << _KEY_BITS) | (zlib.crc32(self.key.encode()) >> 1)


class _Row(NamedTuple):
    """One label as it was read."""

    id: str
    place: int
    size: int
    text: str | None
    collected: datetime | None
    line: int


class LabelReader:
    """Reads the label files of one model.

    Parameters
    ----------
    known : the labels that the training data had, as they were written there; None when nobody knows
    """

    def __init__(self, spec: ModelSpec, known: Iterable[str] | None = None) -> None:
        self._spec = spec
        self._known = None if known is None else {canonical_label(text) for text in known}
        self._truths: dict[str, str | Fault | None] = {}

    def read(self, source: Source, chunks: Iterable[bytes]) -> tuple[Labels, Faults]:
        """The newest label of each row in a file, and what could not be used.

        Raises
        ------
        LabelError
            The file as a whole is of no known form.
        """
        faults = Faults()
        rows = list(self._usable(source, _format(source.key)(self._spec, source, chunks, faults), faults))
        times = [row.collected or source.collected for row in rows]
        part = Labels(
            ids=ids.digests(row.id.encode(errors="replace") for row in rows),
            places=np.array([row.place for row in rows], np.int32),
            sizes=np.array([row.size for row in rows], np.int32),
            collected=np.array([(time - _EPOCH) // timedelta(microseconds=1) for time in times], np.int64),
            orders=np.full(len(rows), source.order, np.int64),  # the sort is stable: a later line counts
            truth=truths(self._spec.task, [row.text for row in rows]),
        )
        return Labels.newest([part]), faults

    def _usable(self, source: Source, rows: Iterable[_Row], faults: Faults) -> Iterator[_Row]:
        """The rows that are labels, as the model's training sets spell them."""
        for row in rows:
            truth = None if row.text is None else self._truth(row.text)
            fault = truth if isinstance(truth, Fault) else None
            if (row.collected or source.hour) > source.written + FUTURE:
                fault = Fault.FUTURE
            if not row.id:
                fault = Fault.NO_ID
            if fault is None:
                yield row._replace(text=truth)
            else:
                faults.add(fault, source.line(row.line))

    def _truth(self, text: str) -> str | Fault | None:
        if self._spec.task is Task.REGRESSION:
            return canonical_truth(self._spec, text) or Fault.WRONG_TYPE
        if text not in self._truths:
            known = self._known is None or canonical_label(text) in self._known
            self._truths[text] = canonical_truth(self._spec, text) if known else Fault.UNKNOWN_VALUE
        return self._truths[text]


def _ground_truth(spec: ModelSpec, source: Source, chunks: Iterable[bytes], faults: Faults) -> Iterator[_Row]:
    for number, line in enumerate(lines_of(chunks), 1):
        if not line.strip():
            continue
        try:
            truth = read_ground_truth(line)
        except CaptureError:
            faults.add(Fault.UNREADABLE, source.line(number))
            continue
        if truth.row is not None:
            yield _Row(truth.id, truth.row, 0, truth.values[0], truth.collected, number)
        else:
            size = len(truth.values)
            for place, value in enumerate(truth.values):
                yield _Row(truth.id, place, size, value, truth.collected, number)


def _csv(spec: ModelSpec, source: Source, chunks: Iterable[bytes], faults: Faults) -> Iterator[_Row]:
    lines = (line.decode("utf-8-sig", "replace") for line in lines_of(chunks))
    try:
        yield from _table(spec, source, csv.DictReader(lines), faults)
    except csv.Error as error:
        raise LabelError(f"{source.key} is no CSV ({error}): write it with a header and one label a line.") from error


def _parquet(spec: ModelSpec, source: Source, chunks: Iterable[bytes], faults: Faults) -> Iterator[_Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(b"".join(chunks)))
        yield from _table(spec, source, (row for some in file.iter_batches() for row in some.to_pylist()), faults)
    except pa.ArrowInvalid as error:
        raise LabelError(f"{source.key} is no Parquet file: write it anew.") from error


def _table(spec: ModelSpec, source: Source, records: Iterable[Mapping[str, Any]], faults: Faults) -> Iterator[_Row]:
    """Rows of a table with a column of ids, one of labels, and perhaps the row of the request and a time."""
    names: tuple[str, str] | None = None
    for number, record in enumerate(records, 2):  # the header is line 1
        names = names or _columns(spec, source, list(record))
        try:
            place, collected = _place(record.get(ROW_COLUMN)), _time(record.get(TIME_COLUMN))
        except ValueError:
            faults.add(Fault.UNREADABLE, source.line(number))
            continue
        identity, value = (record[name] for name in names)
        text = None if value is None or not str(value).strip() else str(value)
        identity = "" if identity is None else str(identity).strip()
        yield _Row(identity, place or 0, 1 if place is None else 0, text, collected, number)


def _columns(spec: ModelSpec, source: Source, names: Sequence[str]) -> tuple[str, str]:
    """Of the id and of the label."""
    identity = next((name for name in ID_COLUMNS if name in names), None)
    label = next((name for name in (spec.label.name, "label") if name in names), None)
    if identity is None or label is None:
        raise LabelError(
            f"{source.key} has the columns {', '.join(map(str, names))}: it needs one of ids ({', '.join(ID_COLUMNS)}) "
            f"and one of labels ({spec.label.name} or label)."
        )
    return identity, label


def _place(value: object) -> int | None:
    if value is None or value == "":
        return None
    number = parse_number(value)
    if not number.is_integer() or not 0 <= number < math.inf:
        raise ValueError("a row is a number from 0")
    return int(number)


def _time(value: object) -> datetime | None:
    if value is None or value == "":
        return None
    time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


_Format = Callable[[ModelSpec, Source, Iterable[bytes], Faults], Iterator[_Row]]
_FORMATS: Mapping[str, _Format] = {"csv": _csv, "parquet": _parquet, "jsonl": _ground_truth, "json": _ground_truth}


def _format(key: str) -> _Format:
    """By the key's extension; ground truth records where there is none that is known."""
    return _FORMATS.get(key.rpartition(".")[2].lower(), _ground_truth)
