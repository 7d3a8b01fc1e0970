"""One row of a model's answer into its predicted label and score.

Answers come in many forms: `0.93`, `label,score`, a vector of probabilities, an object. Where the spec names a position
or a key, that is taken; otherwise the form tells, and every rule is written down in `PredictionReader`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from watchkeeper.capture.classes import ClassShares, is_distribution, is_number
from watchkeeper.cells import canonical_label, parse_category, parse_number
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import ModelSpec, Task

POSITIVE, NEGATIVE = "positive", "negative"
"""A binary model's labels, however the model spells them."""

LABEL_KEYS = ("label", "predicted_label", "prediction", "predicted_class", "class")
SCORE_KEYS = ("score", "probability", "probabilities", "scores", "value", "prediction", "predicted_value")


class Prediction(NamedTuple):
    """What the model said of one row.

    Attributes
    ----------
    label : None for regression or when missing; `positive` or `negative` for a binary model
    score : NaN when missing; the probability of the positive class (binary), of the predicted class (multiclass), or
        the predicted value (regression)
    shares : the probability of each class, in the order of the model's file; None where the answer holds none
    """

    label: str | None
    score: float
    shares: tuple[float, ...] | None = None


class PredictionReader:
    """Reads answers of one model.

    Without positions or keys in the spec, an answer of several numbers that add up to 1 is a vector of probabilities
    (of two for a binary model: the second is the positive class); `a,b` is label and score, or score and label when
    only the first is a number; a single number is the score, except for a multiclass model, where it is the label.
    Where the spec names classes, probabilities are theirs: see `watchkeeper.capture.classes`.
    """

    def __init__(self, spec: ModelSpec) -> None:
        self._task = spec.task
        self._output = spec.output
        self._positive = canonical_label(spec.label.positive)
        self._classes = ClassShares(spec.output) if spec.output.classes else None

    def read_all(self, rows: Sequence[object], expected: int, place: str = "endpointOutput") -> list[Prediction]:
        """The predictions of a body's rows, one for each of the request's `expected` rows.

        Raises
        ------
        RefusedError
            There are more or fewer answers than rows, or an answer is of no known form.
        """
        if len(rows) == 1 and expected > 1 and isinstance(rows[0], list) and len(rows[0]) == expected:
            rows = rows[0]  # one line or list that holds a single value for each row
        elif expected == 1 and len(rows) > 1 and not any(isinstance(row, list | Mapping) for row in rows):
            rows = [rows]  # a flat list that answers a single row
        if len(rows) != expected:
            raise RefusedError(
                Reason.ROWS_AND_ANSWERS,
                f"{place} holds {len(rows)} answers to {expected} rows; answer every row of a request, in its order.",
            )
        return [self.read(row, place) for row in rows]

    def read(self, row: object, place: str = "endpointOutput") -> Prediction:
        """The prediction of one row."""
        try:
            if self._classes is not None and (shares := self._classes.find(row, place)) is not None:
                return Prediction(*self._classes.said(self._label_beside(row), shares), shares)
            label, score = self._from_object(row) if isinstance(row, Mapping) else self._from_values(row)
            return self._complete(label, score)
        except (ValueError, LookupError, TypeError) as error:
            raise RefusedError(
                Reason.ANSWER_FORM,
                f"{place} holds an answer of no known form ({type(error).__name__}, {type(row).__name__}); name the "
                "position or key of label and score in the model's output section.",
            ) from error

    def _from_object(self, row: Mapping[str, object]) -> tuple[object, object]:
        label = self._named(row, self._output.label, LABEL_KEYS)
        score = self._named(row, self._output.score, SCORE_KEYS)
        if label is None and score is None:
            raise KeyError("no label and no score")
        if isinstance(score, list):
            return self._from_vector(score, label)
        if self._output.score is None and score is label and self._task is not Task.REGRESSION:
            score = None  # {"prediction": …} alone is a label
        return label, score

    def _label_beside(self, row: object) -> str | None:
        """The label that an answer holds beside the probabilities of classes."""
        name = self._output.label
        if isinstance(row, Mapping):
            usual = (key for key in LABEL_KEYS if key not in self._output.classes)  # the row may be an object by class
            found = self._named(row, name, [key for key in usual if not isinstance(row.get(key), list | Mapping)])
        else:
            found = row[int(name)] if isinstance(row, list) and name is not None else None
        text = parse_category(found)
        return None if text is None else canonical_label(text)

    @staticmethod
    def _named(row: Mapping[str, object], name: int | str | None, usual: Sequence[str]) -> object:
        if name is not None:
            return row[str(name)]
        return next((row[key] for key in usual if key in row), None)

    def _from_values(self, row: object) -> tuple[object, object]:
        values = row if isinstance(row, list) else [row]
        label, score = self._output.label, self._output.score
        if label is not None or score is not None:
            return (
                values[int(label)] if label is not None else None,
                values[int(score)] if score is not None else None,
            )
        if len(values) == 1:
            return self._from_single(values[0])
        if self._task is Task.REGRESSION:
            return None, values[0]
        if is_distribution(values) and (len(values) > 2 or self._task is Task.BINARY):
            return self._from_vector(values, None)
        if len(values) == 2:
            first_only = is_number(values[0]) and not is_number(values[1])
            return (values[1], values[0]) if first_only else (values[0], values[1])
        raise ValueError("neither probabilities nor label and score")

    def _from_single(self, value: object) -> tuple[object, object]:
        if self._task is Task.MULTICLASS or (self._task is Task.BINARY and not is_number(value)):
            return value, None
        return None, value

    def _from_vector(self, values: Sequence[object], label: object) -> tuple[object, object]:
        shares = [parse_number(value) for value in values]
        if self._task is Task.BINARY:
            return label, shares[-1]
        best = max(range(len(shares)), key=shares.__getitem__)
        return (str(best) if label is None else label), shares[best]

    def _complete(self, label: object, score: object) -> Prediction:
        number = math.nan if score is None else parse_number(score)
        if self._task is Task.REGRESSION:
            return Prediction(None, number)
        text = parse_category(label)
        if self._task is Task.MULTICLASS:
            return Prediction(None if text is None else canonical_label(text), number)
        if text is None and math.isnan(number):
            return Prediction(None, number)
        positive = number >= self._output.threshold if text is None else canonical_label(text) == self._positive
        return Prediction(POSITIVE if positive else NEGATIVE, number)
