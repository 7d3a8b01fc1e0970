"""Profiles each captured object once, as it arrives: S3 → EventBridge → queue → here.

The profile's key is derived from the object's, so that repeated and reordered events change nothing. Records that
cannot be read go to quarantine with their reasons. A new baseline sends all captures of its version through here again.
What is too much for a function is handed to the Spark job `backfill_profiles`, which writes the same.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio, naming
from watchkeeper.aws import deployed, profiling
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.store import Store
from watchkeeper.errors import CaptureError
from watchkeeper.naming import CaptureKey, Metric
from watchkeeper.profile import Baseline
from watchkeeper.spec import ModelSpec, deployed_spec

LARGEST_BYTES = 1 << 30
"""Two million captured rows, some 20 seconds here; a larger object is read by Spark, in pieces side by side."""
MOST_READ_AGAIN = 10_000
"""More captures than these, at the first baseline of a long history, are read by Spark."""
_SENT_AT_ONCE = 10


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, list[dict[str, str]]]:
    """Handle a batch of messages; only those that failed come again."""
    failures = []
    for message in event["Records"]:
        try:
            notice = jsonio.loads(message["body"])
            logger.append_keys(model=deployed_spec().name, message=message["messageId"])
            _handle(notice)
        except Exception:  # whatever it is, the other messages of the batch must not pay for it
            logger.exception("The message failed and comes again")
            failures.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failures}


def _handle(notice: Mapping[str, Any]) -> None:
    spec = deployed_spec()
    captured = notice["detail"]["object"]
    bucket, key = notice["detail"]["bucket"]["name"], captured["key"]  # EventBridge does not quote keys
    if key.startswith(naming.baseline_prefix(spec.name)):
        _read_again(spec, key, notice["time"])
        return
    try:
        capture = spec.parse_capture_key(key)
    except CaptureError as error:
        logger.warning("Skipped an object that is no capture", reason=str(error))
        return
    if captured.get("size", 0) > LARGEST_BYTES:
        _hand_over(capture.version, capture.hour, capture.hour)
    else:
        _profile(spec, deployed.store(bucket), capture, datetime.fromisoformat(notice["time"]))


def _profile(spec: ModelSpec, source: Store, capture: CaptureKey, at: datetime) -> None:
    """Profile one object against its version's baseline."""
    data = deployed.store()
    stored = data.get(naming.baseline_key(spec.name, capture.version))
    if stored is None:
        logger.info("No baseline yet; the capture is read when there is one", version=capture.version)
        return
    streamed = source.stream(capture.key)
    if streamed is None:
        logger.warning("The capture is gone", key=capture.key)
        return
    baseline = Baseline.from_json(stored)
    observed = profiling.observe(spec, baseline, capture, streamed)
    profiling.write(spec, baseline, data, capture, observed)
    profile = observed.profile
    emit(spec.name, at, {Metric.ROWS_PROFILED: profile.rows, Metric.UNREADABLE_RECORDS: profile.unreadable})
    logger.info("Profiled", key=capture.key, rows=profile.rows, unreadable=profile.unreadable)


def _read_again(spec: ModelSpec, key: str, time: str) -> None:
    """Have every recent capture of a version profiled, now that it has a baseline."""
    version = key.removeprefix(naming.baseline_prefix(spec.name)).partition("/")[0]
    if key != naming.baseline_key(spec.name, version):
        return
    since = datetime.fromisoformat(time) - timedelta(days=spec.retraining.window_days)
    found = [
        (bucket, capture)
        for bucket, prefix in spec.captures(os.environ["BUCKET"], version)
        for listed in deployed.store(bucket).keys(prefix)
        if (capture := _recent(spec, listed, since)) is not None
    ]
    if len(found) > MOST_READ_AGAIN:
        hours = [capture.hour for _, capture in found]
        _hand_over(version, min(hours), max(hours))
    else:
        entries = [
            {"time": time, "detail": {"bucket": {"name": bucket}, "object": {"key": capture.key}}}
            for bucket, capture in found
        ]
        for start in range(0, len(entries), _SENT_AT_ONCE):
            _send(entries[start : start + _SENT_AT_ONCE])
    logger.info("A new baseline: its version's captures are read again", version=version, captures=len(found))


def _recent(spec: ModelSpec, key: str, since: datetime) -> CaptureKey | None:
    """The capture, unless it is older than anybody looks back: an owner may keep theirs for years."""
    try:
        capture = spec.parse_capture_key(key)
    except CaptureError:
        return None
    return capture if capture.hour >= since else None


def _hand_over(version: str, first: datetime, last: datetime) -> None:
    """Let Spark profile what has no profile in these hours. While too many such jobs run, the message comes again."""
    span = {"--FROM": first.isoformat(), "--TO": (last + timedelta(hours=1)).isoformat()}
    deployed.client("glue").start_job_run(JobName=os.environ["BACKFILL_JOB"], Arguments={"--VERSION": version, **span})
    logger.info("Handed over to Spark", version=version, first=first.isoformat(), last=last.isoformat())


def _send(entries: list[dict[str, Any]]) -> None:
    answer = deployed.client("sqs").send_message_batch(
        QueueUrl=os.environ["QUEUE_URL"],
        Entries=[
            {"Id": str(place), "MessageBody": jsonio.dumps(entry).decode()} for place, entry in enumerate(entries)
        ],
    )
    if answer.get("Failed"):
        raise RuntimeError(
            f"The queue took only part of a batch ({answer['Failed'][0].get('Code')}); it is sent again."
        )
