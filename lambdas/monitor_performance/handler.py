"""Looks at how good the serving version's predictions were: merges a window's outcomes, compares, stores the look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.looks import PERFORMANCE
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.naming import Metric
from watchkeeper.outcomes import Outcomes, merge_all
from watchkeeper.performance import CompareSettings, PerformanceLook, Verdict, compare, dispersion, measure
from watchkeeper.spec import ModelSpec, deployed_spec

MOST_ALPHA = 0.05
NO_BASELINE = "no baseline"
NOTHING_FOUND: dict[Metric, float] = {Metric.PERFORMANCE_FALL: 0, Metric.CONCEPT_DRIFT: 0}
"""Ends an alarm that was of the version before."""


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One look, at the time for which it was scheduled."""
    spec, end = deployed_spec(), datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name, window_end=end.isoformat())
    length = timedelta(hours=spec.performance.window_hours)
    counted = OutcomeHours(CuratedHours(deployed.store(), spec, end, length))
    serving = deployed.registry().serving()
    baseline = None if serving is None else counted.baseline(serving.version)
    if serving is None or baseline is None:
        logger.warning("There are no labelled rows to compare with; start the model's onboarding")
        emit(spec.name, end, NOTHING_FOUND)
        return {"verdict": NO_BASELINE, "labelled": 0, "look": None}
    hours = naming.window_hours(end, spec.performance.window_hours)
    parts = list(counted.parts(baseline, hours))
    window, settings = merge_all(parts, Outcomes.empty(baseline.binning)), _settings(spec, dispersion(parts))
    findings = compare(baseline.outcomes, window, settings)
    look = PerformanceLook(spec.name, baseline.version, hours[0], end, findings, measure(window))
    key = naming.findings_key(spec.name, PERFORMANCE, end)
    deployed.store().put(key, look.to_json())
    emit(spec.name, end, _metrics(look, new=serving.is_new(look.start)))
    logger.info(
        "Looked",
        version=look.version,
        verdict=findings.verdict.value,
        labelled=findings.labelled,
        overdispersion=settings.overdispersion,
    )
    return {"verdict": findings.verdict.value, "labelled": findings.labelled, "look": key}


def _settings(spec: ModelSpec, overdispersion: float) -> CompareSettings:
    monitor = spec.performance
    alpha = min(MOST_ALPHA, monitor.false_alarms_per_month / monitor.looks_per_month)
    return CompareSettings(alpha=alpha, minimum_labelled=monitor.minimum_labels, overdispersion=overdispersion)


def _metrics(look: PerformanceLook, *, new: bool) -> dict[Metric, float]:
    """While there are too few labels, an alarm holds its last state, unless that was of the version before."""
    values: dict[Metric, float] = {}
    if look.performance.coverage is not None:
        values[Metric.LABEL_COVERAGE] = 100 * look.performance.coverage
    if look.findings.verdict is Verdict.INSUFFICIENT_DATA:
        return values | (NOTHING_FOUND if new else {})
    if look.primary.value is not None:
        values[Metric.PERFORMANCE] = look.primary.value
    return values | {Metric.PERFORMANCE_FALL: look.fall, Metric.CONCEPT_DRIFT: int(look.concept_changed)}
