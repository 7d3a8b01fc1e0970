"""How well scores rank positives above negatives, from counts over cells in the order of the scores.

Rows of one cell count as tied. So each number here is exactly that of the rows with their scores rounded to cells, and
its `bound` says by how much the rows' own could differ at most, whatever their order within the cells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from watchkeeper.profile.layout import Floats


class Ranked(NamedTuple):
    """A number, its standard error, and how far the rows' own may lie from it."""

    value: float
    error: float
    bound: float


def roc_auc(negatives: Floats, positives: Floats) -> Ranked:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties half.

    The error is DeLong's (1988): rows of one cell have the same structural component, so cells suffice. The bound is
    Σ n⁺ᵢn⁻ᵢ/2 over N⁺N⁻: pairs within a cell count as half, and are at worst all right or all wrong.

    Parameters
    ----------
    negatives, positives : rows of each cell, ascending by score; at least one of either
    """
    total_negative, total_positive = negatives.sum(), positives.sum()
    below = (np.cumsum(negatives) - negatives / 2) / total_negative  # of each positive row: the share it beats
    above = 1 - (np.cumsum(positives) - positives / 2) / total_positive
    value = float(positives @ below / total_positive)
    spread_positive = float(positives @ np.square(below - value)) / max(total_positive - 1, 1) / total_positive
    spread_negative = float(negatives @ np.square(above - value)) / max(total_negative - 1, 1) / total_negative
    bound = float(negatives @ positives) / 2 / (total_negative * total_positive)
    return Ranked(value, math.sqrt(spread_positive + spread_negative), bound)


def hanley(area: float, negatives: float, positives: float) -> float:
    """Standard error of an area from its size alone, for scores exponential by class (Hanley & McNeil 1982)."""
    of_positives = area / (2 - area) - area**2
    of_negatives = 2 * area**2 / (1 + area) - area**2
    spread = area * (1 - area) + (positives - 1) * of_positives + (negatives - 1) * of_negatives
    return math.sqrt(spread / (negatives * positives))


def average_precision(negatives: Floats, positives: Floats) -> Ranked:
    """Average precision, the area under the precision-recall curve as steps: Σ (Rᵢ − Rᵢ₋₁) Pᵢ, highest scores first.

    A cell counts as if its rows came in random order. The error is that of a logit interval (Boyd, Eng & Page 2013):
    1/√(N⁺ θ(1 − θ)), on the logit scale.
    """
    held = np.flatnonzero(negatives + positives)[::-1]
    hits, rows = positives[held], negatives[held] + positives[held]
    hits_before, rows_before = np.cumsum(hits) - hits, np.cumsum(rows) - rows
    total = float(hits.sum())
    mean = _mean_precision(hits, rows, hits_before, rows_before)
    value = float(hits @ mean) / total
    best = np.where(hits > 0, 1.0, 0.0)  # the cell's positives come first
    best = np.divide(hits_before + hits, rows_before + hits, out=best, where=rows_before + hits > 0)
    worst = np.divide(hits_before + 1, rows_before + rows - hits + 1)
    bound = float(hits @ np.maximum(best - mean, mean - np.minimum(worst, mean))) / total
    inside = min(max(value, 0.5 / total), 1 - 0.5 / total) if total > 1 else 0.5
    return Ranked(value, 1 / math.sqrt(total * inside * (1 - inside)), bound)


def _mean_precision(hits: Floats, rows: Floats, hits_before: Floats, rows_before: Floats) -> Floats:
    """Mean precision at the positives of a cell whose rows come in random order.

    The j-th row of a cell of n with k positives, if it is positive, follows (j − 1)r others on average, where r is
    (k − 1)/(n − 1). With a positives among the b rows of the cells before, precision is (a + 1 + (j − 1)r)/(b + j),
    averaged over j by harmonic sums.
    """
    others = np.divide(hits - 1, rows - 1, out=np.zeros_like(rows), where=rows > 1)
    harmonic = _harmonic(rows_before + rows) - _harmonic(rows_before)
    mean: Floats = np.clip(others + (hits_before + 1 - others * (rows_before + 1)) * harmonic / rows, 0.0, 1.0)
    return np.where(hits > 0, mean, 0.0)


def _harmonic(n: Floats) -> Floats:
    """1 + 1/2 + … + 1/n, by Euler's and Maclaurin's series from n = 8 on."""
    small = np.concatenate([[0.0], np.cumsum(1 / np.arange(1.0, 8.0))])
    large = np.maximum(n, 8.0)
    series = np.log(large) + np.euler_gamma + 1 / (2 * large) - 1 / (12 * large**2) + 1 / (120 * large**4)
    return np.where(n < 8, small[np.minimum(n, 7).astype(np.int64)], series)


def top(negatives: Floats, positives: Floats, k: int) -> float:
    """Positives among the k rows with the highest scores; of a cell that is cut, in proportion."""
    rows = (negatives + positives)[::-1]
    taken = np.clip(k - (np.cumsum(rows) - rows), 0, rows)
    shares = np.divide(taken, rows, out=np.zeros_like(rows), where=rows > 0)
    return float(positives[::-1] @ shares)
