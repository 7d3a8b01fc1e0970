"""Spark job: a run of `join_labels` that is too large for the function, to the same rows, accounts and counts.

It files the hours that are too large for the function, joins every label that came or waits, and counts what changed;
small hours the function files itself. Whatever was done before stays done: a job that was stopped goes on where it was.
At last the function is asked to tell what came of it, as it does of its own runs.
"""

from __future__ import annotations

import logging
from datetime import datetime

from glue_jobs import counting, filing, joining
from glue_jobs.curating import Curated
from glue_jobs.job import arguments, session
from watchkeeper import jsonio
from watchkeeper.aws.counted_hours import CountedHours
from watchkeeper.aws.curation import LABELS_AT_ONCE, Allowance, Outcome
from watchkeeper.aws.curation_report import Report
from watchkeeper.aws.deployed import client
from watchkeeper.spec import deployed_spec

log = logging.getLogger("join_labels")


def main() -> None:
    """Do what a function left over, and have it told."""
    options = arguments(["BUCKET", "AT"], ["MOST_BYTES", "LABELS_AT_ONCE", "FUNCTION"])
    spec = deployed_spec()
    allowance = Allowance(hour_bytes=int(options["MOST_BYTES"])) if "MOST_BYTES" in options else Allowance()
    curated = Curated(spec, options["BUCKET"], datetime.fromisoformat(options["AT"]))
    spark = session(f"{spec.name}: join labels")
    outcome = Outcome(misplaced=curated.files.misplaced())
    large = [hour for hour in curated.hours.to_file() if not allowance.admits(hour)]
    rows = filing.file(spark, curated, large)
    outcome.filed = {hour.hour for hour in large}
    if files := list(curated.files.to_read()):
        joining.join(spark, curated, files, outcome, int(options.get("LABELS_AT_ONCE", LABELS_AT_ONCE)))
    uncounted = list(CountedHours.of(curated.hours).to_count())
    counting.count(spark, curated, uncounted)
    outcome.counted = {each.hour for each in uncounted}
    log.warning("%s: %d hours filed with %d rows, %d labels joined", spec.name, len(large), rows, outcome.labels)
    if "FUNCTION" in options:
        told = jsonio.dumps({"scheduled_time": options["AT"], "report": Report.of(outcome).to_event()})
        client("lambda").invoke(FunctionName=options["FUNCTION"], InvocationType="Event", Payload=told)


if __name__ == "__main__":
    main()
