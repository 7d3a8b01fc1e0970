"""Metrics of predicted numbers: exact from sums, their errors from moments and histograms."""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.outcomes.regression import ABSOLUTE, ERROR, TRUTH, ErrorCounts
from watchkeeper.performance import metric
from watchkeeper.performance.measured import ErrorQuantiles
from watchkeeper.performance.metric import Metric, Name, Scale
from watchkeeper.profile import NumberProfile
from watchkeeper.profile.layout import Floats

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NO_VARIANCE = 1e-30
"""Of the truths, as a share of the squared errors: less is no scale to measure these by."""
_NEARLY_ONE = 1 - 1e-15
_FARTHEST = 1e60
"""Deviations that a value counts for in a fourth moment: sums were cut far below, and no power overflows."""
_NAMES = (Name.MAE, Name.RMSE, Name.R2, Name.BIAS)


def metrics(counts: ErrorCounts, confidence: float) -> list[Metric]:
    """Every metric of a regression."""
    n = counts.n
    if n < 2:
        reason = f"{n} row(s) with label and prediction: at least 2 are needed"
        return [metric.unknown(name, n, confidence, reason) for name in (*_NAMES, Name.MAPE)]
    mean, square = counts.error / n, counts.squares / n
    absolute, deviation = counts.absolute / n, math.sqrt(counts.truth_squares / n)
    truth = counts.histograms[TRUTH]
    of_absolute = math.sqrt(max(square - absolute**2, 0.0) / n)
    of_square = math.sqrt(_excess(counts.histograms[ABSOLUTE], 0.0, square) / n)
    spread = math.sqrt(max(square - mean**2, 0.0) / n)
    return [
        metric.loss(Name.MAE, absolute, of_absolute, n, confidence, _from_median(truth)),
        metric.loss(Name.RMSE, math.sqrt(square), math.sqrt(square) * of_square / 2, n, confidence, deviation),
        _explained(square, deviation**2, of_square, truth, n, confidence),
        metric.estimate(Name.BIAS, mean, spread, n, confidence, constant=0.0),
        _relative(counts, confidence),
    ]


def quantiles(counts: ErrorCounts) -> ErrorQuantiles | None:
    """Quantiles of the errors, interpolated in the bins of their histogram; None without errors."""
    profile = counts.histograms[ERROR]
    if not profile.present:
        return None
    return ErrorQuantiles(QUANTILES, tuple(quantile(profile, share) for share in QUANTILES))


def quantile(profile: NumberProfile, share: float) -> float:
    """A quantile, right to the width of a bin; beyond the baseline's range, the mean of what lies there."""
    counts, means, cuts = profile.counts, profile.bin_means(), profile.binning.cuts
    ends = np.cumsum(counts)
    place = int(np.searchsorted(ends, share * ends[-1], side="left"))
    if profile.binning.single or place == 0 or place >= len(cuts):
        return float(means[place])
    within = (share * ends[-1] - (ends[place] - counts[place])) / counts[place]
    return float(cuts[place - 1] + within * (cuts[place] - cuts[place - 1]))


def _explained(
    square: float, variance: float, of_square: float, truth: NumberProfile, n: int, confidence: float
) -> Metric:
    """R², 1 less the errors' share of the truths' squares.

    Of the logarithm of that share the error is √((v_e + v_t - 2 s v_e)/n) for the relative variances of squared errors
    and of squared truths, when errors do not depend on predictions: then squares of both vary together as the share s.
    """
    if variance <= square * _NO_VARIANCE:
        return metric.unknown(
            Name.R2, n, confidence, "all labels are the same, or next to the errors as good as the same"
        )
    share = square / variance
    of_truth = _excess(truth, truth.mean or 0.0, variance) / n
    of_errors = of_square**2
    error = math.sqrt(max(of_errors + of_truth - 2 * min(share, 1.0) * of_errors, of_errors / n))
    at = min(1 - share, _NEARLY_ONE)
    return metric.estimate(Name.R2, 1 - share, error, n, confidence, scale=Scale.COMPLEMENT, at=at, constant=0.0)


def _relative(counts: ErrorCounts, confidence: float) -> Metric:
    """Mean absolute error as a share of the truth, over the rows whose truth is not 0."""
    n, total, squares = counts.ratios
    if n < 2:
        return metric.unknown(Name.MAPE, n, confidence, f"{n} row(s) have a label other than 0: at least 2 are needed")
    mean = total / n
    error = math.sqrt(max(squares / n - mean**2, 0.0) / n)
    return metric.loss(Name.MAPE, mean, error, n, confidence)


def _excess(profile: NumberProfile, middle: float, square: float) -> float:
    """Relative variance of squared distances from the middle: their fourth moment over the square of `square`, less 1.

    The fourth moment is that of the bins' means, which in the outermost bins is a little less than the values' own.
    """
    if square <= 0:
        return 0.0
    counts, means = profile.counts, np.nan_to_num(profile.bin_means())
    away = np.minimum(np.abs(means - middle) / math.sqrt(square), _FARTHEST)
    fourth: Floats = np.square(np.square(away))
    return max(float(counts @ fourth) / max(profile.present, 1) - 1, 0.0)


def _from_median(truth: NumberProfile) -> float:
    """Mean distance of the truths from their median: what the best constant prediction is off by."""
    median, means = quantile(truth, 0.5), np.nan_to_num(truth.bin_means())
    return float(truth.counts @ np.abs(means - median)) / max(truth.present, 1)
