"""Files the captured rows of late, joins the labels that came with them, and counts what came of it.

See `watchkeeper.aws.curation`. What is more than a function should do goes to Spark, which does the same and has this
function tell of it. Only one such job runs at a time; what it leaves, a later run of the schedule hands over again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed, label_values
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Allowance, curate
from watchkeeper.aws.curation_report import Report
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.metrics import emit
from watchkeeper.labels import LabelReader
from watchkeeper.naming import Metric
from watchkeeper.spec import ModelSpec, deployed_spec

HANDED_OVER, AT_WORK = "handed over", "at work already"


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One run, at the time for which it was scheduled; of one that Spark did (`report`), only what is told of it.

    An event may say of how many staged bytes an hour is too large (`most_bytes`), to try the way to Spark.
    """
    spec, now = deployed_spec(), datetime.fromisoformat(event["scheduled_time"])
    logger.append_keys(model=spec.name)
    if "report" in event:
        return _told(spec, now, Report(**event["report"]))
    allowance = Allowance()
    if "most_bytes" in event:
        allowance = Allowance(hour_bytes=int(event["most_bytes"]))
    hours = CuratedHours.of(deployed.store(), spec, now)
    files = LabelFiles.of(deployed.store(), spec, now, hours.days)
    outcome = curate(hours, files, LabelReader(spec, label_values.known(deployed.store(), spec.name)), allowance)
    answer = _told(spec, now, Report.of(outcome))
    return answer | {"spark": _hand_over(event, context, allowance, outcome.left)} if outcome.left else answer


def _hand_over(event: Mapping[str, Any], context: LambdaContext, allowance: Allowance, left: Sequence[str]) -> str:
    """Let Spark do the rest, unless it is at it."""
    arguments = {
        "--AT": event["scheduled_time"],
        "--MOST_BYTES": str(allowance.hour_bytes),
        "--FUNCTION": context.function_name,
    }
    try:
        deployed.client("glue").start_job_run(JobName=os.environ["JOIN_JOB"], Arguments=arguments)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ConcurrentRunsExceededException":
            raise
        logger.info("Spark is at work; what it leaves is handed over by a later run", reasons=left)
        return AT_WORK
    logger.info("Handed over to Spark", reasons=left)
    return HANDED_OVER


def _told(spec: ModelSpec, now: datetime, report: Report) -> dict[str, Any]:
    """Log what became of labels, emit it, and answer in numbers."""
    logger.info("Joined", filed=report.filed, labels=report.labels, files=report.files)
    for key, problem in report.problems.items():
        logger.warning("A file of labels cannot be read", key=key, reason=problem)
    for key, count in report.misfits.items():
        logger.warning("Labels speak of rows that their requests have not", key=key, labels=count)
    for folder in report.misplaced:
        logger.warning("Labels are read from the model's prefix itself or by the hour, not from here", folder=folder)
    for reason, count in report.faults.items():
        logger.warning("Some labels cannot be used", reason=reason, labels=count, first=report.places[reason])
    values: dict[Metric, float] = {
        Metric.LABELS_JOINED: report.labels,
        Metric.UNUSABLE_LABELS: report.unusable,
    }
    if report.lag is not None:
        values[Metric.LABEL_LAG] = report.lag
    emit(spec.name, now, values)
    told = ("filed", "joined", "counted", "labels", "waiting", "unusable")
    return {name: value for name, value in asdict(report).items() if name in told}
