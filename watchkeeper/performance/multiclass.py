"""Metrics of several classes: macro averages over the classes, each against the rest."""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.outcomes.classes import ClassCounts, middles
from watchkeeper.outcomes.classification import ScoreCounts
from watchkeeper.outcomes.scored import NO, YES
from watchkeeper.performance import decisions, metric, probabilities, ranking
from watchkeeper.performance.metric import Metric, Name, Scale
from watchkeeper.profile.layout import Floats, Integers

_RANKINGS = (Name.ROC_AUC, Name.WEIGHTED_ROC_AUC, Name.PR_AUC)
_OF_SHARES = (*_RANKINGS, Name.LOG_LOSS, Name.BRIER, Name.CLASS_CALIBRATION_ERROR)
_HALF = 0.5


def metrics(counts: ScoreCounts, classes: ClassCounts, bins: int, confidence: float) -> list[Metric]:
    """Every metric of a multiclass model."""
    right, wrong = (int(counts.decisions[code, YES]) for code in (YES, NO))
    confusion = classes.confusion
    n = right + wrong
    constant = max(confusion.sum(axis=1).tolist(), default=0) / n if n else None
    return [
        metric.share(Name.ACCURACY, right, n, confidence, constant, of=decisions.NO_LABEL),
        decisions.balanced_accuracy(confusion, confidence),
        *_macro(confusion, confidence),
        decisions.mcc(confusion, confidence),
        *_of_shares(classes, bins, confidence),
        *(
            each
            for each in probabilities.of_probabilities(counts, bins, confidence)
            if each.name is Name.CALIBRATION_ERROR
        ),
    ]


def _macro(confusion: Integers, confidence: float) -> list[Metric]:
    """Mean precision and mean F1 of the classes that are a label or a prediction; 0 where one is undefined."""
    held = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    counts = confusion[np.ix_(held, held)].astype(np.float64)
    n, names = int(counts.sum()), (Name.MACRO_PRECISION, Name.MACRO_F1)
    if len(counts) < 2:
        return [metric.unknown(name, n, confidence, "labels and predictions are all of one class") for name in names]
    found = []
    for name, by_class in zip(names, (_precisions, _f1), strict=True):
        value, _ = by_class(counts)
        _, slopes = by_class(counts + _HALF)
        error = math.sqrt(float(((counts + _HALF) * np.square(slopes)).sum()))
        inside = min(max(value, _HALF / (n + 1)), 1 - _HALF / (n + 1))
        found.append(
            metric.estimate(name, value, error / (inside * (1 - inside)), n, confidence, scale=Scale.LOGIT, at=inside)
        )
    return found


def _precisions(counts: Floats) -> tuple[float, Floats]:
    """Mean precision of the classes, and its slope in each count."""
    predicted = np.maximum(counts.sum(axis=0), _HALF)
    each = np.diagonal(counts) / predicted
    slopes = (np.eye(len(counts)) - each[None, :]) / predicted[None, :]
    return float(each.mean()), slopes / len(counts)


def _f1(counts: Floats) -> tuple[float, Floats]:
    """Mean F1 of the classes, and its slope in each count."""
    sizes = counts.sum(axis=0) + counts.sum(axis=1)
    each = 2 * np.diagonal(counts) / sizes
    per_row = each / sizes
    slopes = np.diag(2 / sizes) - per_row[:, None] - per_row[None, :]
    return float(each.mean()), slopes / len(counts)


def _of_shares(classes: ClassCounts, bins: int, confidence: float) -> list[Metric]:
    """What needs a probability of every class."""
    n = classes.rows
    if not n:
        known = "no labelled row has one" if classes.binning.shares else "the baseline's answers have none"
        reason = f"needs probabilities for every class that add up to 1, and {known}"
        return [metric.unknown(name, n, confidence, reason) for name in _OF_SHARES]
    counts = classes.scores.astype(np.float64)
    hits = counts[:, 1].sum(axis=1)
    prior = hits / n
    log_loss, squares = (total / n for total in classes.losses)
    given, at = counts[:, 1].sum(axis=0), np.maximum(middles(), 1e-15)
    missing = np.square(1 - at)
    entropy = float(-(prior[prior > 0] * np.log(prior[prior > 0])).sum())
    return [
        *_rankings(counts[(hits > 0) & (hits < n)], n, confidence),
        _mean(Name.LOG_LOSS, log_loss, -np.log(at), given, n, confidence, entropy),
        _mean(Name.BRIER, squares, missing, given, n, confidence, float(1 - np.square(prior).sum())),
        _calibration(counts, classes.sums, n, bins, confidence),
    ]


def _calibration(counts: Floats, sums: Floats, n: int, bins: int, confidence: float) -> Metric:
    """Mean calibration error of the classes, each against the rest; its interval is as if all erred together."""
    each = [
        probabilities.calibration_error(of_class.sum(axis=0), of_class[1], claimed, bins, confidence)
        for of_class, claimed in zip(counts, sums, strict=True)
    ]
    value, low, high = np.mean([(one.value, one.low, one.high) for one in each], axis=0).tolist()
    return Metric(Name.CLASS_CALIBRATION_ERROR, value, low, high, n, confidence, constant=0.0)


def _rankings(counts: Floats, n: int, confidence: float) -> list[Metric]:
    """Mean areas of each class against the rest; their errors as if all erred together, which they do not.

    `counts` are of the classes that have rows, and not all of them; the weights are these rows.
    """
    if not len(counts):
        return [metric.unknown(name, n, confidence, "the labels are all of one class") for name in _RANKINGS]
    areas = [ranking.roc_auc(others, own) for others, own in counts]
    precisions = [ranking.average_precision(others, own) for others, own in counts]
    rows = counts[:, 1].sum(axis=1)
    found = []
    for name, ranked, weights, constant in (
        (Name.ROC_AUC, areas, None, 0.5),
        (Name.WEIGHTED_ROC_AUC, areas, rows, 0.5),
        (Name.PR_AUC, precisions, None, float(rows.mean()) / n),
    ):
        value, error, bound = np.average(np.array(ranked), axis=0, weights=weights).tolist()
        inside = min(max(value, _HALF / (n + 1)), 1 - _HALF / (n + 1))
        if name is not Name.PR_AUC:
            error /= inside * (1 - inside)
        found.append(
            metric.estimate(
                name,
                value,
                error,
                n,
                confidence,
                scale=Scale.LOGIT,
                at=inside,
                constant=constant,
                tolerance=bound,
            )
        )
    return found


def _mean(name: Name, value: float, losses: Floats, rows: Floats, n: int, confidence: float, constant: float) -> Metric:
    """A mean loss; it varies as the loss at the true class's probability does, relative to its mean.

    `rows` are those whose class the answers know, by cell.
    """
    known = max(float(rows.sum()), 1.0)
    mean = max(float(rows @ losses) / known, metric.LEAST)
    spread = math.sqrt(max(float(rows @ np.square(losses)) / known - mean**2, 0.0) / known)
    return metric.loss(name, value, value * spread / mean, n, confidence, constant)
