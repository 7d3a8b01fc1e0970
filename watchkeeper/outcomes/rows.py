"""Predictions beside what turned out to be true: the rows that performance, bias and concept drift are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper.table import CategoryColumn, Column, NumberColumn


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
