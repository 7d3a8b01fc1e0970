"""Champion and challenger before the gates: both models' answers to the same labelled rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import PREDICTED_LABEL, PREDICTED_SCORE, PREDICTED_VALUE
from watchkeeper.capture.prediction import POSITIVE
from watchkeeper.errors import DatasetError
from watchkeeper.holdout import TRUE
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn

Values = NDArray[np.float64]

_UNHEARD_OF = -2.0
"""A class that no label of the holdout has: it is an answer, and wrong."""


@dataclass(frozen=True)
class Answers:
    """One model's answers, float64 of shape (rows,); NaN where there is none.

    Attributes
    ----------
    decisions : the predicted class, numbered as the labels are; the predicted value of a regression
    scores : the probability of the positive class (binary), of the predicted class (multiclass); the predicted value
    """

    name: str
    decisions: Values
    scores: Values


@dataclass(frozen=True)
class Contest:
    """Rows that both models answered, in the same order.

    Attributes
    ----------
    champion_rows, challenger_rows : features and labels of both are the same
    """

    task: Task
    champion_rows: Labelled
    challenger_rows: Labelled

    def __post_init__(self) -> None:
        champion, challenger = self.champion_rows.rows, self.challenger_rows.rows
        if champion != challenger:
            raise DatasetError(
                f"The champion answered {champion} rows and the challenger {challenger}: every holdout row needs an "
                "answer of each. Look into the transform jobs' outputs."
            )
        if not champion:
            raise DatasetError("The holdout is empty: more labelled rows are needed.")

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.champion_rows.rows

    @property
    def features(self) -> Mapping[str, Column]:
        """The rows' features, by name."""
        return self.challenger_rows.features

    @cached_property
    def truth(self) -> Values:
        """Labels: 0 and 1 (binary), the class's number (multiclass), the value (regression); shape (rows,)."""
        truth = self.challenger_rows.truth
        if isinstance(truth, NumberColumn):
            return truth.values
        return _numbered(truth, self._classes)

    @cached_property
    def champion(self) -> Answers:
        """The serving model's answers."""
        return self._answers("champion", self.champion_rows)

    @cached_property
    def challenger(self) -> Answers:
        """The candidate's answers."""
        return self._answers("challenger", self.challenger_rows)

    @property
    def classifies(self) -> bool:
        """Whether the models answer with classes."""
        return self.task is not Task.REGRESSION

    @cached_property
    def _classes(self) -> dict[str, float]:
        truth = self.challenger_rows.truth
        assert isinstance(truth, CategoryColumn)  # a regression has no classes
        if self.task is Task.BINARY:
            return {name: float(name == TRUE) for name in truth.levels}
        return {name: float(place) for place, name in enumerate(truth.levels)}

    def _answers(self, name: str, rows: Labelled) -> Answers:
        if self.task is Task.REGRESSION:
            values = _numbers(rows.predictions[PREDICTED_VALUE])
            return Answers(name, values, values)
        label = rows.predictions[PREDICTED_LABEL]
        assert isinstance(label, CategoryColumn)
        binary = {level: float(level == POSITIVE) for level in label.levels}
        classes = binary if self.task is Task.BINARY else self._classes
        return Answers(name, _numbered(label, classes), _numbers(rows.predictions[PREDICTED_SCORE]))


def _numbers(column: Column) -> Values:
    assert isinstance(column, NumberColumn)
    return column.values


def _numbered(column: CategoryColumn, classes: Mapping[str, float]) -> Values:
    """The classes' numbers, NaN where there is no label."""
    numbers: Values = np.array([*(classes.get(name, _UNHEARD_OF) for name in column.levels), np.nan])
    return numbers[column.codes]  # -1, no label, is the last
