"""Looks at the traffic of the version that serves: merges the window's profiles, compares, stores the findings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.registry import Serving
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.drift import compare, suspect_version
from watchkeeper.findings import Findings, Verdict
from watchkeeper.naming import Metric
from watchkeeper.profile import Baseline
from watchkeeper.spec import deployed_spec

MONITOR = "drift"


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
        emit(spec.name, end, {Metric.WINDOW_ROWS: 0})
        return {"verdict": Verdict.NO_BASELINE.value, "drifted": [], "rows": 0, "window": [], "findings": None}
    baseline = Baseline.from_json(stored)
    hours = naming.window_hours(end, spec.drift.window_hours)
    window = StoredProfiles(deployed.store(), baseline, end).window(hours)
    findings = compare(baseline, window, spec.drift, start=hours[0], end=end)
    key = naming.findings_key(spec.name, MONITOR, end)
    deployed.store().put(key, findings.to_json())
    emit(spec.name, end, _metrics(findings, serving, end))
    return _answer(findings, key)


def _metrics(findings: Findings, serving: Serving, end: datetime) -> dict[Metric, float]:
    values: dict[Metric, float] = {Metric.WINDOW_ROWS: findings.rows}
    if findings.verdict is Verdict.INSUFFICIENT_DATA:
        return values
    on_probation = serving.previous_version is not None and end <= serving.probation_until
    return values | {
        Metric.DRIFTED_FEATURES: len(findings.drifted),
        Metric.DRIFT_SCORE: max(findings.feature_score, findings.prediction_score),
        Metric.PREDICTION_DRIFT: findings.prediction_score,
        Metric.SUSPECT_VERSION: int(on_probation and suspect_version(findings)),
    }


def _answer(findings: Findings, key: str) -> dict[str, Any]:
    drifted = [finding.feature for finding in (*findings.drifted, *findings.drifted_predictions)]
    logger.info("Looked", version=findings.version, verdict=findings.verdict.value, rows=findings.rows, drifted=drifted)
    return {
        "verdict": findings.verdict.value,
        "drifted": drifted,
        "rows": findings.rows,
        "window": [findings.start.isoformat(), findings.end.isoformat()],
        "findings": key,
    }
