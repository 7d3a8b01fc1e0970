"""How an endpoint update moves traffic: read from a DeploymentConfig, within the limits that the API sets.

A plan is a list of shares of traffic on the new fleet, each held for a while under the rollback alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from localcloud.operations import ApiError

_LONGEST_WAIT = 3600
_EXECUTION_TIMEOUT = (600, 28800)
_MOST_ALARMS = 10


@dataclass(frozen=True)
class Plan:
    """A deployment, step by step.

    Attributes
    ----------
    shares : the new fleet's share of traffic in each step, rising to 1
    bake : how long each step is held
    linger : how long the old fleet is kept after the last step
    limit : the longest that all of it may take
    alarms : names of the alarms that roll it back
    """

    shares: tuple[float, ...] = (1.0,)
    bake: timedelta = timedelta()
    linger: timedelta = timedelta()
    limit: timedelta = timedelta(seconds=_EXECUTION_TIMEOUT[1])
    alarms: tuple[str, ...] = ()


def read_plan(config: Mapping[str, Any] | None, instances: int) -> Plan:
    """Read a DeploymentConfig for a new fleet of so many instances.

    Raises
    ------
    ApiError
        It is beyond the API's limits.
    """
    if not config:
        return Plan()
    policies = [name for name in ("BlueGreenUpdatePolicy", "RollingUpdatePolicy") if name in config]
    if len(policies) != 1:
        raise _refused("DeploymentConfig must hold exactly one of BlueGreenUpdatePolicy and RollingUpdatePolicy.")
    alarms = tuple(alarm["AlarmName"] for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", []))
    if len(alarms) > _MOST_ALARMS:
        raise _refused(f"AutoRollbackConfiguration names {len(alarms)} alarms; at most {_MOST_ALARMS} are allowed.")
    policy = config[policies[0]]
    read = _blue_green if policies[0] == "BlueGreenUpdatePolicy" else _rolling
    plan = read(policy, instances, alarms)
    waits = plan.bake * len(plan.shares) + plan.linger
    if waits > plan.limit:
        raise _refused(
            f"The waits of the deployment add up to {waits.total_seconds():g} s, more than its "
            f"MaximumExecutionTimeoutInSeconds of {plan.limit.total_seconds():g}."
        )
    return plan


def _blue_green(policy: Mapping[str, Any], instances: int, alarms: tuple[str, ...]) -> Plan:
    routing = policy["TrafficRoutingConfiguration"]
    return Plan(
        shares=_shares(routing, instances),
        bake=_wait("WaitIntervalInSeconds", routing["WaitIntervalInSeconds"]),
        linger=_wait("TerminationWaitInSeconds", policy.get("TerminationWaitInSeconds", 0)),
        limit=_limit(policy),
        alarms=alarms,
    )


def _rolling(policy: Mapping[str, Any], instances: int, alarms: tuple[str, ...]) -> Plan:
    batch = _share("MaximumBatchSize", policy["MaximumBatchSize"], instances, least=0.05)
    return Plan(
        shares=_climb(batch),
        bake=_wait("WaitIntervalInSeconds", policy["WaitIntervalInSeconds"]),
        limit=_limit(policy),
        alarms=alarms,
    )


def _shares(routing: Mapping[str, Any], instances: int) -> tuple[float, ...]:
    kind = routing["Type"]
    if kind == "ALL_AT_ONCE":
        return (1.0,)
    if kind == "CANARY" and "CanarySize" in routing:
        return (_share("CanarySize", routing["CanarySize"], instances, least=0.0), 1.0)
    if kind == "LINEAR" and "LinearStepSize" in routing:
        return _climb(_share("LinearStepSize", routing["LinearStepSize"], instances, least=0.1))
    raise _refused(f"Traffic routing of type {kind!r} lacks its size: CANARY needs CanarySize, LINEAR LinearStepSize.")


def _share(name: str, size: Mapping[str, Any], instances: int, least: float) -> float:
    """Return a capacity size as a share of the fleet; at most half of it may move at once."""
    value = float(size["Value"])
    share = value / 100.0 if size["Type"] == "CAPACITY_PERCENT" else value / instances
    if not 0 < share <= 0.5 or share < least:
        raise _refused(
            f"{name} {size['Value']} {size['Type']} is {share:.0%} of the fleet of {instances}; it must be "
            f"{max(least, 0.01):.0%} to 50%."
        )
    return share


def _climb(step: float) -> tuple[float, ...]:
    steps = math.ceil(1.0 / step - 1e-9)
    return tuple(min(1.0, step * number) for number in range(1, steps + 1))


def _wait(name: str, seconds: int) -> timedelta:
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise _refused(f"{name} {seconds} is not within 0 to {_LONGEST_WAIT}.")
    return timedelta(seconds=seconds)


def _limit(policy: Mapping[str, Any]) -> timedelta:
    low, high = _EXECUTION_TIMEOUT
    seconds = policy.get("MaximumExecutionTimeoutInSeconds", high)
    if not low <= seconds <= high:
        raise _refused(f"MaximumExecutionTimeoutInSeconds {seconds} is not within {low} to {high}.")
    return timedelta(seconds=seconds)


def _refused(message: str) -> ApiError:
    return ApiError("ValidationException", message)
