"""Looks at the traffic of the version that serves: merges the window's profiles, compares, stores the findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.large_windows import allowance, hand_over
from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import DRIFT
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.registry import Serving
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.drift import Calibration, Increment, Memory, closing, next_look, suspect_version
from watchkeeper.errors import WindowTooLargeError
from watchkeeper.findings import Findings, Verdict
from watchkeeper.naming import Metric
from watchkeeper.profile import Baseline
from watchkeeper.spec import ModelSpec, deployed_spec

NOTHING_FOUND: dict[Metric, float] = {Metric.DRIFTED_FEATURES: 0, Metric.PREDICTION_DRIFT: 0, Metric.SUSPECT_VERSION: 0}
"""Ends an alarm that was of the version before."""


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One look, at the time for which it was scheduled."""
    spec = deployed_spec()
    end = datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name, window_end=end.isoformat())
    serving = deployed.registry().serving()
    stored = None if serving is None else deployed.store().get(naming.baseline_key(spec.name, serving.version))
    if serving is None or stored is None:
        logger.warning("There is no baseline to compare with; start the model's onboarding")
        emit(spec.name, end, {Metric.WINDOW_ROWS: 0, **NOTHING_FOUND})
        return {"verdict": Verdict.NO_BASELINE.value, "drifted": [], "rows": 0, "window": [], "findings": None}
    baseline = Baseline.from_json(stored)
    length = timedelta(hours=spec.drift.window_hours)
    try:
        increments = _increments(spec, StoredProfiles(deployed.store(), baseline, end, allowance(event)))
    except WindowTooLargeError as too_large:
        return hand_over(event, context, baseline.version, end - max(closing(end, length)) * length, too_large)
    findings, kept = next_look(baseline, increments, spec.drift, _memory(spec, baseline))
    key = naming.findings_key(spec.name, DRIFT, end)
    deployed.store().put(key, findings.to_json())
    deployed.store().put(naming.memory_key(spec.name, baseline.id, DRIFT), kept.to_json())
    emit(spec.name, end, _metrics(findings, serving, end))
    return _answer(findings, key)


def _increments(spec: ModelSpec, stored: StoredProfiles) -> list[Increment]:
    """The window, and those before it that are looked at together with it now."""
    end, length = stored.now, timedelta(hours=spec.drift.window_hours)
    ends = [end - back * length for back in reversed(range(max(closing(end, length))))]
    return [
        Increment(last - length, last, stored.window(naming.window_hours(last, spec.drift.window_hours)))
        for last in ends
    ]


def _memory(spec: ModelSpec, baseline: Baseline) -> Memory:
    """What the looks before have left; before the first one, what the baseline's own rows tell."""
    kept = deployed.store().get(naming.memory_key(spec.name, baseline.id, DRIFT))
    if kept is not None:
        return Memory.from_json(kept, baseline)
    learned = deployed.store().get(naming.calibration_key(spec.name, baseline.version))
    calibration = None if learned is None else Calibration.from_json(learned)
    fits = calibration is not None and calibration.baseline == baseline.id
    return Memory.blank(baseline, calibration if fits else None)


def _metrics(findings: Findings, serving: Serving, end: datetime) -> dict[Metric, float]:
    values: dict[Metric, float] = {Metric.WINDOW_ROWS: findings.rows}
    if findings.verdict is Verdict.INSUFFICIENT_DATA:
        return values | (NOTHING_FOUND if serving.is_new(findings.start) else {})
    on_probation = serving.previous_version is not None and end <= serving.probation_until
    return values | {
        Metric.DRIFTED_FEATURES: len(findings.changed_features),
        Metric.DRIFT_SCORE: max(findings.feature_score, findings.prediction_score),
        Metric.PREDICTION_DRIFT: findings.prediction_score,
        Metric.SUSPECT_VERSION: int(on_probation and suspect_version(findings)),
    }


def _answer(findings: Findings, key: str) -> dict[str, Any]:
    drifted = [finding.feature for finding in (*findings.changed_features, *findings.changed_predictions)]
    logger.info("Looked", version=findings.version, verdict=findings.verdict.value, rows=findings.rows, drifted=drifted)
    return {
        "verdict": findings.verdict.value,
        "drifted": drifted,
        "rows": findings.rows,
        "window": [findings.start.isoformat(), findings.end.isoformat()],
        "findings": key,
    }
