"""The form that the records of one endpoint share: text that never changes, with values between.

SageMaker writes every record of an endpoint alike, so that the lines of a capture differ in nothing but the values, the
ids and the times. Then JSON need not be parsed a second time: a line that has the same text around strings that hold
neither quotes, backslashes nor control characters is the same document with other strings. And as the values are
themselves separated by commas, the whole line can be read as one row of CSV, in which much is constant.

A template is learnt from a line that the general reader has read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watchkeeper import jsonio
from watchkeeper.capture.fields import Field, Wanted
from watchkeeper.capture.record import ANSWER_PLACES, label_id


@dataclass(frozen=True)
class Template:
    """One form.

    Attributes
    ----------
    fields : what stands between the commas of a line
    features : places, among the fields, of the request's values
    answers : of the answer's values; None when the answer was not captured
    time : of the time at which it was answered; None when the record has none
    id : of the id that ground truth names; None when the record has none
    escaped : whether there are backslashes in what never changes: those of a line end behind the request or the answer
    """

    fields: tuple[Field, ...]
    features: tuple[int, ...]
    answers: tuple[int, ...] | None
    time: int | None
    id: int | None
    escaped: bool


@dataclass(frozen=True)
class _Span:
    """A string that changes from line to line: its bytes in the line up to a line end, and whose values it holds."""

    begin: int
    end: int
    closed: int
    holds: str


_REQUEST, _ANSWER, _TIME, _ID, _METADATA = "request", "answer", "time", "id", "metadata"
_LINE_ENDS = re.compile(rb"(?:\\r|\\n)+$")
"""Escaped line ends behind a body, which are no part of its rows. Many clients and containers write one."""


def learn(line: bytes) -> Template | None:
    """The template of a readable record, without its line end; None when it is not of this simple form."""
    escapes = line.count(b"\\")
    if escapes and b'\\"' in line:
        return None
    spans = _spans(line)
    if spans is None or escapes != sum(line.count(b"\\", span.end, span.closed) for span in spans):
        return None
    fields: list[Field] = []
    places: dict[str, list[int]] = {_REQUEST: [], _ANSWER: [], _TIME: [], _ID: [], _METADATA: []}
    begin = 0
    for text in line.split(b","):
        end = begin + len(text)
        inside = [span for span in spans if span.begin <= end and span.end >= begin]
        if len(inside) > 1:
            return None
        if inside:
            span = inside[0]
            places[span.holds].append(len(fields))
            prefix, suffix = line[begin : max(begin, span.begin)], line[min(end, span.end) : end]
            fields.append(Field(Wanted.NOTHING, prefix, suffix, width=len(text)))
        else:
            fields.append(Field(Wanted.NOTHING, text, constant=True))
        begin = end + 1
    if max(len(places[_TIME]), len(places[_ID])) > 1 or not all(
        field.prefix.isascii() and field.suffix.isascii() for field in fields
    ):
        return None
    answered = any(span.holds == _ANSWER for span in spans)
    answers = tuple(places[_ANSWER]) if answered else None
    time, identity = (next(iter(places[held]), None) for held in (_TIME, _ID))
    return Template(tuple(fields), tuple(places[_REQUEST]), answers, time, identity, escapes > 0)


def _spans(line: bytes) -> list[_Span] | None:
    """The strings that change, found by putting a number in place of each string and looking where which came out."""
    texts = line.split(b'"')
    values = [place for place in range(1, len(texts), 2) if not texts[place + 1].lstrip().startswith(b":")]
    numbered = list(texts)
    for place in values:
        numbered[place] = str(place).encode()
    document = jsonio.loads(b'"'.join(numbered))
    data, metadata = document["captureData"], document["eventMetadata"]
    answer = next((place for place in ANSWER_PLACES if place in data), None)
    found = {place: _METADATA for place in map(_place, metadata.values()) if place is not None}
    time, identity = _place(metadata.get("inferenceTime")), _place(label_id(metadata))
    if identity is not None:
        found[identity] = _ID
    if time is not None:
        found[time] = _TIME
    for part, holds in ((data["endpointInput"], _REQUEST), (data[answer] if answer else None, _ANSWER)):
        if part is not None:
            held = _csv_place(part, texts)
            if held is None:
                return None
            found[held] = holds
    begins = [0]
    for text in texts:
        begins.append(begins[-1] + len(text) + 1)
    spans = []
    for place in sorted(found):
        text, begin, holds = texts[place], begins[place], found[place]
        body = text if holds in (_METADATA, _TIME, _ID) else _LINE_ENDS.sub(b"", text)
        spans.append(_Span(begin, begin + len(body), begin + len(text), holds))
    return spans


def _csv_place(part: Mapping[str, Any], texts: Sequence[bytes]) -> int | None:
    """Which of the line's strings is the part's data, if that is CSV text."""
    encoding = _place(part.get("encoding"))
    return _place(part.get("data")) if encoding is not None and texts[encoding] == b"CSV" else None


def _place(value: object) -> int | None:
    return int(value) if isinstance(value, str) and value else None
