"""What reading captures yields: blocks of typed columns, and the records that could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.capture.keys import Keys, KeyShape
from watchkeeper.capture.prediction import Prediction
from watchkeeper.ids import Ids
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import Feature, Kind, Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn, category_column, concatenate

PREDICTED_LABEL = "predicted label"
PREDICTED_SCORE = "predicted score"
PREDICTED_VALUE = "predicted value"
CONFIDENCE = "confidence"


Shares: TypeAlias = Mapping[str, NDArray[np.float64]]
"""Of some rows the probability of each class, by its name; nothing where the model's file names no classes."""


def no_times() -> NDArray[np.int64]:
    """The times of no records."""
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Identities:
    """Whose rows are whose: of each captured record, in the order of the rows.

    Attributes
    ----------
    ids : by which ground truth names it: its inference id, else its event id
    sizes : how many rows it has
    """

    ids: Ids
    sizes: NDArray[np.int64]

    @property
    def nameless(self) -> int:
        """Rows of records without an id."""
        return int(self.sizes[self.ids == ids.NOTHING].sum())

    @classmethod
    def none(cls) -> Identities:
        """Those of no records."""
        return cls(ids.unknown(0), np.empty(0, np.int64))

    @classmethod
    def together(cls, parts: Sequence[Identities]) -> Identities:
        """Those of all parts, one after the other."""
        return cls(np.concatenate([part.ids for part in parts]), np.concatenate([part.sizes for part in parts]))


@dataclass(frozen=True)
class Unreadable:
    """A record that could not be read.

    Attributes
    ----------
    reason : why, for people
    raw : its bytes; of a record that is too long, the first ones
    kind : why, to be counted
    values : how many values the first wrong row has, where their number is what is wrong
    """

    line: int
    reason: str
    raw: bytes
    kind: Reason
    values: int | None = None

    @classmethod
    def of(cls, line: int, error: RefusedError, raw: bytes) -> Unreadable:
        """The record that the error refuses."""
        return cls(line, str(error), raw, error.reason, error.values)


@dataclass(frozen=True)
class Block:
    """Typed columns of some rows, in no order, and the records that could not be read on the way.

    Personal features are not in `features`. `predictions` has a row for each row of the features and in their order, or
    none at all: an answer need not be captured.

    Attributes
    ----------
    times : when each captured record that was read was answered (see `moments`); nothing of rows that are no captures
    keys : the keys of the rows that came as JSON objects
    identities : of the same records as `times`; None unless they were asked for
    shares : of the same rows as the predictions, if identities were asked for; NaN where an answer holds none
    """

    rows: int
    features: Mapping[str, Column]
    predictions: Mapping[str, Column]
    unreadable: Sequence[Unreadable] = ()
    times: NDArray[np.int64] = field(default_factory=no_times)
    keys: Keys = field(default_factory=dict)
    identities: Identities | None = None
    shares: Shares = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """Columns of rows that were read in one way. `predictions` is of the same rows, or None if none was answered."""

    rows: int
    features: Mapping[str, Column]
    predictions: Mapping[str, Column] | None
    times: NDArray[np.int64] = field(default_factory=no_times)
    keys: Keys = field(default_factory=dict)
    identities: Identities | None = None
    shares: Shares = field(default_factory=dict)


def assembled(parts: Iterable[Part], silent: Part, unreadable: Sequence[Unreadable]) -> Iterator[Block]:
    """The blocks of all parts: one of answered rows, one of rows without an answer, as far as there are such.

    Parameters
    ----------
    silent : no rows, with the predictions that such have
    """
    kinds: dict[bool, list[Part]] = {}
    for part in parts:
        if part.rows:
            kinds.setdefault(part.predictions is None, []).append(part)
    assert silent.predictions is not None
    if unreadable and not kinds:
        yield Block(0, silent.features, silent.predictions, unreadable)
    for alike in kinds.values():
        features = _together([part.features for part in alike])
        answers = [part.predictions for part in alike if part.predictions is not None]
        predictions = _together(answers) if answers else silent.predictions
        times = np.concatenate([part.times for part in alike])
        whose = [part.identities for part in alike if part.identities is not None]
        identities = Identities.together(whose) if len(whose) == len(alike) else None
        shares: Shares = {}
        if identities is not None:
            told = [part.shares for part in alike if part.predictions is not None] or [silent.shares]
            shares = {name: np.concatenate([each[name] for each in told]) for name in silent.shares}
        rows, keys = sum(part.rows for part in alike), _added(alike)
        yield Block(rows, features, predictions, unreadable, times, keys, identities, shares)
        unreadable = ()


def _added(parts: Sequence[Part]) -> Keys:
    total: Counter[KeyShape] = Counter()
    for part in parts:
        total.update(part.keys)
    return total


def _together(columns: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    return {name: concatenate([each[name] for each in columns]) for name in columns[0]}


def prediction_kinds(task: Task) -> dict[str, Kind]:
    """The columns that a model's predictions are profiled as."""
    if task is Task.REGRESSION:
        return {PREDICTED_VALUE: Kind.NUMBER}
    return {PREDICTED_LABEL: Kind.CATEGORY, PREDICTED_SCORE: Kind.NUMBER, CONFIDENCE: Kind.NUMBER}


def prediction_columns(task: Task, predictions: Sequence[Prediction]) -> dict[str, Column]:
    """Typed columns of predictions."""
    scores = np.fromiter((prediction.score for prediction in predictions), np.float64, len(predictions))
    return predicted(task, category_column([prediction.label for prediction in predictions]), scores)


def shares_of(classes: Sequence[str], predictions: Sequence[Prediction]) -> Shares:
    """The probabilities of classes that predictions hold."""
    if not classes:
        return {}
    unknown = (np.nan,) * len(classes)
    rows = [unknown if prediction.shares is None else prediction.shares for prediction in predictions]
    table = np.array(rows, np.float64).reshape(len(rows), len(classes))
    return dict(zip(classes, np.ascontiguousarray(table.T), strict=True))


def predicted(task: Task, labels: CategoryColumn, scores: NDArray[np.float64]) -> dict[str, Column]:
    """The columns of predictions out of labels and scores.

    The confidence is the share of the more probable class (binary) or the score itself (multiclass).
    """
    if task is Task.REGRESSION:
        return {PREDICTED_VALUE: NumberColumn(scores)}
    confidence = np.maximum(scores, 1 - scores) if task is Task.BINARY else scores
    return {PREDICTED_LABEL: labels, PREDICTED_SCORE: NumberColumn(scores), CONFIDENCE: NumberColumn(confidence)}


def profiled_kinds(features: Iterable[Feature]) -> dict[str, Kind]:
    """Name and kind of each feature that a profile holds."""
    return {feature.name: feature.kind for feature in features if not feature.personal}
