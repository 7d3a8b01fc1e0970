"""Looks at how the serving version treats groups of people: merges a window's counts, compares, stores the look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.looks import BIAS
from watchkeeper.aws.metrics import emit
from watchkeeper.bias import (
    BiasLook,
    GroupBaseline,
    GroupCounts,
    GroupSettings,
    bias_settings,
    dispersion,
    examine,
    favourable,
    group_settings,
    merge_all,
)
from watchkeeper.bias.dispersion import LEAST_PARTS
from watchkeeper.errors import ConfigError
from watchkeeper.naming import Metric
from watchkeeper.spec import deployed_spec

NO_BASELINE = "no baseline"
NOTHING_FOUND: dict[Metric, float] = {Metric.BIASED_GROUPS: 0, Metric.BIAS_DRIFT: 0}
"""Ends an alarm that was of the version before."""


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One look, at the time for which it was scheduled."""
    spec, end = deployed_spec(), datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name, window_end=end.isoformat())
    monitor = spec.bias
    if monitor is None:
        raise ConfigError(f"The file of {spec.name} names nobody to watch for bias: deploy the model's stack again.")
    counted = GroupHours(CuratedHours(deployed.store(), spec, end, timedelta(hours=monitor.window_hours)))
    serving = deployed.registry().serving()
    baseline = None if serving is None else counted.baseline(serving.version)
    if serving is None or baseline is None:
        logger.warning("This version has no groups to compare; start the model's onboarding or retraining")
        emit(spec.name, end, NOTHING_FOUND)
        return {"outcome": NO_BASELINE, "rows": 0, "biased": 0, "look": None}
    _tell_what_changed(group_settings(monitor, spec.task), baseline)
    hours = naming.window_hours(end, monitor.window_hours)
    parts = counted.parts(baseline, hours)
    window = merge_all(parts, GroupCounts.empty(baseline.binning))
    settings = bias_settings(monitor, _dispersion(parts))
    findings = baseline.beside(examine(baseline.counts, window, settings), settings)
    words = favourable(baseline.binning.positive, spec.task, spec.label)
    look = BiasLook(spec.name, baseline.version, hours[0], end, words, findings)
    key = naming.findings_key(spec.name, BIAS, end)
    deployed.store().put(key, look.to_json())
    emit(spec.name, end, _metrics(look, new=serving.is_new(look.start)))
    logger.info("Looked", version=look.version, outcome=look.outcome.value, rows=findings.rows)
    return {"outcome": look.outcome.value, "rows": findings.rows, "biased": look.biased_groups, "look": key}


def _tell_what_changed(wanted: GroupSettings, baseline: GroupBaseline) -> None:
    """Say that the file has other attributes, or another favourable outcome, than what was counted."""
    names, counted = {each.name for each in wanted.sensitive}, {each.name for each in baseline.binning.attributes}
    if names != counted or wanted.positive != baseline.binning.positive:
        logger.warning(
            "The model's file names other attributes, or another favourable outcome, than this version's baseline has "
            "counts of; they hold from the next version on",
            file=sorted(names),
            baseline=sorted(counted),
        )


def _dispersion(parts: Sequence[GroupCounts]) -> float:
    """How much more the window's hours vary than independent rows; of few hours nobody can tell."""
    held = [part for part in parts if part.rows]
    return dispersion(held) if len(held) >= LEAST_PARTS else 1.0


def _metrics(look: BiasLook, *, new: bool) -> dict[Metric, float]:
    """While there are too few rows, an alarm holds its last state, unless that was of the version before.

    Without them the version's fliptests are known all the same.
    """
    level = {Metric.BIASED_GROUPS: float(look.biased_groups), Metric.BIAS_SCORE: look.score}
    if look.judged:
        return level | {Metric.BIAS_DRIFT: look.drift_score}
    if new:
        return NOTHING_FOUND
    return level if look.biased else {}
