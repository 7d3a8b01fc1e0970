"""Profiles each captured object once, as it arrives: S3 → EventBridge → queue → here.

The profile's key is derived from the object's, so that repeated and reordered events change nothing. Records that
cannot be read go to quarantine with their reasons. A new baseline sends all captures of its version through here again.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio, naming
from watchkeeper.aws import deployed
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.store import Store
from watchkeeper.capture import CaptureReader, Unreadable
from watchkeeper.errors import CaptureError
from watchkeeper.naming import CaptureKey, Metric
from watchkeeper.profile import Baseline
from watchkeeper.spec import ModelSpec, deployed_spec

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
    at = datetime.fromisoformat(notice["time"])
    bucket, key = (
        notice["detail"]["bucket"]["name"],
        notice["detail"]["object"]["key"],
    )  # EventBridge does not quote keys
    if key.startswith(naming.baseline_prefix(spec.name)):
        _read_again(spec, key, notice["time"])
        return
    try:
        capture = spec.parse_capture_key(key)
    except CaptureError as error:
        logger.warning("Skipped an object that is no capture", reason=str(error))
        return
    _profile(spec, deployed.store(bucket), capture, at)


def _profile(spec: ModelSpec, source: Store, capture: CaptureKey, at: datetime) -> None:
    """Profile one object against its version's baseline."""
    data = deployed.store()
    stored = data.get(naming.baseline_key(spec.name, capture.version))
    if stored is None:
        logger.info("No baseline yet; the capture is read when there is one", version=capture.version)
        return
    chunks = source.chunks(capture.key)
    if chunks is None:
        logger.warning("The capture is gone", key=capture.key)
        return
    baseline = Baseline.from_json(stored)
    profile, unreadable = baseline.empty(), list[Unreadable]()
    for block in CaptureReader(spec).blocks(chunks):
        profile = profile.merge(baseline.observe(block))
        unreadable.extend(block.unreadable)
    if unreadable:
        data.put(naming.quarantine_key(spec.name, capture.key), _quarantined(spec, unreadable))
    data.put(naming.profile_key(spec.name, baseline.id, capture), profile.to_json())
    emit(spec.name, at, {Metric.ROWS_PROFILED: profile.rows, Metric.UNREADABLE_RECORDS: profile.unreadable})
    logger.info("Profiled", key=capture.key, rows=profile.rows, unreadable=profile.unreadable)


def _quarantined(spec: ModelSpec, unreadable: Iterable[Unreadable]) -> bytes:
    """One JSON line a record. Of a model with personal fields the reasons alone: the bytes may hold those fields."""
    keep_bytes = not any(feature.personal for feature in spec.features)
    lines = []
    for record in unreadable:
        entry: dict[str, Any] = {"line": record.line, "reason": record.reason}
        if keep_bytes:
            entry["record"] = base64.b64encode(record.raw).decode()
        lines.append(jsonio.dumps(entry))
    return b"\n".join(lines) + b"\n"


def _read_again(spec: ModelSpec, key: str, time: str) -> None:
    """Send every recent capture of a version through the queue, now that it has a baseline."""
    version = key.removeprefix(naming.baseline_prefix(spec.name)).partition("/")[0]
    if key != naming.baseline_key(spec.name, version):
        return
    since = datetime.fromisoformat(time) - timedelta(days=spec.retraining.window_days)
    entries = [
        {"time": time, "detail": {"bucket": {"name": bucket}, "object": {"key": capture}}}
        for bucket, prefix in spec.captures(os.environ["BUCKET"], version)
        for capture in deployed.store(bucket).keys(prefix)
        if _is_capture(spec, capture, since)
    ]
    for start in range(0, len(entries), _SENT_AT_ONCE):
        _send(entries[start : start + _SENT_AT_ONCE])
    logger.info("A new baseline: its version's captures are read again", version=version, captures=len(entries))


def _is_capture(spec: ModelSpec, key: str, since: datetime) -> bool:
    """Whether the key is a capture's, and nobody looks back further than that: an owner may keep theirs for years."""
    try:
        return spec.parse_capture_key(key).hour >= since
    except CaptureError:
        return False


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
