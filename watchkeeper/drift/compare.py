"""A window's profile against its baseline.

Every column gets one p-value (its tests combined), corrected over all columns by Holm's method, and held against the
alpha of one look: the false alarms a month that the user allows, over the looks a month. A column has drifted when its
corrected p is below alpha and one of the aspects that give the evidence is large enough to matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from watchkeeper.drift.aspects import Aspect
from watchkeeper.drift.columns import Pair, pair
from watchkeeper.drift.evidence import cauchy, holm
from watchkeeper.errors import BaselineError
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, ColumnBinning, ColumnProfile, Profile, TimeBinning
from watchkeeper.spec import DriftMonitor

SUSPECT_RATIO = 0.5
"""Features that drift less than half as much as the predictions do not explain them."""


def alpha_per_look(monitor: DriftMonitor) -> float:
    """The chance of any false alarm that one look may have; at most 0.05, however generous the budget."""
    return min(0.05, monitor.false_alarms_per_month / monitor.looks_per_month)


def compare(baseline: Baseline, profile: Profile, monitor: DriftMonitor, *, start: datetime, end: datetime) -> Findings:
    """Compare the rows of a window with the baseline.

    Raises
    ------
    BaselineError
        The profile was made against another baseline.
    """
    if profile.baseline != baseline.id:
        raise BaselineError(
            f"The window's profile was made against baseline {profile.baseline!r}, not {baseline.id!r}: their bins "
            "differ. Compare a profile with its own baseline."
        )
    alpha = alpha_per_look(monitor)
    features: tuple[Finding, ...] = ()
    predictions: tuple[Finding, ...] = ()
    verdict = Verdict.INSUFFICIENT_DATA
    if profile.rows >= monitor.minimum_rows:
        features, predictions = _judge(baseline, profile, alpha)
        drifted = any(finding.drifted for finding in (*features, *predictions))
        verdict = Verdict.DRIFT if drifted else Verdict.NO_DRIFT
    return Findings(
        model=baseline.model,
        version=baseline.version,
        baseline=baseline.id,
        start=start,
        end=end,
        rows=profile.rows,
        unreadable=profile.unreadable,
        alpha=alpha,
        verdict=verdict,
        features=features,
        predictions=predictions,
    )


def suspect_version(findings: Findings) -> bool:
    """Whether the predictions changed so much more than the features that the version must be at fault.

    A drifting world moves features and predictions; a faulty version moves its predictions alone.
    """
    score = findings.prediction_score
    return score > 0 and findings.feature_score < SUSPECT_RATIO * score


def _judge(baseline: Baseline, profile: Profile, alpha: float) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    binning, reference = baseline.binning, baseline.reference
    columns = _pairs(binning.features, profile.features, reference.features)
    features = len(columns)
    columns += _pairs(binning.predictions, profile.predictions, reference.predictions)
    aspects = [column.aspects() for column in columns]
    p_values = [cauchy([p for aspect in tests for p in aspect.p_values]) for tests in aspects]
    corrected = holm(p_values)
    findings = [_finding(*column, alpha) for column in zip(columns, aspects, p_values, corrected, strict=True)]
    return tuple(findings[:features]), tuple(findings[features:])


def _pairs(
    binnings: Mapping[str, ColumnBinning],
    window: Mapping[str, ColumnProfile],
    reference: Mapping[str, ColumnProfile],
) -> list[Pair]:
    """The columns that both sides observed: there are no predictions where only requests are captured."""
    return [
        pair(name, bins, window[name], reference[name])
        for name, bins in binnings.items()
        if not isinstance(bins, TimeBinning) and window[name].rows and reference[name].rows
    ]


def _finding(column: Pair, aspects: list[Aspect], p_value: float, corrected_p: float, alpha: float) -> Finding:
    """The column's finding; its size is that of the aspects that give the evidence.

    A Cauchy combination is never below the smallest p-value in it. So when the column is significant, at least one
    aspect alone is, at the same correction.
    """
    correction = corrected_p / p_value
    supported = [aspect for aspect in aspects if corrected_p < alpha and aspect.p_value * correction < alpha]
    leading = max(supported, key=lambda a: a.score) if supported else min(aspects, key=lambda a: a.p_value)
    words = column.words(leading)
    return Finding(
        feature=column.name,
        statistic=words.statistic,
        p_value=p_value,
        corrected_p=corrected_p,
        effect=leading.effect,
        threshold=leading.threshold,
        measure=leading.measure,
        drifted=bool(supported) and leading.effect > leading.threshold,
        direction=words.direction,
        summary=words.summary,
        n=column.window.rows,
        baseline_n=column.reference.rows,
        shares=column.shares(),
    )
