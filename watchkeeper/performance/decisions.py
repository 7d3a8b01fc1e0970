"""Metrics of decisions: the confusion matrix, whose counts are exact.

A metric made of several counts gets its error by the delta method. It is homogeneous of degree 0 in the counts, so that
the error is the same whether rows or counts are taken as given: Σ nᵢⱼ(∂/∂nᵢⱼ)².
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.performance import metric
from watchkeeper.performance.metric import Metric, Name, Scale
from watchkeeper.profile.layout import Floats, Integers

_HALF = 0.5
"""Added to each count for errors (Haldane's correction): a count of 0 or a perfect one is not known for sure."""
NO_LABEL = "with label and prediction"


def binary(confusion: Integers, beta: float, confidence: float) -> list[Metric]:
    """Metrics of [[TN, FP], [FN, TP]]."""
    (tn, fp), (fn, tp) = confusion.tolist()
    n = tn + fp + fn + tp
    positive = tp + fn
    prevalence = positive / n if n else None
    return [
        accuracy(confusion, confidence),
        balanced_accuracy(confusion, confidence),
        metric.share(Name.PRECISION, tp, tp + fp, confidence, prevalence, of="predicted positive"),
        metric.share(Name.RECALL, tp, positive, confidence, of="with a positive label"),
        metric.share(Name.SPECIFICITY, tn, n - positive, confidence, of="with a negative label"),
        f_beta(tp, fp, fn, n, beta, confidence),
        mcc(confusion, confidence),
    ]


def accuracy(confusion: Integers, confidence: float) -> Metric:
    """Share of right predictions; the best constant always predicts the most frequent class."""
    n = int(confusion.sum())
    constant = max(confusion.sum(axis=1).tolist()) / n if n else None
    return metric.share(Name.ACCURACY, int(np.trace(confusion)), n, confidence, constant, of=NO_LABEL)


def balanced_accuracy(confusion: Integers, confidence: float) -> Metric:
    """Mean of the classes' recalls, over the classes that have rows.

    The interval puts Wilson's of each recall together (MOVER; Zou & Donner 2008): it holds its level where a recall is
    near 1 or rests on few rows, as a normal interval does not.
    """
    rows, hits = confusion.sum(axis=1), np.diagonal(confusion)
    held = rows > 0
    n, classes = int(rows.sum()), int(held.sum())
    if classes < 2:
        return metric.unknown(Name.BALANCED_ACCURACY, n, confidence, _one_class(classes))
    recalls = hits[held] / rows[held]
    bounds = [metric.wilson(k, m, confidence) for k, m in zip(hits[held].tolist(), rows[held].tolist(), strict=True)]
    value = float(recalls.mean())
    low = value - math.sqrt(sum((r - a) ** 2 for r, (a, _) in zip(recalls, bounds, strict=True))) / classes
    high = value + math.sqrt(sum((b - r) ** 2 for r, (_, b) in zip(recalls, bounds, strict=True))) / classes
    smoothed = (hits[held] + 0.5) / (rows[held] + 1)
    error = math.sqrt(float((smoothed * (1 - smoothed) / rows[held]).sum())) / classes
    return Metric(
        Name.BALANCED_ACCURACY,
        value,
        max(low, 0.0),
        min(high, 1.0),
        n,
        confidence,
        1 / classes,
        centre=value,
        error=error,
    )


def f_beta(tp: int, fp: int, fn: int, n: int, beta: float, confidence: float) -> Metric:
    """(1 + β²)TP/((1 + β²)TP + β²FN + FP); the best constant always predicts positive.

    On the logit scale it is the log of a ratio of independent counts, with error² = 1/TP + (β⁴FN + FP)/(β²FN + FP)².
    """
    if not tp + fp + fn:
        return metric.unknown(Name.F_BETA, n, confidence, "no row is positive, by label or by prediction")
    weight, square = 1 + beta**2, beta**2
    value = weight * tp / (weight * tp + square * fn + fp)
    prevalence = (tp + fn) / n
    constant = weight * prevalence / (square * prevalence + 1) if prevalence else None
    if not tp or not fp + fn:
        tp, fp, fn = tp + _HALF, fp + _HALF, fn + _HALF  # type: ignore[assignment]
    missed = square * fn + fp
    error = math.sqrt(1 / tp + (square**2 * fn + fp) / missed**2)
    at = weight * tp / (weight * tp + missed)
    return metric.estimate(Name.F_BETA, value, error, n, confidence, scale=Scale.LOGIT, at=at, constant=constant)


def mcc(confusion: Integers, confidence: float) -> Metric:
    """Matthews' correlation of label and prediction, for any number of classes (Gorodkin's R_K, 2004)."""
    n = int(confusion.sum())
    held = confusion.sum(axis=0) + confusion.sum(axis=1) > 0
    counts = confusion[np.ix_(held, held)].astype(np.float64)
    value, _ = _correlation(counts)
    if math.isnan(value):
        return metric.unknown(Name.MCC, n, confidence, "labels or predictions are all of one class")
    at, slopes = _correlation(counts + _HALF)
    error = math.sqrt(float(((counts + _HALF) * np.square(slopes)).sum())) / (1 - at**2)
    return metric.estimate(Name.MCC, value, error, n, confidence, scale=Scale.FISHER, at=at, constant=0.0)


def _correlation(counts: Floats) -> tuple[float, Floats]:
    """R_K of a matrix of counts by label and prediction, and its slope in each count; NaN for one class."""
    rows, total, right = counts.sum(axis=1), counts.sum(), np.trace(counts)
    columns = counts.sum(axis=0)
    of_labels, of_predictions = total**2 - rows @ rows, total**2 - columns @ columns
    if of_labels <= 0 or of_predictions <= 0:
        return math.nan, np.zeros_like(counts)
    scale = math.sqrt(of_labels * of_predictions)
    value = (right * total - rows @ columns) / scale
    top = right + total * np.eye(len(counts)) - columns[:, None] - rows[None, :]
    slopes = top / scale - value * ((total - columns)[None, :] / of_predictions + (total - rows)[:, None] / of_labels)
    return float(value), slopes


def _one_class(classes: int) -> str:
    return f"there is no row {NO_LABEL}" if not classes else "the labels are all of one class"
