"""Writes down a rollback while everything about it is still known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import newest_findings
from watchkeeper.findings import Findings
from watchkeeper.incident import Incident, Moment, timeline
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, str]:
    """Write the record of one rollback; repeats write the same object."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name, execution=event["execution"])
    raised = datetime.fromisoformat(event["alarm_time"]) if event.get("alarm_time") else None
    key, findings = newest_findings(deployed.store(), spec.name, raised or now) or (None, None)
    bad, good = event["bad_version"], event["version"]
    incident = Incident(
        model=spec.name,
        execution=event["execution"],
        at=now,
        reason=event["reason"],
        bad_version=bad,
        restored_version=good,
        alarm=event.get("alarm"),
        findings_key=key,
        findings=findings,
        actions=(
            f"version {good} was rolled out to endpoint {spec.endpoint}, all at once",
            f"version {bad} was rejected in the model registry",
        ),
        timeline=_timeline(event, raised, findings, now),
    )
    written = naming.incident_key(spec.name, now, event["execution"])
    deployed.store().put(written, incident.to_json())
    logger.info("Recorded", key=written)
    return {"key": written}


def _timeline(
    event: Mapping[str, Any], raised: datetime | None, findings: Findings | None, now: datetime
) -> tuple[Moment, ...]:
    registry = deployed.registry()
    bad, serving = registry.version(event["bad_version"]), registry.serving()
    drifted = [finding.feature for finding in findings.changed_predictions] if findings else []
    restored = serving.since if serving and serving.version == event["version"] else None
    return timeline(
        [
            (bad.created if bad else None, f"version {event['bad_version']} went on record"),
            (bad.served_since if bad else None, f"version {event['bad_version']} took over"),
            (findings.end if findings else None, f"newest look; drifted predictions: {', '.join(drifted) or 'none'}"),
            (raised, f"alarm {event.get('alarm')} was raised"),
            (restored, f"version {event['version']} took over again"),
            (now, "this was recorded"),
        ]
    )
