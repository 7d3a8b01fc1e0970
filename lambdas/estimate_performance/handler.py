"""Estimates how good the serving version's latest predictions are, before their labels come; stores the look."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.looks import ESTIMATED_PERFORMANCE
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.estimation import (
    Assessment,
    AssessSettings,
    EstimateLook,
    EstimateSettings,
    Estimator,
    ExamineSettings,
    estimate,
    examine,
    past_windows,
    track_record,
)
from watchkeeper.naming import Metric
from watchkeeper.outcomes import OutcomeBaseline
from watchkeeper.spec import ModelSpec, deployed_spec

MOST_ALPHA = 0.05
NO_ESTIMATOR = "no estimator"


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One look, at the time for which it was scheduled."""
    spec, end = deployed_spec(), datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name, window_end=end.isoformat())
    counted = OutcomeHours(CuratedHours(deployed.store(), spec, end, timedelta(days=spec.labelling.horizon_days)))
    serving = deployed.registry().serving()
    baseline = None if serving is None else counted.baseline(serving.version)
    estimator = None if baseline is None else _estimator(spec, baseline.version)
    if serving is None or baseline is None or estimator is None:
        logger.warning(
            "Nothing can be estimated: no version serves, or its baseline has too few labelled rows (see the log of "
            "build_baseline) or is from before there were estimates. Onboard the model, or retrain it"
        )
        emit(spec.name, end, {Metric.ESTIMATED_FALL: 0})  # with this ends the alarm of a version before
        return {"verdict": NO_ESTIMATOR, "trust": None, "look": None}
    look = _look(spec, end, counted, baseline, estimator)
    key = naming.findings_key(spec.name, ESTIMATED_PERFORMANCE, end)
    deployed.store().put(key, look.to_json())
    emit(spec.name, end, _metrics(look, new=serving.is_new(look.start)))
    logger.info("Looked", version=look.version, rows=look.estimate.rows, summary=look.summary)
    return {"verdict": look.findings.verdict.value, "trust": look.record.trust.value, "look": key}


def _estimator(spec: ModelSpec, version: str) -> Estimator | None:
    stored = deployed.store().get(naming.estimator_key(spec.name, version))
    return None if stored is None else Estimator.from_json(stored)


def _look(
    spec: ModelSpec, end: datetime, counted: OutcomeHours, baseline: OutcomeBaseline, estimator: Estimator
) -> EstimateLook:
    monitor = spec.estimated_performance
    hours = naming.window_hours(end, monitor.window_hours)
    estimating = EstimateSettings(minimum_rows=monitor.minimum_rows)
    found = estimate(estimator, counted.window(baseline, hours), estimating)
    alpha = min(MOST_ALPHA, monitor.false_alarms_per_month / monitor.looks_per_month)
    findings = examine(found, baseline.outcomes, ExamineSettings(alpha=alpha))
    record = _record(spec, end, counted, baseline, estimator)
    return EstimateLook(spec.name, baseline.version, hours[0], end, findings, found, record)


def _record(
    spec: ModelSpec, end: datetime, counted: OutcomeHours, baseline: OutcomeBaseline, estimator: Estimator
) -> Assessment:
    """How estimates of windows came true whose labels have come."""
    monitor = spec.estimated_performance
    past = past_windows(end, timedelta(hours=monitor.window_hours), timedelta(days=spec.labelling.horizon_days))
    return track_record(
        estimator,
        (counted.window(baseline, hours) for hours in past),
        EstimateSettings(minimum_rows=monitor.minimum_rows),
        AssessSettings(minimum_labelled=monitor.minimum_rows),
    )


def _metrics(look: EstimateLook, *, new: bool) -> dict[Metric, float]:
    """Where nothing can be said of the window, an alarm holds its last state, unless that was of the version before."""
    values: dict[Metric, float] = {}
    if look.estimate.supported and look.primary.value is not None:
        values[Metric.ESTIMATED_PERFORMANCE] = look.primary.value
    if look.fall is not None or new:
        values[Metric.ESTIMATED_FALL] = look.fall or 0
    if look.error is not None:
        values[Metric.ESTIMATE_ERROR] = look.error
    return values
