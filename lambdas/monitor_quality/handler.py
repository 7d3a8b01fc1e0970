"""Looks at the quality of what is sent to the version that serves: holds a window against expectations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.large_windows import allowance, hand_over
from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import QUALITY
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.errors import WindowTooLargeError
from watchkeeper.modelmonitor import Report, summarize, violations
from watchkeeper.modelmonitor import statistics as measured
from watchkeeper.naming import Metric
from watchkeeper.profile import Baseline, Profile, merge_all
from watchkeeper.quality import Look, Quality, Traffic, Verdict, examine
from watchkeeper.spec import ModelSpec, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One look, at the time for which it was scheduled."""
    spec = deployed_spec()
    end = datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name, window_end=end.isoformat())
    serving = deployed.registry().serving()
    stored = None if serving is None else deployed.store().get(naming.baseline_key(spec.name, serving.version))
    if stored is None:
        logger.warning("There is no baseline to hold traffic against; start the model's onboarding")
        return {"verdict": Verdict.NO_BASELINE.value, "faults": 0, "rows": 0, "quality": None}
    baseline = Baseline.from_json(stored)
    hours = naming.window_hours(end, spec.drift.window_hours)
    try:
        by_hour = dict(StoredProfiles(deployed.store(), baseline, end, allowance(event)).by_hour(hours))
    except WindowTooLargeError as too_large:
        return hand_over(event, context, baseline.version, hours[0], too_large)
    profile = merge_all(by_hour.values(), baseline.empty())
    look = Look(spec, baseline, profile, hours[0], end, Traffic.of(by_hour), _is_first(spec, baseline, end))
    outcome = examine(look)
    key = naming.findings_key(spec.name, QUALITY, end)
    deployed.store().put(key, outcome.quality.to_json())
    if outcome.quality.skew is not None:
        deployed.store().put(naming.first_look_key(spec.name, baseline.id), outcome.quality.to_json())
    if outcome.report is not None:
        _put_reports(look, profile, outcome.report)
    emit(spec.name, end, _metrics(outcome.quality))
    return _answer(outcome.quality, key)


def _is_first(spec: ModelSpec, baseline: Baseline, end: datetime) -> bool:
    """Whether nothing was looked at against this baseline before, but for this very look."""
    stored = deployed.store().get(naming.first_look_key(spec.name, baseline.id))
    return stored is None or Quality.from_json(stored).end == end


def _put_reports(look: Look, window: Profile, report: Report) -> None:
    """Keep what Model Monitor would have written."""
    files = {
        violations.FILE: report.violations.to_json(),
        measured.FILE: summarize(look.baseline.binning, window, look.spec).to_json(),
    }
    for name, content in files.items():
        deployed.store().put(naming.model_monitor_key(look.spec.name, look.end, name), content)


def _metrics(quality: Quality) -> dict[Metric, float]:
    values: dict[Metric, float] = {}
    if quality.verdict is not Verdict.INSUFFICIENT_DATA:
        values[Metric.QUALITY_VIOLATIONS] = len(quality.faults)
    if quality.rows:
        values[Metric.COMPLETENESS] = 100 * quality.completeness
    if quality.skew is not None:
        values[Metric.SKEWED_FEATURES] = len(quality.skew)
    if quality.lag_seconds is not None:
        values[Metric.CAPTURE_LAG] = quality.lag_seconds
    if quality.gap_seconds is not None:
        values[Metric.CAPTURE_GAP] = quality.gap_seconds
    return values


def _answer(quality: Quality, key: str) -> dict[str, Any]:
    faults = [f"{fault.feature or 'window'}: {fault.check}" for fault in quality.faults]
    logger.info("Looked", version=quality.version, verdict=quality.verdict.value, rows=quality.rows, faults=faults[:50])
    return {
        "verdict": quality.verdict.value,
        "faults": len(quality.faults),
        "rows": quality.rows,
        "quality": key,
    }
