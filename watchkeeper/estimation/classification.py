"""Classifiers: expected labels over the cells of the score, and from these every metric that they determine.

This is confidence-based performance estimation from counts alone. A row of a score's cell is positive with the cell's
calibrated probability. Rows are split into predicted negative and predicted positive, and where features moved (see
`estimator`), the probabilities of each side are moved in log-odds, until they add up to what the features say.

An estimate's error has two parts, drawn together: replicates of what was learnt from the baseline, and labels drawn
from the probabilities of each. So an interval is for the metric as the window's own labels will give it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.settings import EstimateSettings
from watchkeeper.outcomes import Outcomes, fixed, grid
from watchkeeper.outcomes.scored import YES
from watchkeeper.performance import metric, ranking
from watchkeeper.performance.metric import Metric, Name, Scale
from watchkeeper.performance.probabilities import MOST_BEYOND
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.spec import Task

_FARTHEST_TILT = 2.0
"""Log-odds by which features may move the probabilities of a side at most."""
_HALVINGS = 24
_POINT_DRAWS = 100
Values: TypeAlias = Mapping[Name, Floats]
"""Metrics of several draws, each of shape (draws,); NaN where one cannot be computed."""


@dataclass(frozen=True)
class Expected:
    """Rows of a window by predicted label and cell of the score, and what share of them is positive.

    Attributes
    ----------
    rows : predicted negative and positive, shape (2, cells)
    chances : shape (1 + replicates, 2, cells); the first is the estimate
    """

    rows: Integers
    chances: Floats

    @classmethod
    def of(cls, window: Outcomes, estimator: Estimator) -> Expected:
        """From the counts of a window."""
        rows = split(window)
        chances = np.repeat(estimator.curves[:, None, : grid.CELLS], 2, axis=1)
        if estimator.additive.corrects:
            shares = window.sections["segment rows"] / max(window.rows, 1)
            chances = tilted(rows, chances, rows.sum() * estimator.additive.shift(shares))
        return cls(rows, chances)


def split(window: Outcomes) -> Integers:
    """Scored rows of each cell, predicted negative and positive, whether labelled or not: shape (2, cells).

    The highest scores are taken to be those predicted positive: cells are exact but for the one in which the threshold
    lies. `threshold_holds` says whether it is so.
    """
    rows = window.scores.histogram[:, : grid.CELLS].sum(axis=0)
    decided = window.scores.decisions.sum(axis=0)
    wanted = round(int(rows.sum()) * int(decided[YES]) / max(int(decided.sum()), 1))
    above = rows[::-1].cumsum()[::-1] - rows
    positive = np.clip(wanted - above, 0, rows)
    return np.stack([rows - positive, positive])


def tilted(rows: Integers, chances: Floats, shift: Floats) -> Floats:
    """Chances moved in log-odds, side by side, so that `shift` (draws, 2) more rows are positive: by bisection."""
    logits = np.log(chances) - np.log1p(-chances)
    wanted = (rows * chances).sum(axis=2) + shift
    low, high = np.full_like(shift, -_FARTHEST_TILT), np.full_like(shift, _FARTHEST_TILT)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        less = (rows / (1 + np.exp(-logits - middle[..., None]))).sum(axis=2) < wanted
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    moved: Floats = 1 / (1 + np.exp(-logits - ((low + high) / 2)[..., None]))
    return moved


def metrics(window: Outcomes, estimator: Estimator, settings: EstimateSettings) -> list[Metric]:
    """Every metric that can be estimated."""
    expected = Expected.of(window, estimator)
    n = int(expected.rows.sum())
    random = np.random.default_rng(settings.seed)
    chances = np.repeat(expected.chances[1:], settings.labels, axis=0)
    drawn = random.binomial(expected.rows, chances).astype(np.float64)
    point = (expected.rows * expected.chances[0])[None]
    if window.binning.task is Task.MULTICLASS:
        values = [_right(expected.rows, hits) for hits in (point, drawn)]
    else:
        probable = _beyond(expected.rows) <= MOST_BEYOND * n
        values = [_all(expected.rows, hits, settings.beta, probable) for hits in (point, drawn)]
        again = random.binomial(expected.rows, expected.chances[0], (_POINT_DRAWS, *expected.rows.shape))
        values[0] = {**values[0], Name.PR_AUC: _mean(_precision_areas(expected.rows, again.astype(np.float64)))}
    return [_metric(name, float(values[0][name][0]), values[1][name], n, settings) for name in values[0]]


def _beyond(rows: Integers) -> int:
    return int(rows.sum() - rows[:, grid.PROBABILITIES].sum())


def _right(rows: Integers, hits: Floats) -> Values:
    """Of a multiclass model, whose labels say whether the predicted class was right: accuracy."""
    return {Name.ACCURACY: hits.sum(axis=(1, 2)) / rows.sum()}


def _all(rows: Integers, hits: Floats, beta: float, probable: bool) -> Values:
    positive = hits.sum(axis=1)
    found = {
        **of_decisions(rows, hits, beta),
        Name.ROC_AUC: _each(rows, positive, lambda no, yes: ranking.roc_auc(no, yes).value),
        Name.PR_AUC: _precision_areas(rows, hits),
    }
    return {**found, **_of_probabilities(rows.sum(axis=0), positive)} if probable else found


def of_decisions(rows: Integers, hits: Floats, beta: float) -> Values:
    """Metrics of the confusion matrix.

    Parameters
    ----------
    hits : positive rows, shape (draws, 2, cells)
    """
    fn, tp = hits.sum(axis=2).T
    tn, fp = rows[0].sum() - fn, rows[1].sum() - tp
    n, weight = rows.sum(), 1 + beta**2
    recall, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    return {
        Name.ACCURACY: (tp + tn) / n,
        Name.BALANCED_ACCURACY: (recall + specificity) / 2,
        Name.PRECISION: _ratio(tp, tp + fp),
        Name.RECALL: recall,
        Name.SPECIFICITY: specificity,
        Name.F_BETA: _ratio(weight * tp, weight * tp + beta**2 * fn + fp),
        Name.MCC: _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))),
    }


def _of_probabilities(rows: Integers, positive: Floats) -> Values:
    scores = np.clip(grid.MIDDLES, fixed.LEAST_PROBABILITY, 1 - fixed.LEAST_PROBABILITY)
    negative, n = rows - positive, rows.sum()
    return {
        Name.LOG_LOSS: -(positive @ np.log(scores) + negative @ np.log1p(-scores)) / n,
        Name.BRIER: (positive @ np.square(1 - scores) + negative @ np.square(scores)) / n,
    }


def _precision_areas(rows: Integers, hits: Floats) -> Floats:
    return _each(rows, hits.sum(axis=1), lambda no, yes: ranking.average_precision(no, yes).value)


def _each(rows: Integers, positive: Floats, measure: Callable[[Floats, Floats], float]) -> Floats:
    """A measure of negative and positive rows by cell for each draw; NaN where all are of one class."""
    total = rows.sum(axis=0)
    held = total > 0
    both = [(total[held] - each[held], each[held]) for each in positive]
    return np.array([measure(no, yes) if no.sum() > 0 < yes.sum() else np.nan for no, yes in both])


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _mean(values: Floats) -> Floats:
    known = values[~np.isnan(values)]
    return np.array([known.mean() if len(known) else np.nan])


_LOSSES = frozenset({Name.LOG_LOSS, Name.BRIER})


def _metric(name: Name, value: float, draws: Floats, n: int, settings: EstimateSettings) -> Metric:
    """A metric with the interval that its draws spread over, normal on its scale."""
    if np.isnan(value) or np.isnan(draws).any():
        reason = "too few rows are to be expected of one of the labels, or are predicted as one"
        return metric.unknown(name, n, settings.confidence, reason)
    if name in _LOSSES:
        return metric.loss(name, value, float(draws.std(ddof=1)), n, settings.confidence)
    scale = Scale.FISHER if name is Name.MCC else Scale.LOGIT
    least = 0.5 / (n + 1)
    bounds = (-1 + least, 1 - least) if name is Name.MCC else (least, 1 - least)
    spread = np.array([scale.to(each) for each in np.clip(draws, *bounds).tolist()])
    at = float(np.clip(value, *bounds))
    return metric.estimate(name, value, float(spread.std(ddof=1)), n, settings.confidence, scale=scale, at=at)
