"""A window's outcomes against the baseline's: what fell, in which segments, and whether the world changed.

The alpha of the look is divided over three questions, by `METRICS`, `CONCEPT` and `SEGMENTS`. Metrics that fall mostly
fall together, so they are put together by the Cauchy combination, which does not mind; when that is evidence, each
metric that is significant by itself and fell by more than its floor is a finding.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.drift import budget, tails
from watchkeeper.drift.evidence import share_test
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes import Outcomes
from watchkeeper.performance import concept, segments
from watchkeeper.performance.findings import MetricFinding, PerformanceFindings, Verdict
from watchkeeper.performance.measure import DEFAULTS, MeasureSettings, measure
from watchkeeper.performance.measured import Performance
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.performance.settings import CompareSettings

METRICS, CONCEPT, SEGMENTS = 0.4, 0.4, 0.2
"""Shares of alpha."""
UNTESTED = frozenset({Name.CALIBRATION_ERROR, Name.CLASS_CALIBRATION_ERROR})
"""Grow with noise, so that a small window always looks worse: the test of concept drift asks the same, better."""


def compare(
    baseline: Outcomes,
    window: Outcomes,
    settings: CompareSettings | None = None,
    measuring: MeasureSettings = DEFAULTS,
) -> PerformanceFindings:
    """Compare the labelled rows of a window with the baseline's.

    Raises
    ------
    ProfileError
        They were counted over different bins.
    """
    settings = settings or CompareSettings()
    if baseline.binning.id != window.binning.id:
        raise ProfileError(
            f"The window's outcomes are over bins {window.binning.id!r}, the baseline's over {baseline.binning.id!r}: "
            "count the window's rows over the bins of its version's baseline."
        )
    before, after = measure(baseline, measuring), measure(window, measuring)
    task, binning = window.binning.task, window.binning.id
    if min(before.labelled, after.labelled) < settings.minimum_labelled:
        verdict = Verdict.INSUFFICIENT_DATA
        return PerformanceFindings(task, binning, window.rows, after.labelled, settings.alpha, verdict)
    metrics = _metrics(before, after, settings)
    fallen = segments.fallen(baseline, window, settings, SEGMENTS)
    drifted = concept.changed(baseline, window, settings, CONCEPT)
    return PerformanceFindings(
        task=task,
        binning=binning,
        rows=window.rows,
        labelled=after.labelled,
        alpha=settings.alpha,
        verdict=_verdict(any(each.fell for each in metrics) or bool(fallen), drifted.changed),
        metrics=metrics,
        fallen=fallen,
        weakest=segments.weakest(window, settings),
        concept=drifted,
        tested_segments=segments.count_tested(baseline, window, settings),
    )


def _verdict(worse: bool, drifted: bool) -> Verdict:
    if worse:
        return Verdict.WORSE
    return Verdict.CONCEPT_DRIFT if drifted else Verdict.GOOD


def _metrics(before: Performance, after: Performance, settings: CompareSettings) -> tuple[MetricFinding, ...]:
    pairs = [
        (old, new)
        for old, new in ((old, after[old.name]) for old in before.metrics)
        if old.value is not None and new.value is not None and old.name not in UNTESTED
    ]
    p = np.array([p_value(old, new, settings.overdispersion) for old, new in pairs])
    together = budget.p_value(float(budget.tangent(p).mean())) if len(p) else 1.0
    floors = [_floor(old, before, settings) for old, _ in pairs]
    return tuple(
        _finding(old, new, own, together, floor, settings.alpha)
        for (old, new), own, floor in zip(pairs, p.tolist(), floors, strict=True)
    )


def _floor(metric: Metric, before: Performance, settings: CompareSettings) -> float:
    """The fall that matters, in the metric's unit; of a bias, a part of the root mean squared error."""
    assert metric.value is not None
    if metric.name is Name.BIAS:
        return settings.relative_floors.get(Name.BIAS, 0.0) * abs(before[Name.RMSE].value or 0.0)
    absolute = settings.floors.get(metric.name)
    return settings.relative_floors.get(metric.name, 0.0) * abs(metric.value) if absolute is None else absolute


def p_value(before: Metric, after: Metric, overdispersion: float = 1.0) -> float:
    """One-sided p that a metric became worse: of shares Fisher's (mid-p), of others a z on the metric's own scale."""
    assert before.value is not None is not after.value
    if before.hits is not None and after.hits is not None:
        both = share_test(after.hits, after.n, before.hits, before.n, overdispersion)
        return both / 2 if after.value < before.value else 1 - both / 2
    assert before.centre is not None is not after.centre
    assert before.error is not None is not after.error
    rise = after.centre - before.centre
    spread = math.sqrt((before.error**2 + after.error**2) * overdispersion)
    z = rise / spread if spread > 0 else math.copysign(math.inf, rise) if rise else 0.0
    if after.higher_is_better is None:
        return float(2 * tails.normal(abs(z)))
    return float(tails.normal(-z if after.higher_is_better else z))


def _finding(before: Metric, after: Metric, own: float, together: float, floor: float, alpha: float) -> MetricFinding:
    assert before.value is not None is not after.value
    rise = after.value - before.value
    fall = -rise if after.higher_is_better else rise
    if after.higher_is_better is None:
        fall = abs(after.value) - abs(before.value)
    corrected = min(1.0, max(own, together) / METRICS)
    return MetricFinding(
        name=after.name,
        before=before.value,
        after=after.value,
        fall=fall,
        floor=floor,
        n=after.n,
        p_value=own,
        corrected_p=corrected,
        fell=corrected < alpha and fall > floor,
        summary=f"{after.name} {before.value:.4g} → {after.value:.4g} ({_bounds(after)}, n = {after.n:,})",
    )


def _bounds(metric: Metric) -> str:
    return f"{metric.low:.4g} to {metric.high:.4g} at {metric.confidence:.0%}"
