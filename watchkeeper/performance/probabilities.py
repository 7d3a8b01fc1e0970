"""Metrics of scores: as a ranking, and where they are probabilities, of what they claim."""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.drift.evidence import coarse_groups
from watchkeeper.outcomes import fixed, grid
from watchkeeper.outcomes.classification import ScoreCounts
from watchkeeper.outcomes.scored import NO, YES
from watchkeeper.performance import metric, ranking
from watchkeeper.performance.metric import Metric, Name, Scale
from watchkeeper.profile.layout import Floats

MOST_BEYOND = 0.01
"""Share of the labelled rows whose score may lie outside 0–1 before scores as a whole count as a mere ranking."""
_FEW = 30
_NO_SCORE = "no labelled row has a score"


def of_ranking(counts: ScoreCounts, top_share: float, confidence: float) -> list[Metric]:
    """Metrics of the scores' order alone: they hold for margins as for probabilities."""
    negatives, positives = (counts.histogram[code, : grid.CELLS].astype(np.float64) for code in (NO, YES))
    n, hits = int(negatives.sum() + positives.sum()), int(positives.sum())
    names = (Name.ROC_AUC, Name.PR_AUC, Name.PRECISION_AT_K)
    if not n or hits in (0, n):
        reason = "the labels of the scored rows are all of one class" if n else _NO_SCORE
        return [metric.unknown(name, n, confidence, reason) for name in names]
    area, precision = ranking.roc_auc(negatives, positives), ranking.average_precision(negatives, positives)
    k = max(1, round(top_share * n))
    return [
        _area(area, n - hits, hits, confidence),
        metric.estimate(
            Name.PR_AUC,
            precision.value,
            precision.error,
            n,
            confidence,
            scale=Scale.LOGIT,
            at=min(max(precision.value, 0.5 / (hits + 1)), 1 - 0.5 / (hits + 1)),
            constant=hits / n,
            tolerance=precision.bound,
        ),
        metric.share(
            Name.PRECISION_AT_K, round(ranking.top(negatives, positives, k)), k, confidence, hits / n, of="at the top"
        ),
    ]


def _area(area: ranking.Ranked, negatives: int, positives: int, confidence: float) -> Metric:
    """The area with its interval, by DeLong's error; of few rows of the rarer class, by the larger of two errors.

    A few positives that happen to lie close together have too small an error of DeLong's, and a perfect ranking has
    none: there Hanley and McNeil's of an area with half a row gone wrong is the larger.
    """
    rarer = min(negatives, positives)
    inside = min(max(area.value, 0.5 / (rarer + 1)), 1 - 0.5 / (rarer + 1))
    error = area.error
    if rarer < _FEW or not error:
        error = max(error, ranking.hanley(inside, negatives, positives))
    return metric.estimate(
        Name.ROC_AUC,
        area.value,
        error / (inside * (1 - inside)),
        negatives + positives,
        confidence,
        scale=Scale.LOGIT,
        at=inside,
        constant=0.5,
        tolerance=area.bound,
    )


def of_probabilities(counts: ScoreCounts, bins: int, confidence: float) -> list[Metric]:
    """Metrics of scores as probabilities."""
    negatives, positives = counts.probable.astype(np.float64)
    n, hits = int(negatives.sum() + positives.sum()), float(positives.sum())
    names = (Name.LOG_LOSS, Name.BRIER, Name.CALIBRATION_ERROR)
    scored = n + counts.beyond
    if not n or counts.beyond > MOST_BEYOND * scored:
        reason = (
            f"{counts.beyond} of {scored} labelled scores lie outside 0–1: they rank rows, and are no probabilities"
        )
        return [metric.unknown(name, n, confidence, reason if counts.beyond else _NO_SCORE) for name in names]
    rows = negatives + positives
    means = np.divide(counts.score_sums, rows, out=grid.MIDDLES[grid.PROBABILITIES].copy(), where=rows > 0)
    prior = hits / n
    losses = -np.log(np.clip(np.stack([1 - means, means]), fixed.LEAST_PROBABILITY, 1.0))
    squares = np.square(np.stack([means, 1 - means]))
    both = np.stack([negatives, positives])
    return [
        _mean(Name.LOG_LOSS, counts.log_loss / n, losses, both, confidence, _entropy(prior)),
        _mean(Name.BRIER, counts.squared_error / n, squares, both, confidence, prior * (1 - prior)),
        calibration_error(rows, positives, counts.score_sums, bins, confidence),
    ]


def _mean(name: Name, value: float, losses: Floats, rows: Floats, confidence: float, constant: float) -> Metric:
    """A mean loss; its variance is that of the cells' losses."""
    n = float(rows.sum())
    variance = float((rows * np.square(losses)).sum()) / n - (float((rows * losses).sum()) / n) ** 2
    error = math.sqrt(max(variance, 0.0) / n)
    return metric.loss(name, value, error, int(n), confidence, constant)


def calibration_error(rows: Floats, positives: Floats, sums: Floats, bins: int, confidence: float) -> Metric:
    """Expected calibration error: Σ over bins of equal mass of |positives − scores added up|, over all rows.

    Noise alone makes it larger than 0: with s_b the deviation of a bin's positives, by √(2/π)Σs_b at most, when all
    bins are calibrated; it never makes it smaller on average. So the interval is [value - √(2/π)Σs_b - zs, value + zs]
    with s² = Σs_b², which holds more often than it says.
    """
    groups = coarse_groups(rows[None, :], bins)[0]
    n, k, claimed = (np.bincount(groups, part, bins) for part in (rows, positives, sums))
    total = float(n.sum())
    value = float(np.abs(k - claimed).sum()) / total
    share = (k + 0.5) / (n + 1)
    variances = n * share * (1 - share)
    half = metric.quantile(confidence) * math.sqrt(float(variances.sum())) / total
    noise = math.sqrt(2 / math.pi) * float(np.sqrt(variances).sum()) / total
    low, high = max(value - noise - half, 0.0), min(value + half, 1.0)
    return Metric(Name.CALIBRATION_ERROR, value, low, high, int(total), confidence, constant=0.0)


def _entropy(share: float) -> float:
    """Log loss of the constant prediction of the share itself."""
    return sum(-part * math.log(part) for part in (share, 1 - share) if part > 0)
