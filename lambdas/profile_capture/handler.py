"""Profiles each captured object once, as it arrives: S3 → EventBridge → queue → here.

The profile's key is derived from the object's, so that repeated and reordered events change nothing. Records that
cannot be read go to quarantine with their reasons. A new baseline sends all captures of its version through here again.
What is too much for a function is handed to the Spark job `backfill_profiles`, which writes the same. What batch
transform jobs capture comes in several objects: see `watchkeeper.aws.batches`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio, naming
from watchkeeper.aws import batches, deployed, profiling
from watchkeeper.aws.batches import BatchFile
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.profiling import Observed
from watchkeeper.aws.store import Store
from watchkeeper.errors import CaptureError
from watchkeeper.naming import BatchKey, CaptureKey, Metric
from watchkeeper.profile import Baseline
from watchkeeper.spec import ModelSpec, deployed_spec

LARGEST_BYTES = 1 << 30
"""Two million captured rows, some 20 seconds here; a larger object is read by Spark, in pieces side by side."""
LARGEST_BATCH_BYTES = 256 << 20
"""The same of a batch transform job's file with its answers: two million rows of 20 features."""
MOST_AT_ONCE = 10_000
"""More captures than these, at the first baseline of a long history or of one batch job, are read by Spark."""
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
    at, source = datetime.fromisoformat(notice["time"]), deployed.store(bucket)
    of_batch = naming.parse_batch_key(spec.name, key)
    if of_batch is not None:
        _handle_batch(spec, source, of_batch, at)
        return
    try:
        capture = spec.parse_capture_key(key)
    except CaptureError as error:
        logger.warning("Skipped an object that is no capture", reason=str(error))
        return
    if captured.get("size", 0) > LARGEST_BYTES:
        _hand_over(capture.version, capture.hour, capture.hour)
    else:
        _profile(spec, source, capture, at)


def _handle_batch(spec: ModelSpec, source: Store, key: BatchKey, at: datetime) -> None:
    """Profile the file that an object belongs to; a manifest sends each of its job's files through here."""
    files = batches.complete(source, spec.name, key.folder)
    if key.side is None:
        files = [file for file in files if key.key in (file.requests.key, file.answers.key)]
    if len(files) == 1:
        _profile_batch_file(spec, source, files[0], at)
    elif files:
        _read(source.bucket, [(file.requests.key, file.capture) for file in files], at.isoformat())


def _profile_batch_file(spec: ModelSpec, source: Store, file: BatchFile, at: datetime) -> None:
    """Profile a file of requests with its answers, unless that is done."""
    baseline = _baseline(spec, file.capture.version)
    if baseline is None or not batches.is_pending(deployed.store(), baseline, file):
        return
    if file.size > LARGEST_BATCH_BYTES:
        _hand_over(file.capture.version, file.capture.hour, file.capture.hour)
        return
    requests, answers = source.stream(file.requests.key), source.stream(file.answers.key)
    if requests is not None and answers is not None:  # they may have been deleted meanwhile
        observed = profiling.observe_batch(spec, baseline, file.capture, requests, answers)
        _keep(spec, baseline, file.capture, observed, at)


def _profile(spec: ModelSpec, source: Store, capture: CaptureKey, at: datetime) -> None:
    """Profile one object against its version's baseline."""
    baseline = _baseline(spec, capture.version)
    if baseline is None:
        return
    streamed = source.stream(capture.key)
    if streamed is None:
        logger.warning("The capture is gone", key=capture.key)
        return
    _keep(spec, baseline, capture, profiling.observe(spec, baseline, capture, streamed), at)


def _baseline(spec: ModelSpec, version: str) -> Baseline | None:
    stored = deployed.store().get(naming.baseline_key(spec.name, version))
    if stored is None:
        logger.info("No baseline yet; the capture is read when there is one", version=version)
        return None
    return Baseline.from_json(stored)


def _keep(spec: ModelSpec, baseline: Baseline, capture: CaptureKey, observed: Observed, at: datetime) -> None:
    profiling.write(spec, baseline, deployed.store(), capture, observed)
    profile = observed.profile
    counts: dict[Metric, float] = {
        Metric.ROWS_PROFILED: profile.rows,
        Metric.UNREADABLE_RECORDS: profile.unreadable,
    }
    if observed.nameless:
        counts[Metric.PREDICTIONS_WITHOUT_ID] = observed.nameless
        logger.warning(profiling.NAMELESS, key=capture.key, rows=observed.nameless)
    emit(spec.name, at, counts)
    logger.info("Profiled", key=capture.key, rows=profile.rows, unreadable=profile.unreadable)


def _read_again(spec: ModelSpec, key: str, time: str) -> None:
    """Have every recent capture of a version profiled, now that it has a baseline."""
    version = key.removeprefix(naming.baseline_prefix(spec.name)).partition("/")[0]
    if key != naming.baseline_key(spec.name, version):
        return
    since = datetime.fromisoformat(time) - timedelta(days=spec.retraining.window_days)
    for bucket, prefix in spec.captures(os.environ["BUCKET"], version):
        found = list(_captured(spec, deployed.store(bucket), prefix, since))
        _read(bucket, found, time)
        logger.info("A new baseline: its version's captures are read again", version=version, captures=len(found))


def _captured(spec: ModelSpec, source: Store, prefix: str, since: datetime) -> Iterator[tuple[str, CaptureKey]]:
    """Every capture under a prefix, with the object to read it by, unless it is older than anybody looks back.

    An owner may keep theirs for years.
    """
    keys = list(source.keys(prefix))
    for key in keys:
        try:
            capture = spec.parse_capture_key(key)
        except CaptureError:
            continue
        if capture.hour >= since:
            yield key, capture
    for folder in batches.folders(spec.name, keys):
        for file in batches.complete(source, spec.name, folder):
            if file.capture.hour >= since:
                yield file.requests.key, file.capture


def _read(bucket: str, captures: Sequence[tuple[str, CaptureKey]], time: str) -> None:
    """Have captures read, each by a message that names its object; of too many of them, have Spark read all."""
    if len(captures) > MOST_AT_ONCE:
        hours = [capture.hour for _, capture in captures]
        _hand_over(captures[0][1].version, min(hours), max(hours))
        return
    entries = [{"time": time, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}} for key, _ in captures]
    for start in range(0, len(entries), _SENT_AT_ONCE):
        _send(entries[start : start + _SENT_AT_ONCE])


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
