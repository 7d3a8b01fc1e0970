"""Rows as the endpoint was asked them, raw: some of a window, or the one that an id names.

They hold personal fields. Whoever reads them here hands them to the model and to nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from watchkeeper import ids, jsonio
from watchkeeper.aws import pieces
from watchkeeper.aws.curated_hours import Hour
from watchkeeper.aws.store import Listed, Store
from watchkeeper.capture.record import Record, RecordReader, label_id
from watchkeeper.jsonio import lines_of
from watchkeeper.refusal import RefusedError
from watchkeeper.spec import ModelSpec

SEED = 0


class Place(NamedTuple):
    """Where a record is: the object, and the byte at which its line begins."""

    bucket: str
    key: str
    start: int


@dataclass(frozen=True)
class CapturedRows:
    """The captures of one model.

    Attributes
    ----------
    store : the store of a bucket: an attached endpoint captures to its owner's
    bucket : the data bucket
    """

    spec: ModelSpec
    store: Callable[[str], Store]
    bucket: str

    def some(self, version: str, hours: Iterable[datetime], wanted: int) -> list[Sequence[object]]:
        """At most so many rows that a version was asked in these hours, in their order.

        Places are spread evenly over the bytes of all objects, and of the record that begins next to each a row is
        drawn: however many captures there are, so many reads of a line do. Records that cannot be read are passed over.
        """
        objects = [found for hour in hours for found in self._objects(Hour(hour, version)) if found[1].size]
        if not objects:
            return []
        reader, random = RecordReader(self.spec), np.random.default_rng(SEED)
        ends = np.cumsum([item.size for _, item in objects])
        places = ((np.arange(wanted) + 0.5) * ends[-1] / wanted).astype(np.int64)
        rows: dict[tuple[int, int, int], Sequence[object]] = {}  # by object, line and row: each is taken once
        for place, number in zip(places.tolist(), np.searchsorted(ends, places, side="right").tolist(), strict=True):
            store, item = objects[number]
            line = _line(store, item.key, place - int(ends[number]) + item.size) or _line(store, item.key, 0)
            try:
                inputs = reader.record(line).inputs
            except RefusedError:
                continue
            row = int(random.integers(len(inputs)))
            rows.setdefault((number, hash(line), row), inputs[row])
        return list(rows.values())

    def find(self, hour: Hour, identity: str) -> Place | None:
        """Where the record with an id is among an hour's captures; None when it is not there, or not any more."""
        for store, item in self._objects(hour):
            streamed = store.stream(item.key)
            start = 0
            for line in lines_of(() if streamed is None else streamed.chunks):
                if _names(line, identity):
                    return Place(store.bucket, item.key, start)
                start += len(line) + 1
        return None

    def record(self, place: Place, digest: str) -> Record | None:
        """The record at a place, if its id has this digest (in hexadecimal); None when it has gone."""
        line = _line(self.store(place.bucket), place.key, place.start)
        record = RecordReader(self.spec).record(line) if line else None
        return record if record and ids.to_hex(ids.digest(record.label_id)).decode() == digest else None

    def _objects(self, hour: Hour) -> list[tuple[Store, Listed]]:
        where = self.spec.captured_in(self.bucket, hour.version, hour.start)
        stores = [(self.store(bucket), prefix) for bucket, prefix in where]
        return [(store, item) for store, prefix in stores for item in store.listed(prefix)]


def _line(store: Store, key: str, start: int) -> bytes:
    """The first line of an object that begins at a byte or after it; nothing where none does."""
    streamed = pieces.read(store, pieces.Piece(key, start, np.iinfo(np.int64).max))
    return b"" if streamed is None else next(iter(lines_of(streamed.chunks)), b"")


def _names(line: bytes, identity: str) -> bool:
    """Whether a line is the record with this id."""
    try:
        document = jsonio.loads(line)
    except ValueError:
        return False
    metadata = document.get("eventMetadata") if isinstance(document, Mapping) else None
    return isinstance(metadata, Mapping) and label_id(metadata) == identity
