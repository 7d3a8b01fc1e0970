"""Labels that applications send over HTTPS: what a request may hold, and the ground truth records that it becomes.

A body is one label or a batch of them; nothing of a batch with a mistake is kept. A label is

    {"id": "<inference or event id>", "label": 1, "row": 0, "time": "2026-11-21T10:00:00Z"}

where `row` and `time` may be left out. Without `row` it is about the whole request: one value, or a list of one value
for each row that the request had. `null` withdraws what was said before.

Each becomes one record of CONTRACTS' ground truth format. Two fields of its `eventMetadata` are our own:

- `row`: the place of the one row that the record is about, 0 for the first. The other rows of that request keep what
  was said of them. Records without it are about all rows, as ever.
- `collectedAt`: ISO 8601 in UTC, with milliseconds: the label's `time`, or else when it was received. Of two records
  about the same row the later one counts.

Ids and labels may be personal, so no mistake quotes one: it names the place, what is wrong with it and what to do.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from watchkeeper import jsonio, naming
from watchkeeper.errors import FeedbackError, FeedbackTooLargeError
from watchkeeper.spec import ModelSpec, Task

LARGEST_BODY = 1 << 20
"""Bytes of a request; Lambda takes 6 MB, but an object of one request should stay small."""
MOST_LABELS = 5_000
"""Labels a request."""
LONGEST_ID = 256
LONGEST_LABEL = 256
"""Characters."""
LAST_ROW = 1_000_000
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far a client's clock may be ahead of ours."""
FIELDS = ("id", "label", "row", "time")

Value = str | int | float | bool | None
"""What was true of one row; None is not known, or no longer."""

_TRUE = ("1", "1.0", "true")
_MISSING = object()


@dataclass(frozen=True)
class Mistake:
    """What is wrong at one place of a body.

    Attributes
    ----------
    index : of the label in the batch; None for the body as a whole
    problem : the field, what is wrong with it, and the remedy
    """

    index: int | None
    problem: str


