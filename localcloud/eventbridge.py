"""EventBridge rules: match, transform, deliver, retry, and give up to a dead-letter queue."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import DeliveryError, DeniedError

_SERVICE = "events.amazonaws.com"
_PLACEHOLDER = re.compile(r"<(?P<name>[A-Za-z0-9_.\-]+)>")
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=10)


class Rules:
    """Carries events from rules to their targets."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def send(self, rule: Any, event: dict[str, Any]) -> None:
        """Deliver an event to every target of a rule, each as work of its own."""
        for target in list(rule.targets):
            self._cloud.clock.spawn(
                lambda target=target: self._deliver(rule.arn, rule.name, target, event),  # type: ignore[misc]
                f"rule {rule.name} to {target['Arn'].rsplit(':', 1)[-1]}",
            )

    def _deliver(self, rule_arn: str, rule_name: str, target: dict[str, Any], event: dict[str, Any]) -> None:
        clock = self._cloud.clock
        policy = target.get("RetryPolicy", {})
        attempts_left = int(policy.get("MaximumRetryAttempts", 185))
        ends = clock.now() + timedelta(seconds=int(policy.get("MaximumEventAgeInSeconds", 86400)))
        wait, attempts = _FIRST_WAIT, 0
        body = transformed(target, event, rule_arn, rule_name)
        while True:
            try:
                self._cloud.deliver(target["Arn"], body, by=_SERVICE, source_arn=rule_arn, role_arn=_role_for(target))
                return
            except DeniedError as error:  # as on AWS, a missing permission is not tried again
                self._give_up(rule_arn, target, event, "NO_PERMISSIONS", error, attempts)
                return
            except DeliveryError as error:
                if attempts >= attempts_left or clock.now() + wait > ends:
                    self._give_up(rule_arn, target, event, "SDK_CLIENT_ERROR", error, attempts)
                    return
            attempts += 1
            clock.wait(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _give_up(
        self, rule_arn: str, target: dict[str, Any], event: dict[str, Any], code: str, error: Exception, attempts: int
    ) -> None:
        queue = target.get("DeadLetterConfig", {}).get("Arn")
        if queue is None:
            self._cloud.note("background-error", rule_arn, error=f"event lost, no dead-letter queue: {error}")
            return
        attributes = {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": code,
            "ERROR_MESSAGE": str(error)[:1000],
            "RETRY_ATTEMPTS": str(attempts),
        }
        try:
            self._cloud.deliver(queue, json.dumps(event), by=_SERVICE, source_arn=rule_arn, attributes=attributes)
            self._cloud.note("dead-letter", rule_arn, target=queue, body=json.dumps(event)[:4000], why=str(error))
        except DeliveryError as second:
            self._cloud.note("background-error", rule_arn, error=f"event lost: {error}; dead-letter queue: {second}")


def _role_for(target: dict[str, Any]) -> str | None:
    """Functions, topics and log groups are reached by their own policy, whatever role the target names."""
    by_role = target["Arn"].split(":")[2] in ("states", "sqs")
    return target.get("RoleArn") if by_role else None


def at_path(event: Any, path: str) -> Any:
    """Return what a simple JSON path ("$.detail.key", "$.resources[0]") finds, or None."""
    for part in re.findall(r"[^.\[\]]+", path.removeprefix("$")):
        if isinstance(event, dict):
            event = event.get(part)
        elif isinstance(event, list) and part.isdigit() and int(part) < len(event):
            event = event[int(part)]
        else:
            return None
    return event


def transformed(target: dict[str, Any], event: dict[str, Any], rule_arn: str, rule_name: str) -> str:
    """Return what a target gets of an event: all of it, a part, a constant, or a template filled in."""
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        return json.dumps(at_path(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = {name: at_path(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": event["time"],
        "aws.events.event": event,
        "aws.events.event.json": event,
    }
    return _fill(transformer["InputTemplate"], values)


def _fill(template: str, values: dict[str, Any]) -> str:
    """Put values in the places of a template: as text inside quotes, as JSON outside of them."""
    is_json = template.lstrip()[:1] in ("{", "[")
    parts: list[str] = []
    position, in_string = 0, False
    for match in _PLACEHOLDER.finditer(template):
        before = template[position : match.start()]
        in_string ^= len(re.findall(r'(?<!\\)"', before)) % 2 == 1
        parts.append(before)
        position = match.end()
        if match["name"] not in values:
            parts.append(match[0])
            continue
        value = values[match["name"]]
        if in_string:
            parts.append(json.dumps(value)[1:-1] if isinstance(value, str) else _as_text(value))
        elif is_json:
            parts.append(json.dumps(value))
        else:
            parts.append(value if isinstance(value, str) else json.dumps(value))
    filled = "".join(parts) + template[position:]
    return filled if is_json or _is_json(filled) else json.dumps(filled)


def _as_text(value: Any) -> str:
    return "" if value is None else json.dumps(json.dumps(value))[1:-1]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def install(cloud: Cloud) -> None:
    """Replace how moto's rules reach their targets."""
    from moto.events.models import Rule

    rules = Rules(cloud)

    def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.get_pattern():
            return  # a rule with a schedule only has no pattern, which moto would match with everything
        event = dict(original_event)
        if isinstance(event.get("time"), (int, float)):
            event["time"] = datetime.fromtimestamp(event["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if self.event_pattern.matches_event(event):
            rules.send(self, event)

    Rule.send_to_targets = send_to_targets
