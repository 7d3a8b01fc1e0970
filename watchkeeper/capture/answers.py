"""Answers of many records at once: columns of CSV values into labels and scores.

What an answer means is written down in `watchkeeper.capture.prediction`, row by row. Here the same is done for columns
of rows, wherever that is certain; the rows where it is not are told, to be read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import Shares, predicted
from watchkeeper.capture.classes import DISTRIBUTION_TOLERANCE
from watchkeeper.capture.fields import Coded, Values, Wanted
from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.cells import canonical_label, parse_category, parse_number
from watchkeeper.spec import ModelSpec, Task
from watchkeeper.table import CategoryColumn, Column, parse_each

_Mask: TypeAlias = NDArray[np.bool_]
_ROUNDING = 1e-9
"""Sums this close to the tolerance are left to exact arithmetic."""


@dataclass(frozen=True)
class _Labels:
    """Labels of rows; -1 where there is none."""

    codes: NDArray[np.int32]
    names: tuple[str, ...]


class AnswerColumns:
    """Reads answers of one model that hold `width` values each.

    Raises
    ------
    ValueError
        The model's output section names a label, a score or classes that such answers do not have.
    """

    def __init__(self, spec: ModelSpec, width: int) -> None:
        self._task = spec.task
        self._classes = spec.output.classes
        self._threshold = spec.output.threshold
        self._positive = canonical_label(spec.label.positive)
        self._label, self._score = (_position(name, width) for name in (spec.output.label, spec.output.score))
        self._of_classes = bool(self._classes) and not self._named and width > 2
        if self._of_classes and width != len(self._classes):
            raise ValueError(f"there are {len(self._classes)} classes, and {width} values")
        self.wanted = self._wanted(width)

    def _wanted(self, width: int) -> tuple[Wanted, ...]:
        """How each of the values is to be read."""
        wanted = [Wanted.NOTHING] * width
        if self._named:
            if self._score is not None:
                wanted[self._score] = Wanted.NUMBERS
            if self._label is not None:
                wanted[self._label] = Wanted.TEXTS
        elif self._task is Task.REGRESSION:
            wanted[0] = Wanted.NUMBERS
        elif width == 1:
            wanted[0] = Wanted.TEXTS if self._task is Task.MULTICLASS else Wanted.NUMBERS
        elif width == 2:
            wanted = [Wanted.TEXTS, Wanted.NUMBERS]
        else:
            wanted = [Wanted.NUMBERS] * width
        return tuple(wanted)

    @property
    def _named(self) -> bool:
        return self._label is not None or self._score is not None

    def read(self, values: Sequence[Values | None], rows: int) -> tuple[dict[str, Column], _Mask]:
        """Columns of the predictions, and which rows of them are certain.

        Parameters
        ----------
        values : of each place of the answers, as `wanted`; None where nothing is
        """
        label: _Labels | None = None
        score, certain = np.full(rows, np.nan), np.ones(rows, bool)
        if self._named:
            if self._label is not None:
                label = _labels(_given(values, self._label))
            if self._score is not None:
                score, certain = _scores(_given(values, self._score))
        elif self._task is Task.REGRESSION:
            score, certain = _scores(_given(values, 0))
        elif len(values) == 1 and self._task is Task.MULTICLASS:
            label = _labels(_given(values, 0))
        elif len(values) == 1:
            score = _numbers(_given(values, 0))
            certain = ~np.isnan(score)  # what is no number is a label
        elif self._of_classes:
            label, score, certain = self._likeliest([_scores(_given(values, place)) for place in range(len(values))])
        elif len(values) == 2:
            label, score, certain = self._of_two(_given(values, 0), _given(values, 1))
        else:
            label, score, certain = self._of_many([_numbers(_given(values, place)) for place in range(len(values))])
        return self._complete(label, score), certain

    def _of_two(self, first: Values, second: Values) -> tuple[_Labels, NDArray[np.float64], _Mask]:
        """A label and a score, a score and a label, or two probabilities."""
        one, other = _numbers(first), _numbers(second)
        label, score, certain = _labels(first), other, ~np.isnan(other)
        if self._task is Task.BINARY:
            shares, sure = _distributions([one, other])
            label = _Labels(np.where(shares, np.int32(-1), label.codes), label.names)
            certain &= sure
        elif self._classes:
            shares, sure = _distributions([one, other])
            certain &= sure & ~shares  # they may be too few probabilities
        if isinstance(second, Coded):
            turned = ~np.isnan(one) & np.isnan(other)
            behind = _labels(second)
            shifted = np.where(behind.codes < 0, -1, behind.codes + len(label.names))
            label = _Labels(np.where(turned, shifted, label.codes).astype(np.int32), label.names + behind.names)
            score, certain = np.where(turned, one, score), certain | turned
        return label, score, certain

    def _of_many(self, numbers: Sequence[NDArray[np.float64]]) -> tuple[_Labels | None, NDArray[np.float64], _Mask]:
        """A probability for each class."""
        shares, sure = _distributions(numbers)
        if self._task is Task.BINARY:
            return None, numbers[-1], shares & sure
        table = np.stack(numbers)
        best = np.argmax(np.nan_to_num(table, nan=-np.inf), axis=0)
        labels = _Labels(best.astype(np.int32), tuple(map(str, range(len(numbers)))))
        return labels, table[best, np.arange(len(best))], shares & sure

    def _likeliest(
        self, read: Sequence[tuple[NDArray[np.float64], _Mask]]
    ) -> tuple[_Labels, NDArray[np.float64], _Mask]:
        """A probability for each class of the model's file."""
        table = np.stack([numbers for numbers, _ in read])
        best = np.argmax(np.where(np.isnan(table), -np.inf, table), axis=0)
        score = table[best, np.arange(table.shape[1])]
        codes = np.where(np.isnan(score), -1, best).astype(np.int32)
        return _Labels(codes, self._classes), score, np.stack([sure for _, sure in read]).all(axis=0)

    def shares(self, values: Sequence[Values | None], rows: int) -> Shares:
        """The probability of each class, of rows that are certain; NaN where such answers hold none."""
        if not self._of_classes:
            return {name: np.full(rows, np.nan) for name in self._classes}
        return {name: _scores(_given(values, place))[0] for place, name in enumerate(self._classes)}

    def _complete(self, label: _Labels | None, score: NDArray[np.float64]) -> dict[str, Column]:
        if self._task is Task.REGRESSION:
            return predicted(self._task, CategoryColumn.of(()), score)
        codes = np.full(len(score), -1, np.int32) if label is None else label.codes
        names = [] if label is None else [canonical_label(name) for name in label.names]
        if self._task is Task.BINARY:
            by_label = np.array([name == self._positive for name in names] + [False])[codes]
            positive = np.where(codes >= 0, by_label, score >= self._threshold)
            codes = np.where((codes < 0) & np.isnan(score), -1, positive).astype(np.int32)
            names = [NEGATIVE, POSITIVE]
        return predicted(self._task, CategoryColumn.coded(codes, names), score)


