"""Turns an alarm's change of state, or a machine's notice, into one message on the topic of its severity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.attribution import Importance
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import (
    newest_attribution,
    newest_estimate,
    newest_findings,
    newest_performance,
    newest_quality,
)
from watchkeeper.findings import Findings
from watchkeeper.message import (
    AlarmChange,
    AttributionEvidence,
    EstimateEvidence,
    Evidence,
    Kind,
    Message,
    Notice,
    PerformanceEvidence,
    QualityEvidence,
    Severity,
    alarm_message,
    machine_message,
)
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import ModelSpec, deployed_spec

_EVIDENT = (AlarmKind.DRIFT, AlarmKind.PREDICTION_DRIFT, AlarmKind.SUSPECT_VERSION)
_QUALITY = (AlarmKind.DATA_QUALITY, AlarmKind.TRAIN_SERVE_SKEW)
_PERFORMANCE = (AlarmKind.PERFORMANCE, AlarmKind.CONCEPT_DRIFT)
_KINDS = {naming.alarm("", kind): kind for kind in AlarmKind}


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Send at most one message."""
    spec = deployed_spec()
    logger.append_keys(model=spec.name)
    message = _of_alarm(spec, event["detail"]) if "detail-type" in event else _of_machine(spec, event)
    if message is None:
        return {"sent": False, "subject": None}
    _send(spec, message)
    logger.info("Sent", kind=message.kind.value, severity=message.severity.value, subject=message.subject)
    return {"sent": True, "subject": message.subject}


def _of_machine(spec: ModelSpec, event: Mapping[str, Any]) -> Message:
    at = datetime.fromisoformat(event["now"])
    return machine_message(spec, Notice(Kind(event["kind"]), at, event["execution"], event.get("detail") or {}))


def _of_alarm(spec: ModelSpec, detail: Mapping[str, Any]) -> Message | None:
    """The message of an alarm raised or over; the alarm of a canary is told by its rollout."""
    name, state, before = detail["alarmName"], detail["state"], detail["previousState"]
    kind = _KINDS.get(name.removeprefix(spec.name))
    over = state["value"] == "OK" and before["value"] == "ALARM"
    if kind is None or not (state["value"] == "ALARM" or over):
        logger.info("Nothing to tell", alarm=name, state=state["value"], before=before["value"])
        return None
    at = datetime.fromisoformat(state["timestamp"])
    change = AlarmChange(
        kind=kind,
        raised=not over,
        at=at,
        before=datetime.fromisoformat(before["timestamp"]) if "timestamp" in before else at,
        reason=state.get("reason", ""),
    )
    return alarm_message(spec, change, _evidence(spec, kind, at) if change.raised else None)


def _evidence(
    spec: ModelSpec, kind: AlarmKind, at: datetime
) -> Evidence | QualityEvidence | PerformanceEvidence | EstimateEvidence | AttributionEvidence | None:
    store = deployed.store()
    if kind in _QUALITY:
        found = newest_quality(store, spec.name, at)
        return found and QualityEvidence(found[1], f"s3://{store.bucket}/{found[0]}")
    if kind in _PERFORMANCE:
        look = newest_performance(store, spec.name, at)
        return look and PerformanceEvidence(look[1], f"s3://{store.bucket}/{look[0]}")
    if kind is AlarmKind.ESTIMATED_PERFORMANCE:
        estimate = newest_estimate(store, spec.name, at)
        return estimate and EstimateEvidence(estimate[1], f"s3://{store.bucket}/{estimate[0]}")
    if kind is AlarmKind.ATTRIBUTION_DRIFT:
        seen = newest_attribution(store, spec.name, at)
        return seen and AttributionEvidence(seen[1], f"s3://{store.bucket}/{seen[0]}")
    if kind not in _EVIDENT:
        return None
    newest = newest_findings(store, spec.name, at)
    if newest is None:
        logger.warning("An alarm over drift, but no findings of its time")
        return None
    key, findings = newest
    return Evidence(findings, f"s3://{store.bucket}/{key}", _importance(spec, findings))


def _importance(spec: ModelSpec, findings: Findings) -> Importance | None:
    """What the version goes by on its baseline, if that is known."""
    if not spec.attribution.enabled:
        return None
    stored = deployed.store().get(naming.importance_key(spec.name, findings.version, findings.baseline))
    return None if stored is None else Importance.from_json(stored)


def _send(spec: ModelSpec, message: Message) -> None:
    topic = os.environ["TOPIC_CRITICAL" if message.severity is Severity.CRITICAL else "TOPIC_WARNING"]
    attributes = {"model": spec.name, "severity": message.severity.value, "kind": message.kind.value}
    deployed.client("sns").publish(
        TopicArn=topic,
        Subject=message.subject,
        Message=message.body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
