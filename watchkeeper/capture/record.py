"""One line of a capture, read with every form that SageMaker writes (CONTRACTS §1).

This reader is slow, and is the definition of what a record means: whatever reads faster gives what it would give.
Reasons for refusing a record quote no row's values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from watchkeeper import ids, jsonio
from watchkeeper.capture import moments, payload
from watchkeeper.capture.block import Identities, Part, prediction_columns, shares_of
from watchkeeper.capture.keys import KeyReader, KeyShape
from watchkeeper.capture.prediction import Prediction, PredictionReader
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import ModelSpec
from watchkeeper.table import Column, column

ANSWER_PLACES = ("endpointOutput", "batchTransformOutput")
"""Where a record holds the answer; the first that is there is taken."""


@dataclass(frozen=True)
class Record:
    """One captured request with its answer.

    Attributes
    ----------
    seconds : when it was answered, in whole seconds since 1970; `UNKNOWN_TIME` if it does not say
    inputs : one sequence of raw values a row, in the order of the spec's features
    outputs : one prediction a row; None when the answer was not captured
    keys : how the keys of the rows that are JSON objects differ from the features
    """

    event_id: str
    inference_id: str | None
    seconds: int
    inputs: Sequence[Sequence[object]]
    outputs: Sequence[Prediction] | None
    keys: Sequence[KeyShape] = ()

    @property
    def time(self) -> datetime | None:
        """When it was answered, if it says so."""
        return moments.time(self.seconds)

    @property
    def label_id(self) -> str:
        """The id that ground truth names: see the function of that name."""
        return self.inference_id or self.event_id


@dataclass(frozen=True)
class Held:
    """Records that are not yet columns."""

    outputs: list[Prediction] | None
    inputs: list[Sequence[object]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keys: list[KeyShape] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    def add(self, record: Record) -> None:
        """Hold a record as well."""
        self.inputs.extend(record.inputs)
        self.times.append(record.seconds)
        self.keys.extend(record.keys)
        self.ids.append(record.label_id.encode(errors="replace"))
        self.sizes.append(len(record.inputs))
        if self.outputs is not None:
            self.outputs.extend(record.outputs or ())

    def clear(self) -> None:
        """Hold nothing any more."""
        for held in (self.inputs, self.times, self.keys, self.ids, self.sizes):
            held.clear()
        if self.outputs is not None:
            self.outputs.clear()


class RecordReader:
    """Reads single records of one model; with `identified`, its parts tell whose rows they hold."""

    def __init__(self, spec: ModelSpec, *, identified: bool = False) -> None:
        self.identified = identified
        self._task = spec.task
        self._names = tuple(feature.name for feature in spec.features)
        self.keys = KeyReader(self._names)
        self._profiled = [(place, f) for place, f in enumerate(spec.features) if not f.personal]
        self._predictions = PredictionReader(spec)
        self._classes = spec.output.classes

    def record(self, line: bytes) -> Record:
        """Read one line.

        Raises
        ------
        RefusedError
            The line is no record of this model; the message names place and remedy.
        """
        document = _document(line)
        data, metadata = document.get("captureData"), document.get("eventMetadata")
        if not isinstance(data, Mapping) or not isinstance(metadata, Mapping):
            raise RefusedError(
                Reason.NO_RECORD,
                "The record has no captureData or no eventMetadata; write nothing but SageMaker's captures here.",
            )
        rows = payload.rows(data.get("endpointInput"), "endpointInput")
        inputs = self.input_rows(rows)
        outputs = None
        for place in ANSWER_PLACES:
            if place in data:
                outputs = self.output_rows(payload.rows(data[place], place), len(inputs), place)
                break
        return Record(
            event_id=_text(metadata.get("eventId")) or "",
            inference_id=_text(metadata.get("inferenceId")),
            seconds=moments.seconds(metadata.get("inferenceTime")),
            inputs=inputs,
            outputs=outputs,
            keys=self.keys.shapes(rows),
        )

    def input_rows(self, rows: Sequence[Any], place: str = "endpointInput") -> list[Sequence[object]]:
        """Rows of a request as sequences of raw values in the order of the spec's features."""
        if len(self._names) > 1 and rows and not any(isinstance(row, list | Mapping) for row in rows):
            rows = [rows]  # a flat list is one row
        if not rows:
            raise RefusedError(Reason.NO_ROW, f"{place} holds no row; send at least one row a request.")
        return [self._input_row(row, number, place) for number, row in enumerate(rows, 1)]

    def output_rows(self, rows: Sequence[Any], expected: int, place: str = "endpointOutput") -> list[Prediction]:
        """Rows of an answer as predictions, one for each of the request's `expected` rows."""
        return self._predictions.read_all(rows, expected, place)

    def _input_row(self, row: object, number: int, place: str) -> Sequence[object]:
        if isinstance(row, Mapping):
            if not any(name in row for name in self._names):
                if isinstance(row.get("features"), list):
                    return self._input_row(row["features"], number, place)
                raise RefusedError(
                    Reason.NO_FEATURE,
                    f"{place}, row {number}: no known feature among its {len(row)} keys; expected "
                    f"{', '.join(self._names[:3])}, …",
                )
            return [row.get(name) for name in self._names]
        values = row if isinstance(row, list) else [row]
        if len(values) != len(self._names):
            raise RefusedError(
                Reason.TOO_FEW_VALUES if len(values) < len(self._names) else Reason.TOO_MANY_VALUES,
                f"{place}, row {number}: {len(values)} values where {len(self._names)} are expected; send the features "
                "in the order of the model's file, or correct that list.",
                len(values),
            )
        return values

    def feature_columns(self, rows: Sequence[Sequence[object]]) -> dict[str, Column]:
        """Typed columns of raw rows: the features that profiles may hold."""
        raw = list(zip(*rows, strict=True)) or [()] * len(self._names)
        return {feature.name: column(feature.kind, raw[place]) for place, feature in self._profiled}

    def part(self, held: Held) -> Part:
        """Typed columns of records."""
        predictions = None if held.outputs is None else prediction_columns(self._task, held.outputs)
        columns, times = self.feature_columns(held.inputs), np.array(held.times, np.int64)
        keys = Counter(held.keys)
        if not self.identified:
            return Part(len(held.inputs), columns, predictions, times, keys)
        whose = Identities(ids.digests(held.ids), np.array(held.sizes, np.int64))
        shares = shares_of(self._classes, held.outputs or ())
        return Part(len(held.inputs), columns, predictions, times, keys, whose, shares)


def label_id(metadata: Mapping[str, Any]) -> str:
    """The id that ground truth names: the inference id when the client gave one, else the event id, else none."""
    return _text(metadata.get("inferenceId")) or _text(metadata.get("eventId")) or ""


def _document(line: bytes) -> Mapping[str, Any]:
    try:
        document = jsonio.loads(line)
    except ValueError as error:
        raise RefusedError(
            Reason.NOT_JSON,
            f"The line is not JSON ({type(error).__name__} at {getattr(error, 'pos', '?')}); it may be cut short.",
        ) from error
    if not isinstance(document, Mapping):
        raise RefusedError(
            Reason.NO_RECORD, f"The line holds a {type(document).__name__}; a capture record is an object."
        )
    return document


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
