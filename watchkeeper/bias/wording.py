"""A measurement in plain words."""

from __future__ import annotations

import math

from watchkeeper.bias.metric import Unit
from watchkeeper.bias.trials import Trial


def describe(trial: Trial, low: float | None, high: float | None) -> str:
    """What a metric says of a group: "sex Female (n = 812) is predicted positive 0.21 less often than Male; …"."""
    metric, value = trial.metric, trial.value
    group = f"{trial.comparison.facet} {trial.comparison.group} (n = {trial.n:,})"
    if value is None or low is None or high is None:
        return f"{group} against {trial.comparison.against}: {metric.short} is not measured, for {trial.lacking}"
    above = value >= metric.neutral or metric.unit is Unit.RATIO
    sign = 1 if above else -1
    ends = sorted((sign * low, sign * high))
    said = (metric.above if above else metric.below).format(x=told(sign * value))
    before = "" if trial.baseline is None else f" (baseline {told(sign * trial.baseline)})"
    small = f"; no verdict: {trial.small}" if trial.small else ""
    return f"{group} {said} {trial.comparison.against}; {told(ends[0])} to {told(ends[1])}{before}{small}"


def told(value: float) -> str:
    """A number as people read it: two digits behind the point, three where it is small."""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.3f}" if value else "0.00"
    return text.replace("-", "−")
