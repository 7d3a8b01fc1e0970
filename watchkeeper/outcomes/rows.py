"""Predictions beside what turned out to be true: the rows that performance, bias and concept drift are counted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.table import CategoryColumn, Column, NumberColumn, concatenate, taken


@dataclass(frozen=True)
class Labelled:
    """Typed columns of some rows, all of the same length and in the same order; a row may be without a label.

    Attributes
    ----------
    features : the features that profiles may hold, by name
    predictions : as of `capture.Block`: predicted label ("positive" or "negative" for a binary model), score and
        confidence; the predicted value for regression
    truth : categories as training sets hold them (`holdout.TRUE` and `FALSE` for a binary model), -1 where there is no
        label; numbers for regression, NaN likewise
    shares : probability of each class (multiclass), float64 of shape (rows,), where answers hold them
    """

    rows: int
    features: Mapping[str, Column]
    predictions: Mapping[str, Column]
    truth: CategoryColumn | NumberColumn
    shares: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def together(cls, parts: Sequence[Labelled]) -> Labelled:
        """The rows of all parts, of which there is at least one, in order."""
        truth = concatenate([part.truth for part in parts])
        assert isinstance(truth, CategoryColumn | NumberColumn)
        return cls(
            rows=sum(part.rows for part in parts),
            features=_together([part.features for part in parts]),
            predictions=_together([part.predictions for part in parts]),
            truth=truth,
            shares={name: np.concatenate([part.shares[name] for part in parts]) for name in parts[0].shares},
        )

    def taken(self, rows: NDArray[np.intp]) -> Labelled:
        """Some of the rows, in the order given."""
        truth = taken(self.truth, rows)
        assert isinstance(truth, CategoryColumn | NumberColumn)
        return Labelled(
            rows=len(rows),
            features={name: taken(column, rows) for name, column in self.features.items()},
            predictions={name: taken(column, rows) for name, column in self.predictions.items()},
            truth=truth,
            shares={name: values[rows] for name, values in self.shares.items()},
        )


def _together(parts: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    return {name: concatenate([part[name] for part in parts]) for name in parts[0]}
