"""Labels of single rows as arrays: of each row the newest, in the order of ids.

Of two labels for one row the one that was collected later is true; of two collected at once the one in the object that
was written later. Both times belong to the label, not to whoever reads it: labels that come late, twice, corrected or
in any order come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.ids import Ids, unknown
from watchkeeper.spec import Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn, concatenate, taken

Truth: TypeAlias = CategoryColumn | NumberColumn
"""What turned out to be true, as `holdout.canonical_truth` spells it; missing (-1 or NaN) where it was withdrawn."""

UNLABELLED = -np.iinfo(np.int64).max
"""The time at which a row's label was collected that never had one."""


@dataclass(frozen=True)
class Labels:
    """Labels of rows, all arrays of one length, in ascending order of id and place; no row twice.

    Attributes
    ----------
    ids : of the requests
    places : int32, which of the request's rows, from 0
    sizes : int32, how many rows the label says its request has; 0 where it does not say
    collected : int64, when it became known, in microseconds since 1970
    orders : int64, which is newer of two that became known at once
    """

    ids: Ids
    places: NDArray[np.int32]
    sizes: NDArray[np.int32]
    collected: NDArray[np.int64]
    orders: NDArray[np.int64]
    truth: Truth

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls, task: Task) -> Labels:
        """No labels."""
        small, large = np.empty(0, np.int32), np.empty(0, np.int64)
        return cls(unknown(0), small, small, large, large, truths(task, ()))

    @classmethod
    def newest(cls, parts: Sequence[Labels]) -> Labels:
        """The newest label of each row, of all parts."""
        if len(parts) == 1 and parts[0].is_sorted:
            return parts[0]
        whole = cls(
            ids=np.concatenate([part.ids for part in parts]),
            places=np.concatenate([part.places for part in parts]),
            sizes=np.concatenate([part.sizes for part in parts]),
            collected=np.concatenate([part.collected for part in parts]),
            orders=np.concatenate([part.orders for part in parts]),
            truth=_truth(concatenate([part.truth for part in parts])),
        )
        order = np.lexsort((whole.orders, whole.collected, whole.places, whole.ids))
        ids, places = whole.ids[order], whole.places[order]
        last = np.ones(len(order), bool)
        last[:-1] = (ids[:-1] != ids[1:]) | (places[:-1] != places[1:])
        return whole.taken(order[last])

    @property
    def is_sorted(self) -> bool:
        """Whether the rows are in order, none of them twice."""
        ids, places = self.ids, self.places
        ascending = (ids[1:] > ids[:-1]) | ((ids[1:] == ids[:-1]) & (places[1:] > places[:-1]))
        return bool(np.all(ascending))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of the labels say something, and do not withdraw what was said."""
        if isinstance(self.truth, NumberColumn):
            return ~np.isnan(self.truth.values)
        return self.truth.codes >= 0

    def taken(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Labels:
        """Some of the labels."""
        return Labels(
            self.ids[rows],
            self.places[rows],
            self.sizes[rows],
            self.collected[rows],
            self.orders[rows],
            rows_of(self.truth, rows),
        )


def truths(task: Task, values: Iterable[str | None]) -> Truth:
    """Canonical labels as a column."""
    if task is Task.REGRESSION:
        return NumberColumn(np.array([np.nan if value is None else float(value) for value in values], np.float64))
    return CategoryColumn.of(list(values))


def rows_of(truth: Truth, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Truth:
    """Some rows of a column of labels."""
    return _truth(taken(truth, rows))


def _truth(column: Column) -> Truth:
    assert isinstance(column, CategoryColumn | NumberColumn)
    return column
