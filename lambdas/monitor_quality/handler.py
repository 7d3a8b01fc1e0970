"""Looks at the quality of what is sent to the version that serves: holds a window against expectations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
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
from watchkeeper.quality import Capture, Look, Quality, Verdict, count_reasons, examine
from watchkeeper.spec import ModelSpec, deployed_spec

MOST_FILES = 200
"""Quarantine files read for their reasons: a bound for a window in which everything is unreadable."""


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
    rows = {hour: by_hour[hour].rows if hour in by_hour else 0 for hour in hours}
    reasons = _reasons(spec, hours) if profile.unreadable else {}
    first = _is_first(spec, baseline, end)
    look = Look(spec, baseline, profile, hours[0], end, Capture(rows, reasons), first)
    outcome = examine(look)
    key = naming.findings_key(spec.name, QUALITY, end)
    deployed.store().put(key, outcome.quality.to_json())
    if outcome.quality.skew is not None:
        deployed.store().put(naming.first_look_key(spec.name, baseline.id), outcome.quality.to_json())
    if outcome.report is not None:
        _put_reports(look, profile, outcome.report)
    emit(spec.name, end, _metrics(outcome.quality))
    return _answer(outcome.quality, key)


def _reasons(spec: ModelSpec, hours: Iterable[datetime]) -> Mapping[str, int]:
    """Why records of these hours could not be read."""
    places = tuple(f"/{hour:%Y/%m/%d/%H}/" for hour in hours)
    keys = deployed.store().keys(naming.quarantine_prefix(spec.name))
    chosen = islice((key for key in keys if any(place in key for place in places)), MOST_FILES)
    return count_reasons(deployed.store().get_many(chosen))


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
