"""Rows of many records at once: columns of values into the columns of requests and of their answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.answers import AnswerColumns
from watchkeeper.capture.block import Part
from watchkeeper.capture.fields import Coded, Values, Wanted
from watchkeeper.spec import Feature, Kind, ModelSpec
from watchkeeper.table import Column, NumberColumn, coded_column, whole_numbers


class RowColumns:
    """Reads rows of one model whose answers hold `width` values each; None when they were not captured.

    Raises
    ------
    ValueError
        The model's output section names a label, a score or classes that such answers do not have.
    """

    def __init__(self, spec: ModelSpec, width: int | None) -> None:
        self._features = spec.features
        self._answers = None if width is None else AnswerColumns(spec, width)
        self.wanted = tuple(map(_wanted, spec.features))
        self.wanted_answers = () if self._answers is None else self._answers.wanted

    def read(
        self, features: Sequence[Values | None], answers: Sequence[Values | None], rows: int
    ) -> tuple[Part, NDArray[np.intp]]:
        """Columns of the rows that are certain, and which these are.

        Parameters
        ----------
        features, answers : as `wanted` and `wanted_answers`; None where nothing is
        """
        certain = np.ones(rows, bool)
        predictions = None
        if self._answers is not None:
            predictions, certain = self._answers.read(answers, rows)
            if not certain.all():
                features, answers = _selected(features, certain), _selected(answers, certain)
                rows = int(np.count_nonzero(certain))
                predictions, _ = self._answers.read(answers, rows)
        columns = {
            feature.name: _column(feature.kind, values)
            for feature, values in zip(self._features, features, strict=True)
            if values is not None
        }
        shares = {} if self._answers is None else self._answers.shares(answers, rows)
        return Part(rows, columns, predictions, shares=shares), np.flatnonzero(certain)


def _wanted(feature: Feature) -> Wanted:
    if feature.personal:
        return Wanted.NOTHING
    return Wanted.NUMBERS if feature.kind in (Kind.NUMBER, Kind.INTEGER) else Wanted.TEXTS


def _column(kind: Kind, values: Values) -> Column:
    if isinstance(values, Coded):
        return coded_column(kind, values.levels, values.codes)
    return whole_numbers(values) if kind is Kind.INTEGER else NumberColumn(values)


def _selected(values: Sequence[Values | None], rows: NDArray[np.bool_]) -> list[Values | None]:
    return [None if column is None else column[rows] for column in values]