class MistakenBatchError(FeedbackError):
    """A body that cannot be taken, with all its mistakes."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        places = "; ".join(f"label {m.index}: {m.problem}" if m.index is not None else m.problem for m in mistakes[:5])
        super().__init__(f"{len(mistakes)} mistakes in a request: {places}")


@dataclass(frozen=True)
class Label:
    """What turned out to be true of one request, or of one row of it.

    Attributes
    ----------
    values : one value for each row that it is about
    row : the place of the one row that it is about; None for the whole request
    time : when the client says that it came to know; None if it does not say
    """

    id: str
    values: tuple[Value, ...]
    row: int | None = None
    time: datetime | None = None

    def record(self, received: datetime) -> dict[str, Any]:
        """The ground truth record of this label."""
        metadata: dict[str, Any] = {"eventId": self.id, "collectedAt": _text(self.time or received)}
        if self.row is not None:
            metadata["row"] = self.row
        return {
            "groundTruthData": {"data": jsonio.dumps(self.values).decode(), "encoding": "JSON"},
            "eventMetadata": metadata,
            "eventVersion": "0",
        }


@dataclass(frozen=True)
class Batch:
    """The labels of one request, all of them right."""

    labels: tuple[Label, ...]

    @property
    def withdrawn(self) -> int:
        """Labels that say no more than that nothing is known."""
        return sum(all(value is None for value in label.values) for label in self.labels)

    def key(self, model: str, received: datetime) -> str:
        """Where the batch is kept; the same labels, received in the same hour, have the same place."""
        said = [[label.id, label.row, label.values, label.time and _text(label.time)] for label in self.labels]
        return naming.feedback_key(model, received, hashlib.sha256(jsonio.dumps(said)).hexdigest()[:32])

    def records(self, received: datetime) -> bytes:
        """The ground truth records, one a line."""
        return b"".join(jsonio.dumps(label.record(received)) + b"\n" for label in self.labels)


def read_batch(body: bytes, spec: ModelSpec, received: datetime) -> Batch:
    """Read and check the body of a request.

    Parameters
    ----------
    received : when it came (aware); no label may be from much later

    Raises
    ------
    FeedbackTooLargeError
        The body is too long, or holds too many labels.
    MistakenBatchError
        Something in it is wrong; it tells all the mistakes and quotes no value.
    """
    if len(body) > LARGEST_BODY:
        raise FeedbackTooLargeError(f"The body has {len(body)} bytes; send at most {LARGEST_BODY} a request.")
    items = _items(body)
    if len(items) > MOST_LABELS:
        raise FeedbackTooLargeError(f"The request has {len(items)} labels; send at most {MOST_LABELS} a request.")
    read = [_read(item, spec, received) for item in items]
    labels = [label for label in read if isinstance(label, Label)]
    mistakes = [Mistake(place, text) for place, found in enumerate(read) if isinstance(found, list) for text in found]
    mistakes += [] if mistakes else _contradictions(labels)
    if mistakes:
        raise MistakenBatchError(mistakes)
    return Batch(tuple(labels))


def _items(body: bytes) -> list[Any]:
    """The labels of a body, unchecked."""
    try:
        document = jsonio.loads(body)
    except ValueError:
        raise MistakenBatchError([Mistake(None, "The body is not JSON text in UTF-8: send JSON.")]) from None
    if not isinstance(document, Mapping):
        raise MistakenBatchError(
            [Mistake(None, f'The body is {_kind(document)}: send {{"labels": […]}}, or one label as an object.')]
        )
    if "labels" not in document:
        return [document]
    items = document["labels"]
    if not isinstance(items, list) or not items:
        found = "an empty list" if items == [] else _kind(items)
        raise MistakenBatchError([Mistake(None, f"labels is {found}: make it a list of at least one label.")])
    if len(document) > 1:
        raise MistakenBatchError([Mistake(None, "The body has fields beside labels: remove them.")])
    return items


class _Field(NamedTuple):
    """A field as it was read: its value, or what is wrong with it."""

    value: Any = None
    problem: str | None = None


def _read(item: Any, spec: ModelSpec, received: datetime) -> Label | list[str]:
    """One label, or all that is wrong with it."""
    if not isinstance(item, Mapping):
        return [f"The label is {_kind(item)}: make it an object with id and label."]
    identity, row = _id(item.get("id", _MISSING)), _row(item.get("row"))
    values = _values(item.get("label", _MISSING), spec, one=item.get("row") is not None)
    time = _time(item.get("time"), received)
    problems = [field.problem for field in (identity, values, row, time) if field.problem is not None]
    if not item.keys() <= set(FIELDS):
        problems.append(f"The label has fields beside {', '.join(FIELDS)}: remove them.")
    return problems or Label(identity.value, values.value, row.value, time.value)


def _id(value: Any) -> _Field:
    if value is _MISSING:
        return _Field(problem="id is missing: give the inference id that the request was sent with, or its event id.")
    if not isinstance(value, str):
        return _Field(problem=f"id is {_kind(value)}: make it a string.")
    if not value.strip():
        return _Field(problem="id is blank: give the inference id that the request was sent with, or its event id.")
    if len(value) > LONGEST_ID:
        return _Field(problem=f"id is longer than {LONGEST_ID} characters: no request has such an id.")
    return _Field(value) if _is_unicode(value) else _Field(problem=f"id {_NOT_UNICODE}")


def _row(value: Any) -> _Field:
    if value is None:
        return _Field()
    if isinstance(value, bool) or not isinstance(value, int):
        return _Field(problem=f"row is {_kind(value)}: make it a whole number, 0 for the request's first row.")
    if not 0 <= value <= LAST_ROW:
        return _Field(problem=f"row is not between 0 and {LAST_ROW}: 0 is the request's first row.")
    return _Field(value)


def _time(value: Any, received: datetime) -> _Field:
    if value is None:
        return _Field()
    if not isinstance(value, str):
        return _Field(problem=f"time is {_kind(value)}: make it ISO 8601 text, such as 2026-11-21T10:00:00Z.")
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is None:
            return _Field(problem="time has no time zone: end it with Z for UTC, or with an offset such as +01:00.")
        time = time.astimezone(UTC)
    except (ValueError, OverflowError):
        return _Field(problem="time is not ISO 8601: send text such as 2026-11-21T10:00:00Z.")
    if time > received + CLOCKS_DIFFER:
        return _Field(problem="time is in the future: send when the label became known, and check the sender's clock.")
    return _Field(time)


def _values(value: Any, spec: ModelSpec, *, one: bool) -> _Field:
    """The values of a label, one for each row that it is about."""
    if value is _MISSING:
        return _Field(problem="label is missing: give what turned out to be true, or null to withdraw it.")
    if not isinstance(value, list):
        problem = _problem(value, spec)
        return _Field((value,)) if problem is None else _Field(problem=f"label {problem}")
    if one:
        return _Field(problem="label is a list, but row names one row: give one value, or leave row out.")
    if not value:
        return _Field(problem="label is an empty list: give one value for each row of the request.")
    for place, item in enumerate(value):
        if (problem := _problem(item, spec)) is not None:
            return _Field(problem=f"label[{place}] {problem}")
    return _Field(tuple(value))


def _problem(value: Any, spec: ModelSpec) -> str | None:
    """What is wrong with the label of one row; None when nothing is."""
    if value is None:
        return None
    if spec.task is Task.REGRESSION:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"is {_kind(value)}: the model predicts a number, so give a number, or null to withdraw it."
        return None if _is_finite(value) else "is not a finite number: give one, or null to withdraw the label."
    if isinstance(value, bool):
        if spec.task is Task.BINARY and spec.label.positive.strip().lower() not in _TRUE:
            return "is a boolean, but the model's file gives the positive label as another text: give the label so."
        return None
    if isinstance(value, int | float):
        return None if _is_finite(value) else "is not a finite number: give one, or null to withdraw the label."
    if not isinstance(value, str):
        return f"is {_kind(value)}: give a string, a number or a boolean, or null to withdraw it."
    if not value.strip():
        return "is blank: give what turned out to be true, or null to withdraw it."
    if len(value) > LONGEST_LABEL:
        return f"is longer than {LONGEST_LABEL} characters: give the class, and no text about it."
    return None if _is_unicode(value) else _NOT_UNICODE


def _contradictions(labels: Sequence[Label]) -> list[Mistake]:
    """Labels that say something else than an earlier one about the same, at the same time."""
    first: dict[tuple[str, int | None, datetime | None], int] = {}
    found = []
    for index, label in enumerate(labels):
        before = first.setdefault((label.id, label.row, label.time), index)
        if labels[before].values != label.values:
            found.append(
                Mistake(index, f"label differs from label {before} for the same row: keep one, or give each its time.")
            )
    return found


_NOT_UNICODE = "holds half a surrogate pair: send valid Unicode."


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float holds
        return False


def _kind(value: Any) -> str:
    """The type of a JSON value, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a string" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def _text(time: datetime) -> str:
    """ISO 8601 in UTC with milliseconds."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
