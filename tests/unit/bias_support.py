"""Groups' confusion tables and labelled rows that tests of bias are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from watchkeeper.bias.sides import Side, Sides
from watchkeeper.outcomes import Labelled
from watchkeeper.table import CategoryColumn, Column, NumberColumn


class Confusion(NamedTuple):
    """One group's rows with a label and a prediction."""

    tp: int
    fn: int
    fp: int
    tn: int

    @property
    def cells(self) -> np.ndarray:
        """As counts keep it: by outcome of the label and of the prediction, unknown first."""
        return np.array([[0, 0, 0], [0, self.tn, self.fp], [0, self.fn, self.tp]])


def sides(a: Sequence[Confusion], d: Sequence[Confusion]) -> Sides:
    """Two groups, each as one table a stratum."""
    return Sides(*(Side(np.stack([table.cells for table in tables]).astype(float)) for tables in (a, d)))


def rows(groups: dict[str, Confusion], attribute: str = "sex") -> Labelled:
    """The rows of groups, group by group."""
    names, truth, predicted = [], [], []
    for name, table in groups.items():
        for count, label, answer in zip(table, "1100", ("positive", "negative") * 2, strict=True):
            names += [name] * count
            truth += [label] * count
            predicted += [answer] * count
    return labelled(truth, predicted, {attribute: CategoryColumn.of(names)})


def labelled(
    truth: Sequence[str | None], predicted: Sequence[str | None], features: dict[str, Column | list[float]]
) -> Labelled:
    """Rows of a binary model; lists become numbers."""
    columns = {
        name: NumberColumn(np.array(column, float)) if isinstance(column, list) else column
        for name, column in features.items()
    }
    answers = {"predicted label": CategoryColumn.of(predicted)}
    return Labelled(len(truth), columns, answers, CategoryColumn.of(truth))
