"""Carry out an endpoint update: shift traffic step by step, watch the alarms, and go back if one trips."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.sagemaker.artefacts import PRINCIPAL
from localcloud.sagemaker.fleet import Fleet
from localcloud.sagemaker.guardrails import Plan

ALARM_CHECK = timedelta(seconds=30)


class RolledBackError(LocalCloudError):
    """The deployment must be undone; the message is the endpoint's FailureReason."""


class Traffic(Protocol):
    """What a rollout moves."""

    def shift(self, share: float) -> None:
        """Send this share of requests to the new fleet."""


def carry_out(cloud: Cloud, plan: Plan, traffic: Traffic, new: Fleet, started: datetime) -> None:
    """Shift all traffic to the new fleet by the plan; returns when the old fleet may go.

    Raises
    ------
    RolledBackError
        An alarm tripped, the alarms could not be read, or the time ran out.
    """
    deadline = started + plan.limit
    for share in plan.shares:
        traffic.shift(share)
        _bake(cloud, plan, new, deadline)
    cloud.clock.wait(plan.linger)


def _bake(cloud: Cloud, plan: Plan, new: Fleet, deadline: datetime) -> None:
    """Hold a step, looking at the alarms as it begins, every half minute, and as it ends."""
    until = cloud.clock.now() + plan.bake
    _check_alarms(cloud, plan, new)
    while (now := cloud.clock.now()) < until:
        if now >= deadline:
            raise RolledBackError("The deployment took longer than its MaximumExecutionTimeoutInSeconds.")
        cloud.clock.wait_until(min(until, now + ALARM_CHECK, deadline))
        _check_alarms(cloud, plan, new)


def _check_alarms(cloud: Cloud, plan: Plan, new: Fleet) -> None:
    if not plan.alarms:
        return
    client = cloud.client_as("cloudwatch", new.role_arn, "deployment-guardrails", by=PRINCIPAL)
    try:
        answer = client.describe_alarms(AlarmNames=list(plan.alarms), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    except ClientError as error:
        raise RolledBackError(f"The rollback alarms could not be read with role {new.role_arn}: {error}") from error
    states = {a["AlarmName"]: a["StateValue"] for a in answer["MetricAlarms"] + answer["CompositeAlarms"]}
    missing = [name for name in plan.alarms if name not in states]
    if missing:
        raise RolledBackError(f"Rollback alarms do not exist: {', '.join(missing)}.")
    tripped = [name for name, state in states.items() if state == "ALARM"]
    if tripped:
        raise RolledBackError(f"One or more alarms configured for automatic rollback tripped: {', '.join(tripped)}.")
