"""Deployment plans, how traffic is divided, and rollbacks for want of a grant."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from localcloud.operations import ApiError
from localcloud.sagemaker.guardrails import read_plan
from localcloud.sagemaker.splitter import Splitter


def blue_green(routing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"WaitIntervalInSeconds": 60, **routing}, **more}}


@pytest.mark.parametrize(
    ("config", "instances", "shares"),
    [
        (None, 1, (1.0,)),
        (blue_green({"Type": "ALL_AT_ONCE"}), 1, (1.0,)),
        (blue_green({"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10}}), 1, (0.1, 1.0)),
        (blue_green({"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}), 4, (0.25, 1.0)),
        (
            blue_green({"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 30}}),
            1,
            (0.3, 0.6, 0.9, 1.0),
        ),
        (
            {
                "RollingUpdatePolicy": {
                    "MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                    "WaitIntervalInSeconds": 60,
                }
            },
            2,
            (0.5, 1.0),
        ),
    ],
)
def test_a_plan_holds_each_share_that_the_config_asks_for(
    config: dict[str, Any] | None, instances: int, shares: tuple[float, ...]
) -> None:
    # given a deployment config
    # when
    plan = read_plan(config, instances)
    # then
    assert plan.shares == pytest.approx(shares)
    assert plan.bake == timedelta(seconds=60 if config else 0)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, None),
        ({"AutoRollbackConfiguration": {"Alarms": []}}, "exactly one of"),
        (blue_green({"Type": "CANARY"}), "lacks its size"),
        (blue_green({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 3601}), "WaitIntervalInSeconds 3601"),
        (blue_green({"Type": "ALL_AT_ONCE"}, MaximumExecutionTimeoutInSeconds=599), "599"),
        (
            blue_green({"Type": "ALL_AT_ONCE"}, TerminationWaitInSeconds=600, MaximumExecutionTimeoutInSeconds=600),
            "add",
        ),
        (
            {
                **blue_green({"Type": "ALL_AT_ONCE"}),
                "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": str(number)} for number in range(11)]},
            },
            "11 alarms",
        ),
    ],
)
def test_a_config_beyond_the_limits_is_refused_by_the_limit(config: dict[str, Any], told: str | None) -> None:
    # given / when / then
    if told is None:
        assert read_plan(config, 1).shares == (1.0,)
        return
    with pytest.raises(ApiError, match=told):
        read_plan(config, 1)


def test_picks_follow_the_weights_to_within_one_at_every_moment() -> None:
    # given
    weights = {"a": 0.1, "b": 0.6, "c": 0.3}
    splitter, picked = Splitter(weights), Counter[str]()
    # when
    worst = 0.0
    for number in range(1, 1001):
        picked[splitter.pick()] += 1
        worst = max(worst, *(abs(picked[name] - number * weight) for name, weight in weights.items()))
    # then
    assert worst <= 1.0
    assert picked == {"a": 100, "b": 600, "c": 300}


def test_weights_that_leave_nothing_to_pick_are_refused() -> None:
    # given / when / then
    with pytest.raises(ValueError, match="nothing to pick"):
        Splitter({"a": 0.0})
