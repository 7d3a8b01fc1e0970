"""What a metric is computed from: the counts of a favoured and of a disfavoured group, and their shares.

Counts may have any further dimensions: one table of numbers, or thousands of random draws of it at once. Draws come
last, for sums then run along memory. All metrics are ratios of counts, so draws need not be scaled to the number of
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from watchkeeper.bias.positive import NEGATIVE_OUTCOME as NEGATIVE
from watchkeeper.bias.positive import POSITIVE_OUTCOME as POSITIVE

Floats: TypeAlias = NDArray[np.float64]


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """part/whole, where 0/0 is 0 and x/0 is infinite."""
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(part == 0, 0.0, part / whole)


def difference(first: Floats, second: Floats) -> Floats:
    """first − second, where equal infinities differ by 0."""
    with np.errstate(invalid="ignore"):
        return np.where(first == second, 0.0, first - second)


@dataclass(frozen=True)
class Side:
    """One group's counts.

    Attributes
    ----------
    cells : of shape (strata, 3, 3, …): by stratum, outcome of the label, outcome of the prediction
    """

    cells: Floats

    @cached_property
    def whole(self) -> Floats:
        """Of all strata, shape (3, 3, …)."""
        total: Floats = self.cells.sum(axis=0)
        return total

    @cached_property
    def rows(self) -> Floats:
        """All rows, with or without label and prediction."""
        total: Floats = self.whole.sum(axis=(0, 1))
        return total

    @cached_property
    def labels(self) -> Floats:
        """Rows with a negative and with a positive label, shape (2, …)."""
        total: Floats = self.whole[NEGATIVE:, :].sum(axis=1)
        return total

    @cached_property
    def predictions(self) -> Floats:
        """Rows predicted negative and predicted positive, shape (2, …)."""
        total: Floats = self.whole[:, NEGATIVE:].sum(axis=0)
        return total

    @property
    def labelled(self) -> Floats:
        """Rows with a label."""
        total: Floats = self.labels.sum(axis=0)
        return total

    @property
    def predicted(self) -> Floats:
        """Rows with a prediction."""
        total: Floats = self.predictions.sum(axis=0)
        return total

    @property
    def label_shares(self) -> Floats:
        """P: the shares of negative and of positive labels, shape (2, …)."""
        return ratio(self.labels, self.labelled)

    @property
    def label_share(self) -> Floats:
        """q: the share of positive labels."""
        return ratio(self.labels[1, ...], self.labelled)

    @property
    def predicted_share(self) -> Floats:
        """q′: the share predicted positive."""
        return ratio(self.predictions[1, ...], self.predicted)

    @property
    def true_negatives(self) -> Floats:
        """TN."""
        return self.whole[NEGATIVE, NEGATIVE, ...]

    @property
    def false_positives(self) -> Floats:
        """FP."""
        return self.whole[NEGATIVE, POSITIVE, ...]

    @property
    def false_negatives(self) -> Floats:
        """FN."""
        return self.whole[POSITIVE, NEGATIVE, ...]

    @property
    def true_positives(self) -> Floats:
        """TP."""
        return self.whole[POSITIVE, POSITIVE, ...]

    @property
    def judged(self) -> Floats:
        """Rows with both a label and a prediction."""
        return self.negatives + self.positives

    @property
    def negatives(self) -> Floats:
        """n⁽⁰⁾: negative labels of rows that have a prediction."""
        return self.true_negatives + self.false_positives

    @property
    def positives(self) -> Floats:
        """n⁽¹⁾: positive labels of rows that have a prediction."""
        return self.true_positives + self.false_negatives

    @property
    def predicted_negatives(self) -> Floats:
        """n′⁽⁰⁾: rows predicted negative that have a label."""
        return self.true_negatives + self.false_negatives

    @property
    def predicted_positives(self) -> Floats:
        """n′⁽¹⁾: rows predicted positive that have a label."""
        return self.true_positives + self.false_positives

    @property
    def recall(self) -> Floats:
        """TPR: the share of positives that are predicted positive."""
        return ratio(self.true_positives, self.positives)

    @property
    def fall_out(self) -> Floats:
        """FPR: the share of negatives that are predicted positive."""
        return ratio(self.false_positives, self.negatives)

    @property
    def specificity(self) -> Floats:
        """TNR: the share of negatives that are predicted negative."""
        return ratio(self.true_negatives, self.negatives)

    @property
    def strata_labels(self) -> Floats:
        """Rows with a negative and with a positive label in each stratum, shape (strata, 2, …)."""
        total: Floats = self.cells[:, NEGATIVE:, :].sum(axis=2)
        return total

    @property
    def strata_predictions(self) -> Floats:
        """Rows predicted negative and positive in each stratum, shape (strata, 2, …)."""
        total: Floats = self.cells[:, :, NEGATIVE:].sum(axis=1)
        return total


@dataclass(frozen=True)
class Sides:
    """The favoured group a and the disfavoured group d, side by side."""

    a: Side
    d: Side

    @classmethod
    def of(cls, cells: Floats, favoured: tuple[int, ...], disfavoured: tuple[int, ...]) -> Sides:
        """Of a facet's counts, shape (groups, strata, 3, 3, …), those of two sets of groups."""
        a, d = (reduce(np.add, (cells[place, ...] for place in places)) for places in (favoured, disfavoured))
        return cls(Side(a), Side(d))
