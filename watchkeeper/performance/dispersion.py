"""How much more the outcomes of hours vary than those of independent rows would: rows come in bursts.

Rows of one client or one campaign come together and turn out alike, so that a thousand may know as much as two hundred
independent ones; tests that take rows as independent then alarm on healthy windows. The outcomes of each hour are
compared with those of the next by Pearson's X². Its mean over its degrees of freedom is the overdispersion (Kish's
design effect, Rao and Scott's first-order correction), as far as dependence ends with an hour. Neighbours are compared,
and not all hours with their mean: a change within the window is what is looked for, and no noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from watchkeeper.outcomes import Outcomes
from watchkeeper.profile.layout import Floats

LEAST_PAIRS = 10
"""With fewer, the estimate is noise, and rows are taken as independent."""


def dispersion(hours: Sequence[Outcomes]) -> float:
    """For `CompareSettings.overdispersion`: of the labelled rows of consecutive hours; at least 1."""
    labelled = [hour for hour in hours if _labelled(hour)]
    if len(labelled) <= LEAST_PAIRS:
        return 1.0
    if labelled[0].binning.errors is not None:
        return max(1.0, _of_errors(labelled))
    return max(1.0, _of_decisions(labelled))


def _labelled(hour: Outcomes) -> int:
    return hour.errors.n if hour.binning.errors is not None else int(hour.scores.confusion.sum())


def _of_decisions(hours: Sequence[Outcomes]) -> float:
    """Of classifiers: rows by label and prediction, or labels given predictions, where these vary more."""
    counts: Floats = np.array([hour.scores.confusion for hour in hours], np.float64)
    together, given = _chi_squared(counts.reshape(len(counts), -1)), _chi_squared(counts.transpose(0, 2, 1))
    return max(together, given)


def _chi_squared(counts: Floats) -> float:
    """X² of neighbours over its freedom; counts of shape (hours, …, outcomes), each table of outcomes by itself."""
    tables = counts.reshape(len(counts), -1, counts.shape[-1])
    total, freedom = 0.0, 0
    for table in np.moveaxis(tables, 1, 0):
        kept = table[table.any(axis=1)][:, table.any(axis=0)]
        if len(kept) > 1 and kept.shape[1] > 1:
            n = kept.sum(axis=1, keepdims=True)
            squares = _weights(n) * np.square(np.diff(kept / n, axis=0)) / (kept.sum(axis=0) / kept.sum())
            total, freedom = total + float(squares.sum()), freedom + (len(kept) - 1) * (kept.shape[1] - 1)
    return total / freedom if freedom else 1.0


def _weights(n: Floats) -> Floats:
    """Of the difference between each hour's mean and the next's: one over its variance, but for that of a row."""
    weights: Floats = n[:-1] * n[1:] / (n[:-1] + n[1:])
    return weights


def _of_errors(hours: Sequence[Outcomes]) -> float:
    """Of regressions: mean errors and mean absolute errors, by their variance within the window."""
    errors = [hour.errors for hour in hours]
    n = np.array([each.n for each in errors], np.float64)
    sums = np.array([(each.error, each.absolute) for each in errors])
    squares = sum(each.squares for each in errors)
    variance = np.maximum(squares / n.sum() - np.square(sums.sum(axis=0) / n.sum()), 0.0)
    squared = (_weights(n[:, None]) * np.square(np.diff(sums / n[:, None], axis=0))).mean(axis=0)
    return float((squared[variance > 0] / variance[variance > 0]).max(initial=0.0))
