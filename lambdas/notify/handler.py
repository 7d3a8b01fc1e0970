"""Turns an alarm's change of state, or a machine's notice, into one message on the topic of its severity."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.attribution import Importance
from watchkeeper.aws import deployed, importances, looks
from watchkeeper.findings import Findings
from watchkeeper.message import (
    AlarmChange,
    AttributionEvidence,
    BiasEvidence,
    DriftEvidence,
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


def _evidence(spec: ModelSpec, kind: AlarmKind, at: datetime) -> Evidence | None:
    """The newest look of the monitor that the alarm is over; None of an alarm over none, or when no look was kept."""
    read = _LOOKS.get(kind)
    found = None if read is None else read(spec, at)
    if read is not None and found is None:
        logger.warning("An alarm over what a monitor found, but no look of its time")
    return found


def _drift(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_findings(deployed.store(), spec.name, at)
    return found and DriftEvidence(found[1], _uri(found[0]), _importance(spec, found[1]))


def _quality(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_quality(deployed.store(), spec.name, at)
    return found and QualityEvidence(found[1], _uri(found[0]))


def _performance(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_performance(deployed.store(), spec.name, at)
    return found and PerformanceEvidence(found[1], _uri(found[0]))


def _estimate(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_estimate(deployed.store(), spec.name, at)
    return found and EstimateEvidence(found[1], _uri(found[0]))


def _bias(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_bias(deployed.store(), spec.name, at)
    return found and BiasEvidence(found[1], _uri(found[0]))


def _attribution(spec: ModelSpec, at: datetime) -> Evidence | None:
    found = looks.newest_attribution(deployed.store(), spec.name, at)
    return found and AttributionEvidence(found[1], _uri(found[0]))


_LOOKS: Mapping[AlarmKind, Callable[[ModelSpec, datetime], Evidence | None]] = {
    AlarmKind.DRIFT: _drift,
    AlarmKind.PREDICTION_DRIFT: _drift,
    AlarmKind.SUSPECT_VERSION: _drift,
    AlarmKind.DATA_QUALITY: _quality,
    AlarmKind.TRAIN_SERVE_SKEW: _quality,
    AlarmKind.PERFORMANCE: _performance,
    AlarmKind.CONCEPT_DRIFT: _performance,
    AlarmKind.ESTIMATED_PERFORMANCE: _estimate,
    AlarmKind.BIAS: _bias,
    AlarmKind.BIAS_DRIFT: _bias,
    AlarmKind.ATTRIBUTION_DRIFT: _attribution,
}


def _uri(key: str) -> str:
    return f"s3://{deployed.store().bucket}/{key}"


def _importance(spec: ModelSpec, findings: Findings) -> Importance | None:
    """What the version goes by on its baseline, if that is known."""
    if not spec.attribution.enabled:
        return None
    return importances.on_baseline(deployed.store(), spec, findings.version, findings.baseline)


def _send(spec: ModelSpec, message: Message) -> None:
    topic = os.environ["TOPIC_CRITICAL" if message.severity is Severity.CRITICAL else "TOPIC_WARNING"]
    attributes = {"model": spec.name, "severity": message.severity.value, "kind": message.kind.value}
    deployed.client("sns").publish(
        TopicArn=topic,
        Subject=message.subject,
        Message=message.body,
        MessageAttributes={name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    )
