"""Metrics of resampled rows: both models on the same draws, so that what is hard for both cancels.

A draw is how often each row was drawn, with replacement; a metric takes many draws at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]
Draws: TypeAlias = NDArray[np.float64]
Metric: TypeAlias = Callable[[Values, Values, Draws], Values]
"""Of labels and answers, shape (rows,), and draws, shape (draws, rows): values of shape (draws,)."""

RESAMPLES = 1000
_CELLS = 4_000_000
"""Draws held at a time: 32 MB."""


def roc_auc(labels: Values, scores: Values, draws: Draws) -> Values:
    """Area under the ROC curve for each draw: the chance that a positive row scores above a negative one (ties half).

    Parameters
    ----------
    labels : 0 or 1, shape (n,)
    scores : shape (n,)
    draws : how often each row was drawn, shape (draws, n)

    Returns
    -------
    Shape (draws,); NaN where a draw lacks one of the classes.
    """
    order = np.argsort(scores, kind="stable")
    positive = draws[:, order] * labels[order]
    negative = draws[:, order] * (1 - labels[order])
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # rows of one score are one step of the curve
    positive, negative = np.add.reduceat(positive, starts, axis=1), np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    areas = np.full(len(draws), np.nan)
    np.divide((positive * below).sum(axis=1), pairs, out=areas, where=pairs > 0)
    return areas


def accuracy(labels: Values, predicted: Values, draws: Draws) -> Values:
    """Share of rows whose predicted class is the label, for each draw (classes as numbers)."""
    return _mean(np.asarray(labels == predicted, dtype=np.float64), draws)


def rmse(labels: Values, predicted: Values, draws: Draws) -> Values:
    """Root of the mean squared error, for each draw."""
    roots: Values = np.sqrt(_mean(np.square(labels - predicted), draws))
    return roots


METRICS: dict[str, Metric] = {"roc_auc": roc_auc, "accuracy": accuracy, "rmse": rmse}
LOWER_IS_BETTER = frozenset({"rmse"})


def whole(rows: int) -> Draws:
    """Every row once."""
    return np.ones((1, rows))


def resampled(statistic: Callable[[Draws], Values], rows: int, seed: int) -> Values:
    """A statistic of `RESAMPLES` draws of so many rows; memory does not grow with the number of draws."""
    generator = np.random.default_rng(seed)
    batch = max(1, min(RESAMPLES, _CELLS // rows))
    found = []
    for start in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - start)
        picks = generator.integers(rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        drawn = np.bincount(picks.ravel(), minlength=size * rows).reshape(size, rows)
        found.append(statistic(drawn.astype(np.float64)))
    return np.concatenate(found)


def _mean(values: Values, draws: Draws) -> Values:
    means: Values = draws @ values / draws.sum(axis=1)
    return means
