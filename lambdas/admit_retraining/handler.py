"""Says whether a retraining that was asked for may go on: each event once, and not within the cool-down of another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.admission import Run, event_key, refusal
from watchkeeper.aws import deployed
from watchkeeper.aws.label_counts import count_labels
from watchkeeper.errors import ConfigError
from watchkeeper.spec import ModelSpec, Trigger, deployed_spec

REMEMBERED = timedelta(days=30)
"""How long an event is known to have come: longer than anything delivers it again."""
TWICE = "the same event has started another execution"


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Look at the request of one execution."""
    spec, request, now = deployed_spec(), event["request"], datetime.fromisoformat(event["now"])
    trigger = _trigger(request["trigger"])
    logger.append_keys(model=spec.name, trigger=trigger)
    registry = deployed.registry()
    key = event_key(trigger, request["alarm"], request["alarm_time"] or request["scheduled_time"])
    if key is not None and not registry.claim(key, event["execution"], now + REMEMBERED):
        reason: str | None = TWICE
    else:
        last = registry.last_run()
        reason = refusal(spec.retraining, trigger, now, last, _new_labels(spec, trigger, now, last))
    logger.info("Looked at a request", admitted=reason is None, reason=reason)
    return {"admitted": reason is None, "reason": reason or ""}


def _trigger(name: str) -> Trigger:
    try:
        return Trigger(name)
    except ValueError as error:
        raise ConfigError(f"trigger is {name!r}; expected one of {', '.join(Trigger)}.") from error


def _new_labels(spec: ModelSpec, trigger: Trigger, now: datetime, last: Run | None) -> int:
    if trigger is not Trigger.LABELS:
        return 0
    since = None if last is None else last.started
    return count_labels(deployed.store(), spec, now, spec.retraining.new_labels, since).labelled
