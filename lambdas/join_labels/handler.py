"""Files the captured rows of late, joins the labels that came with them, and counts what came of it.

See `watchkeeper.aws.curation` and `watchkeeper.aws.counted_hours`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed, label_values
from watchkeeper.aws.counted_hours import HourCounts, Tally, count_hours
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Outcome, curate
from watchkeeper.aws.group_hours import GroupHours
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.labels import LabelReader
from watchkeeper.naming import Metric
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One run, at the time for which it was scheduled."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name)
    hours = CuratedHours(deployed.store(), spec, now, timedelta(days=spec.labelling.horizon_days))
    files = LabelFiles(deployed.store(), spec, now, hours.days, timedelta(hours=spec.labelling.patience_hours))
    outcome = curate(hours, files, LabelReader(spec, label_values.known(deployed.store(), spec.name)))
    counted = count_hours(hours, _kinds(hours))
    _tell(outcome, counted)
    emit(spec.name, now, _metrics(outcome))
    return {
        "filed": len(outcome.filed),
        "joined": len(outcome.joined),
        "counted": len(counted.hours),
        "labels": outcome.labels,
        "waiting": outcome.waiting,
        "unusable": outcome.unusable,
    }


def _kinds(hours: CuratedHours) -> list[HourCounts]:
    """What is counted of each hour."""
    return [OutcomeHours(hours)] if hours.spec.bias is None else [OutcomeHours(hours), GroupHours(hours)]


def _tell(outcome: Outcome, counted: Tally) -> None:
    """Log what became of labels; what cannot be used with the places of the first few, and no values."""
    logger.info("Joined", filed=len(outcome.filed), labels=outcome.labels, files=len(outcome.accounts))
    for key, account in outcome.accounts.items():
        if account.problem:
            logger.warning("A file of labels cannot be read", key=key, reason=account.problem)
        if account.misfits:
            logger.warning("Labels speak of rows that their requests have not", key=key, labels=account.misfits)
    for hour in sorted(outcome.too_large):
        start, version = hour.start.isoformat(), hour.version
        logger.error("An hour has more rows than this function can hold; it is not filed", hour=start, version=version)
    for folder in outcome.misplaced:
        logger.warning("Labels are read from the model's prefix itself or by the hour, not from here", folder=folder)
    for key, reason in counted.refused.items():
        logger.error("An hour's rows cannot be counted", key=key, reason=reason)
    for fault, count in outcome.faults.counts.items():
        logger.warning(
            "Some labels cannot be used", reason=fault.value, labels=count, first=outcome.faults.places[fault]
        )


def _metrics(outcome: Outcome) -> dict[Metric, float]:
    values: dict[Metric, float] = {
        Metric.LABELS_JOINED: outcome.labels,
        Metric.UNUSABLE_LABELS: outcome.unusable,
    }
    if outcome.median_lag is not None:
        values[Metric.LABEL_LAG] = outcome.median_lag
    return values
