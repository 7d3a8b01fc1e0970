"""Deployment and endpoint configs as SageMaker takes them, and the version to go back to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from tests.support import model_spec
from watchkeeper import naming
from watchkeeper.aws.registry import State, VersionRecord
from watchkeeper.errors import RolloutError
from watchkeeper.rollout import (
    INSTANT,
    ServingSettings,
    canary_alarm_parameters,
    deployment_config,
    endpoint_config_parameters,
    last_good,
    waits_seconds,
)
from watchkeeper.spec import Strategy

ROLLOUT = model_spec().rollout
SETTINGS = ServingSettings("ml.m5.large", 2, 100)


def api_complaints(service: str, operation: str, parameters: dict[str, Any]) -> str:
    """What the SDK's own description of the API has against the parameters."""
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(parameters, shape).generate_report())


def record(version: str, state: State, served_since: datetime | None = None) -> VersionRecord:
    created = datetime(2026, 11, 1, tzinfo=UTC)
    return VersionRecord(version, f"arn:{version}", f"credit--{version}", state, created, served_since)


def test_a_canary_takes_its_share_waits_and_is_undone_by_its_alarms() -> None:
    # when
    config = deployment_config(ROLLOUT, ["a", "b"])
    # then
    assert config == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 600,
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
            },
            "TerminationWaitInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 7200,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}, {"AlarmName": "b"}]},
    }


@pytest.mark.parametrize("strategy", [*Strategy, INSTANT])
def test_every_strategy_gives_what_the_api_takes(strategy: str) -> None:
    # when
    config = deployment_config(dataclasses.replace(ROLLOUT, size_percent=25), ["alarm"], strategy)
    # then
    parameters = {"EndpointName": "credit", "EndpointConfigName": "credit--v2", "DeploymentConfig": config}
    assert api_complaints("sagemaker", "UpdateEndpoint", parameters) == ""


def test_a_linear_rollout_has_steps_and_an_all_at_once_one_has_no_size() -> None:
    # given
    linear = dataclasses.replace(ROLLOUT, strategy=Strategy.LINEAR, size_percent=30)
    # when
    stepped = deployment_config(linear, [])["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    at_once = deployment_config(linear, [], "all_at_once")["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    # then
    assert stepped["LinearStepSize"] == {"Type": "CAPACITY_PERCENT", "Value": 30}
    assert at_once == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 600}
    assert (waits_seconds(linear), waits_seconds(linear, Strategy.CANARY)) == (4 * 600 + 300, 900)


