"""One metric: its value, how sure it is, and what the best constant prediction reaches on the same labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Any


class Name(StrEnum):
    """The metrics, by the names that scikit-learn's users know."""

    ACCURACY = "accuracy"
    BALANCED_ACCURACY = "balanced_accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    SPECIFICITY = "specificity"
    F_BETA = "f_beta"
    MCC = "mcc"
    ROC_AUC = "roc_auc"
    WEIGHTED_ROC_AUC = "weighted_roc_auc"
    PR_AUC = "pr_auc"
    PRECISION_AT_K = "precision_at_k"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    CALIBRATION_ERROR = "calibration_error"
    CLASS_CALIBRATION_ERROR = "class_calibration_error"
    MACRO_PRECISION = "macro_precision"
    MACRO_F1 = "macro_f1"
    MAE = "mae"
    RMSE = "rmse"
    R2 = "r2"
    MAPE = "mape"
    BIAS = "bias"


LOWER_IS_BETTER = frozenset(
    {
        Name.LOG_LOSS,
        Name.BRIER,
        Name.CALIBRATION_ERROR,
        Name.CLASS_CALIBRATION_ERROR,
        Name.MAE,
        Name.RMSE,
        Name.MAPE,
    }
)


LEAST = 1e-300
"""In place of a loss of 0, whose logarithm is infinite."""


class Scale(StrEnum):
    """Where a metric's estimate is about normal, and its interval symmetric: bounds then stay where values may lie."""

    PLAIN = "plain"
    LOGIT = "logit"
    LOG = "log"
    FISHER = "fisher"
    """Fisher's z, for correlations."""
    COMPLEMENT = "complement"
    """Log of what is missing from 1, with its sign turned, for shares of explained variance."""

    def to(self, value: float) -> float:
        """A value on this scale; infinite at a bound."""
        if self is Scale.LOGIT:
            return math.log(value / (1 - value)) if 0 < value < 1 else math.copysign(math.inf, value - 0.5)
        if self is Scale.LOG:
            return math.log(value) if value > 0 else -math.inf
        if self is Scale.COMPLEMENT:
            return -math.log(1 - value) if value < 1 else math.inf
        if self is Scale.FISHER:
            return math.atanh(value) if abs(value) < 1 else math.copysign(math.inf, value)
        return value

    def back(self, value: float) -> float:
        """The value of a point on this scale."""
        if self is Scale.LOGIT:
            return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
        if self is Scale.LOG:
            return math.exp(min(value, 700.0))
        if self is Scale.COMPLEMENT:
            return 1 - math.exp(min(-value, 700.0))
        return math.tanh(value) if self is Scale.FISHER else value


@dataclass(frozen=True)
class Metric:
    """One metric of some rows.

    Attributes
    ----------
    value, low, high : None where it cannot be computed; `reason` says why
    n : rows that it rests on
    confidence : of the interval
    constant : what the best constant prediction reaches on the same labels; None where that says nothing
    hits : of a share of rows, the rows that count for it
    centre, error : estimate and standard error on `scale`, where the estimate is about normal; None of a share
    tolerance : by how much the value may differ from that of the rows themselves, which are counted in cells
    """

    name: Name
    value: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float
    constant: float | None = None
    hits: int | None = None
    centre: float | None = None
    error: float | None = None
    scale: Scale = Scale.PLAIN
    tolerance: float = 0.0
    reason: str = ""

    @property
    def higher_is_better(self) -> bool | None:
        """Which way is good; None of a bias, which is best at 0."""
        return None if self.name is Name.BIAS else self.name not in LOWER_IS_BETTER

    @property
    def beats_constant(self) -> bool | None:
        """Whether the whole interval is better than the best constant; None where there is none to compare with."""
        if self.low is None or self.high is None or self.constant is None or self.higher_is_better is None:
            return None
        return self.low > self.constant if self.higher_is_better else self.high < self.constant

    def to_document(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Metric:
        """Read what `to_document` wrote."""
        return cls(**{**document, "name": Name(document["name"]), "scale": Scale(document["scale"])})


def quantile(confidence: float) -> float:
    """The z of a two-sided normal interval."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share: inverts the score test, and holds its level for small n and rare hits."""
    z = quantile(confidence)
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return max(0.0, middle - half) if hits else 0.0, min(1.0, middle + half) if hits < n else 1.0


def share(name: Name, hits: int, n: int, confidence: float, constant: float | None = None, *, of: str) -> Metric:
    """A share of rows, with Wilson's interval; `of` says which rows, where there are none."""
    if not n:
        return unknown(name, n, confidence, f"there is no row {of}")
    low, high = wilson(hits, n, confidence)
    return Metric(name, hits / n, low, high, n, confidence, constant, hits=hits)


def estimate(
    name: Name,
    value: float,
    error: float,
    n: int,
    confidence: float,
    *,
    scale: Scale = Scale.PLAIN,
    at: float | None = None,
    constant: float | None = None,
    tolerance: float = 0.0,
) -> Metric:
    """A metric with a normal interval on a scale.

    Parameters
    ----------
    error : standard error on that scale
    at : where the interval is centred, if not at the value, which may lie at a bound of the scale
    """
    centre, half = scale.to(value if at is None else at), quantile(confidence) * error
    low, high = min(scale.back(centre - half), value), max(scale.back(centre + half), value)
    return Metric(
        name, value, low, high, n, confidence, constant, centre=centre, error=error, scale=scale, tolerance=tolerance
    )


def loss(name: Name, value: float, error: float, n: int, confidence: float, constant: float | None = None) -> Metric:
    """A mean that is never negative, with its standard error: normal on the scale of its logarithm."""
    inside = max(value, LEAST)
    return estimate(name, value, error / inside, n, confidence, scale=Scale.LOG, at=inside, constant=constant)


def unknown(name: Name, n: int, confidence: float, reason: str) -> Metric:
    """A metric that cannot be computed, and why."""
    return Metric(name, None, None, None, n, confidence, reason=reason)