def _position(name: int | str | None, width: int) -> int | None:
    if name is None:
        return None
    position = int(name)
    if not -width <= position < width:
        raise ValueError(f"there is no value {position} among {width}")
    return position % width


def _given(values: Sequence[Values | None], place: int) -> Values:
    found = values[place]
    assert found is not None  # it was wanted
    return found


def _labels(values: Values) -> _Labels:
    assert isinstance(values, Coded)  # as it was wanted
    column = CategoryColumn.coded(values.codes, [parse_category(text) for text in values.levels])
    return _Labels(column.codes, column.levels)


def _scores(values: Values) -> tuple[NDArray[np.float64], _Mask]:
    """Numbers, NaN where missing; what is neither is not certain."""
    if not isinstance(values, Coded):
        return values, np.ones(len(values), bool)
    parsed, wrong = parse_each(parse_number, values.levels)
    return parsed[values.codes], ~wrong[values.codes]


def _numbers(values: Values) -> NDArray[np.float64]:
    """Numbers, NaN where there is none."""
    return _scores(values)[0]


def _distributions(numbers: Sequence[NDArray[np.float64]]) -> tuple[_Mask, _Mask]:
    """Which rows are probabilities that add up to 1, and of which that is sure despite rounding."""
    table = np.stack(numbers)
    bound = DISTRIBUTION_TOLERANCE * len(numbers)
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(table.sum(axis=0) - 1)
        return (table.min(axis=0) >= 0) & (error < bound), ~(np.abs(error - bound) <= _ROUNDING)
