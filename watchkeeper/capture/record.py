"""One line of a capture, read with every form that SageMaker writes (CONTRACTS §1).

This reader is slow, and is the definition of what a record means: whatever reads faster gives what it would give.
Reasons for refusing a record quote no row's values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchkeeper import jsonio
from watchkeeper.capture import payload
from watchkeeper.capture.prediction import Prediction, PredictionReader
from watchkeeper.errors import CaptureError
from watchkeeper.spec import ModelSpec
from watchkeeper.table import Column, column

ANSWER_PLACES = ("endpointOutput", "batchTransformOutput")
"""Where a record holds the answer; the first that is there is taken."""


@dataclass(frozen=True)
class Record:
    """One captured request with its answer.

    Attributes
    ----------
    inputs : one sequence of raw values a row, in the order of the spec's features
    outputs : one prediction a row; None when the answer was not captured
    """

    event_id: str
    inference_id: str | None
    time: datetime | None
    inputs: Sequence[Sequence[object]]
    outputs: Sequence[Prediction] | None

    @property
    def label_id(self) -> str:
        """The id that ground truth names: the inference id when the client gave one, else the event id."""
        return self.inference_id or self.event_id


class RecordReader:
    """Reads single records of one model."""

    def __init__(self, spec: ModelSpec) -> None:
        self._names = tuple(feature.name for feature in spec.features)
        self._profiled = [(place, f) for place, f in enumerate(spec.features) if not f.personal]
        self._predictions = PredictionReader(spec)

    def record(self, line: bytes) -> Record:
        """Read one line.

        Raises
        ------
        CaptureError
            The line is no record of this model; the message names place and remedy.
        """
        document = _document(line)
        data, metadata = document.get("captureData"), document.get("eventMetadata")
        if not isinstance(data, Mapping) or not isinstance(metadata, Mapping):
            raise CaptureError(
                "The record has no captureData or no eventMetadata; write nothing but SageMaker's captures here."
            )
        inputs = self.input_rows(payload.rows(data.get("endpointInput"), "endpointInput"))
        outputs = None
        for place in ANSWER_PLACES:
            if place in data:
                outputs = self.output_rows(payload.rows(data[place], place), len(inputs), place)
                break
        return Record(
            event_id=_text(metadata.get("eventId")) or "",
            inference_id=_text(metadata.get("inferenceId")),
            time=_time(metadata.get("inferenceTime")),
            inputs=inputs,
            outputs=outputs,
        )

    def input_rows(self, rows: Sequence[Any], place: str = "endpointInput") -> list[Sequence[object]]:
        """Rows of a request as sequences of raw values in the order of the spec's features."""
        if len(self._names) > 1 and rows and not any(isinstance(row, list | Mapping) for row in rows):
            rows = [rows]  # a flat list is one row
        if not rows:
            raise CaptureError(f"{place} holds no row; send at least one row a request.")
        return [self._input_row(row, number, place) for number, row in enumerate(rows, 1)]

    def output_rows(self, rows: Sequence[Any], expected: int, place: str = "endpointOutput") -> list[Prediction]:
        """Rows of an answer as predictions, one for each of the request's `expected` rows."""
        return self._predictions.read_all(rows, expected, place)

    def _input_row(self, row: object, number: int, place: str) -> Sequence[object]:
        if isinstance(row, Mapping):
            if not any(name in row for name in self._names):
                if isinstance(row.get("features"), list):
                    return self._input_row(row["features"], number, place)
                raise CaptureError(
                    f"{place}, row {number}: no known feature among its {len(row)} keys; expected "
                    f"{', '.join(self._names[:3])}, …"
                )
            return [row.get(name) for name in self._names]
        values = row if isinstance(row, list) else [row]
        if len(values) != len(self._names):
            raise CaptureError(
                f"{place}, row {number}: {len(values)} values for {len(self._names)} features; send the features in "
                "the order of the model's file, or correct that list."
            )
        return values

    def feature_columns(self, rows: Sequence[Sequence[object]]) -> dict[str, Column]:
        """Typed columns of raw rows: the features that profiles may hold."""
        raw = list(zip(*rows, strict=True)) or [()] * len(self._names)
        return {feature.name: column(feature.kind, raw[place]) for place, feature in self._profiled}


def _document(line: bytes) -> Mapping[str, Any]:
    try:
        document = jsonio.loads(line)
    except ValueError as error:
        raise CaptureError(
            f"The line is not JSON ({type(error).__name__} at {getattr(error, 'pos', '?')}); it may be cut short."
        ) from error
    if not isinstance(document, Mapping):
        raise CaptureError(f"The line holds a {type(document).__name__}; a capture record is an object.")
    return document


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
