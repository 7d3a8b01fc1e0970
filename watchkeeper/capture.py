"""SageMaker data capture: JSON Lines into columns, block by block.

Every encoding and shape that capture writes (CONTRACTS §1) is read. A record that cannot be read costs only itself: it
is handed back with the reason, and never stops the rest. Reasons quote no row's values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from watchkeeper import jsonio, payload
from watchkeeper.errors import CaptureError
from watchkeeper.prediction import Prediction, PredictionReader
from watchkeeper.spec import Feature, Kind, ModelSpec, Task
from watchkeeper.table import CategoryColumn, Column, category_column, column, number_column

BLOCK_ROWS = 20_000
"""Rows held at a time: 20 features of 20,000 rows are about 30 MB while they are text."""

PREDICTED_LABEL = "predicted label"
PREDICTED_SCORE = "predicted score"
PREDICTED_VALUE = "predicted value"


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


@dataclass(frozen=True)
class Unreadable:
    """A record that could not be read: where, why, and its bytes."""

    line: int
    reason: str
    raw: bytes


@dataclass(frozen=True)
class Block:
    """Typed columns of at most about `BLOCK_ROWS` rows, and the records that could not be read on the way.

    Personal features are not in `features`. `predictions` may hold fewer rows: those whose answer was captured.
    """

    rows: int
    features: Mapping[str, Column]
    predictions: Mapping[str, Column]
    unreadable: Sequence[Unreadable] = ()


class CaptureReader:
    """Reads the captures of one model."""

    def __init__(self, spec: ModelSpec) -> None:
        self._features = spec.features
        self._names = tuple(feature.name for feature in spec.features)
        self._profiled = [(place, f) for place, f in enumerate(spec.features) if not f.personal]
        self._task = spec.task
        self._predictions = PredictionReader(spec)

    def blocks(self, lines: Iterable[bytes], block_rows: int = BLOCK_ROWS) -> Iterator[Block]:
        """Typed columns of the records in `lines`, streamed: at most one block is held at a time."""
        inputs: list[Sequence[object]] = []
        outputs: list[Prediction] = []
        unreadable: list[Unreadable] = []
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = self.record(line)
            except CaptureError as error:
                unreadable.append(Unreadable(number, str(error), line))
                continue
            inputs.extend(record.inputs)
            outputs.extend(record.outputs or ())
            if len(inputs) >= block_rows:
                yield self._block(inputs, outputs, unreadable)
                inputs, outputs, unreadable = [], [], []
        if inputs or unreadable:
            yield self._block(inputs, outputs, unreadable)

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
        for place in ("endpointOutput", "batchTransformOutput"):
            if place in data:
                outputs = self._predictions.read_all(payload.rows(data[place], place), len(inputs), place)
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

    def _block(self, inputs: list[Sequence[object]], outputs: list[Prediction], unreadable: list[Unreadable]) -> Block:
        return Block(len(inputs), self.feature_columns(inputs), prediction_columns(self._task, outputs), unreadable)

    def feature_columns(self, rows: Sequence[Sequence[object]]) -> dict[str, Column]:
        """Typed columns of raw rows: the features that profiles may hold."""
        raw = list(zip(*rows, strict=True)) or [()] * len(self._features)
        return {feature.name: column(feature.kind, raw[place]) for place, feature in self._profiled}


def prediction_kinds(task: Task) -> dict[str, Kind]:
    """The columns that a model's predictions are profiled as."""
    if task is Task.REGRESSION:
        return {PREDICTED_VALUE: Kind.NUMBER}
    return {PREDICTED_LABEL: Kind.CATEGORY, PREDICTED_SCORE: Kind.NUMBER}


def prediction_columns(task: Task, predictions: Sequence[Prediction]) -> dict[str, Column]:
    """Typed columns of predictions."""
    scores = number_column([prediction.score for prediction in predictions])
    if task is Task.REGRESSION:
        return {PREDICTED_VALUE: scores}
    labels: CategoryColumn = category_column([prediction.label for prediction in predictions])
    return {PREDICTED_LABEL: labels, PREDICTED_SCORE: scores}


def profiled_kinds(features: Iterable[Feature]) -> dict[str, Kind]:
    """Name and kind of each feature that a profile holds."""
    return {feature.name: feature.kind for feature in features if not feature.personal}


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
    except ValueError:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