def test_going_back_waits_for_nothing_and_cannot_be_undone_by_an_alarm() -> None:
    # when
    config = deployment_config(ROLLOUT, ["alarm"], INSTANT)
    # then
    assert "AutoRollbackConfiguration" not in config
    policy = config["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    assert policy["TerminationWaitInSeconds"] == 0


@pytest.mark.parametrize(
    ("changes", "strategy", "complaint"),
    [
        ({"size_percent": 51}, "canary", "size is 51.*1 to 50"),
        ({"size_percent": 9}, "linear", "size is 9.*10 to 50"),
        ({"wait_seconds": 3601}, None, "wait is 3601"),
        ({"termination_wait_seconds": 3601}, None, "termination_wait is 3601"),
        ({"timeout_seconds": 599}, None, "timeout is 599"),
        ({"timeout_seconds": 28801}, None, "timeout is 28801"),
        ({"timeout_seconds": 900}, None, "add up to 900"),
        ({"timeout_seconds": 6300}, "linear", "add up to 6300"),
        ({}, "slowly", "'slowly'; expected one of all_at_once, canary, linear, instant"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_here(
    changes: dict[str, Any], strategy: str | None, complaint: str
) -> None:
    # given
    rollout = dataclasses.replace(ROLLOUT, **changes)
    # then
    with pytest.raises(RolloutError, match=complaint):
        deployment_config(rollout, ["alarm"], strategy)


def test_more_alarms_than_sagemaker_takes_are_refused() -> None:
    with pytest.raises(RolloutError, match="11 alarms"):
        deployment_config(ROLLOUT, [str(number) for number in range(11)])


def test_settings_are_read_back_and_equal_settings_are_equal_text() -> None:
    # when
    text = SETTINGS.to_json()
    # then
    assert text == (
        '{"autoscaled":false,"capture_percent":100,"environment":{},"instance_count":2,"instance_type":"ml.m5.large"}'
    )
    assert ServingSettings.from_json(text) == SETTINGS


@pytest.mark.parametrize("text", ["", "[]", '{"instance_type": "ml.m5.large"}'])
def test_settings_that_are_none_are_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(RolloutError, match="deploy the model's stack again"):
        ServingSettings.from_json(text)


def test_an_endpoint_config_captures_both_sides_to_its_own_place() -> None:
    # when
    parameters = endpoint_config_parameters("credit--v2", "credit--abc", SETTINGS, "s3://b/capture/credit/v2", "key")
    # then
    assert api_complaints("sagemaker", "CreateEndpointConfig", parameters) == ""
    assert parameters["ProductionVariants"][0]["VariantName"] == naming.VARIANT
    assert parameters["DataCaptureConfig"]["DestinationS3Uri"] == "s3://b/capture/credit/v2"
    assert [option["CaptureMode"] for option in parameters["DataCaptureConfig"]["CaptureOptions"]] == [
        "Input",
        "Output",
    ]


@pytest.mark.parametrize(
    ("instance_type", "takes_a_key"),
    [
        ("ml.m5.large", True),
        ("ml.c7g.xlarge", True),
        ("ml.inf2.xlarge", True),
        ("ml.m5d.large", False),
        ("ml.r6gd.large", False),
        ("ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", False),
    ],
)
def test_disks_take_a_key_unless_they_are_the_instances_own(instance_type: str, takes_a_key: bool) -> None:
    # given
    settings = dataclasses.replace(SETTINGS, instance_type=instance_type)
    # when
    parameters = endpoint_config_parameters("name", "model", settings, "s3://b/c", "key")
    # then
    assert ("KmsKeyId" in parameters) is takes_a_key
    assert parameters["DataCaptureConfig"]["KmsKeyId"] == "key"


def test_the_canary_alarm_watches_the_new_config_alone() -> None:
    # when
    parameters = canary_alarm_parameters("credit", "credit--v2-ab", 0.02)
    # then
    assert api_complaints("cloudwatch", "PutMetricAlarm", parameters) == ""
    assert parameters["AlarmName"] == naming.canary_alarm("credit--v2-ab")
    assert {"Name": "EndpointConfigName", "Value": "credit--v2-ab"} in parameters["Dimensions"]
    assert (parameters["Threshold"], parameters["ComparisonOperator"]) == (0.02, "GreaterThanThreshold")


def test_the_last_good_version_is_the_retired_one_that_took_over_last() -> None:
    # given
    records = [
        record("v1", State.RETIRED, datetime(2026, 11, 9, tzinfo=UTC)),  # served, and was gone back to
        record("v2", State.RETIRED, datetime(2026, 11, 2, tzinfo=UTC)),
        record("v3", State.REJECTED, datetime(2026, 11, 10, tzinfo=UTC)),
        record("v4", State.SERVING, datetime(2026, 11, 11, tzinfo=UTC)),
        record("v5", State.CANDIDATE),
    ]
    # when
    good = last_good(records, "v4")
    # then
    assert good is records[0]


def test_there_is_no_good_version_when_none_has_served_before() -> None:
    # given
    serving = record("v2", State.SERVING, datetime(2026, 11, 9, tzinfo=UTC))
    rejected = record("v1", State.REJECTED, datetime(2026, 11, 8, tzinfo=UTC))
    # then
    assert last_good([serving, rejected], "v2") is None
