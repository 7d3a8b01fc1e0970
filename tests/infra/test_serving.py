"""`cdk deploy` never changes which version is served."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.infra.conftest import MODEL, Assembly, Synthesizer, Template, listed, of_type, only, statements, text
from watchkeeper import naming
from watchkeeper.rollout import ServingSettings

FROZEN = ("AWS::SageMaker::EndpointConfig", "AWS::SageMaker::Endpoint", "AWS::SageMaker::ModelPackage")
CHANGED = {
    "description": "Another text",
    "tags": {"team": "credit"},
    "endpoint.create.instance_type": "ml.g5.xlarge",
    "endpoint.create.instance_count": 3,
    "endpoint.create.capture_percent": 40,
    "endpoint.create.environment": {"THREADS": "2"},
    "endpoint.create.image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/own:1",
    "rollout.strategy": "linear",
    "rollout.size": 25,
    "rollout.error_rate": 0.1,
    "monitors.drift.every": "5 minutes",
}


@pytest.fixture(scope="module")
def changed(synthesize: Synthesizer) -> Assembly:
    """The shipped model with every setting changed that an endpoint could depend on."""
    return synthesize(CHANGED)


def parameters(template: Template) -> dict[str, Any]:
    return {name: p["Default"] for name, p in template["Parameters"].items() if name.startswith("First")}


@pytest.mark.parametrize("kind", FROZEN)
def test_settings_do_not_touch_what_is_served(shipped: Assembly, changed: Assembly, kind: str) -> None:
    # then
    assert of_type(changed.model(), kind) == of_type(shipped.model(), kind)
    assert len(of_type(shipped.model(), kind)) == 1


def test_settings_that_hold_at_creation_are_parameters(shipped: Assembly, changed: Assembly) -> None:
    # given
    before, after = parameters(shipped.model()), parameters(changed.model())
    # then
    assert before == {
        "FirstFrameworkImage": "sagemaker-scikit-learn:1.9-0-cpu-py3",
        "FirstOwnImage": "none",
        "FirstModelName": only(shipped.model(), "AWS::SageMaker::Model")["ModelName"],
        "FirstInstanceType": "ml.m5.large",
        "FirstInstanceCount": 1,
        "FirstCapturePercent": 100,
        "FirstVolumeTakesKey": "yes",
    }
    assert (after["FirstInstanceType"], after["FirstInstanceCount"], after["FirstCapturePercent"]) == (
        "ml.g5.xlarge",
        3,
        40,
    )
    assert after["FirstVolumeTakesKey"] == "no"
    assert after["FirstOwnImage"].endswith("/own:1")


def test_a_changed_environment_makes_another_model_and_keeps_the_one_that_may_be_served(
    shipped: Assembly, changed: Assembly
) -> None:
    # given
    ((_, before),) = of_type(shipped.model(), "AWS::SageMaker::Model").items()
    ((_, after),) = of_type(changed.model(), "AWS::SageMaker::Model").items()
    # then
    assert before["Properties"]["ModelName"] != after["Properties"]["ModelName"]
    assert after["UpdateReplacePolicy"] == "Retain"
    assert after["Properties"]["PrimaryContainer"]["Environment"]["THREADS"] == "2"


def test_the_settings_of_now_are_in_the_parameter_that_starts_the_rollout_machine(changed: Assembly) -> None:
    # given
    settings = next(
        p["Properties"]
        for p in of_type(changed.model(), "AWS::SSM::Parameter").values()
        if p["Properties"]["Name"] == naming.serving_parameter(MODEL)
    )
    (rule,) = (
        r["Properties"]
        for r in of_type(changed.model(), "AWS::Events::Rule").values()
        if r["Properties"]["EventPattern"]["source"] == ["aws.ssm"]
    )
    # then
    assert ServingSettings.from_json(settings["Value"]) == ServingSettings(
        "ml.g5.xlarge", 3, 40, environment={"THREADS": "2"}
    )
    assert rule["EventPattern"]["detail"] == {"name": [naming.serving_parameter(MODEL)], "operation": ["Update"]}
    assert "RolloutRolloutMachine" in text(rule["Targets"][0]["Arn"])


def test_tags_are_kept_off_what_is_served_and_off_the_stack(changed: Assembly) -> None:
    # given
    table = only(changed.model(), "AWS::DynamoDB::Table")
    artefact = json.loads((changed.folder / "manifest.json").read_text())["artifacts"][naming.model_stack(MODEL)]
    # then
    assert {"Key": "team", "Value": "credit"} in table["Tags"]
    assert "tags" not in artefact["properties"]
    for kind in (*FROZEN, "AWS::SageMaker::Model"):
        assert "Tags" not in only(changed.model(), kind)


def test_the_endpoint_has_guardrails_and_an_alarm_that_exists(shipped: Assembly) -> None:
    # given
    config = only(shipped.model(), "AWS::SageMaker::Endpoint")["DeploymentConfig"]
    alarms = {a["Properties"]["AlarmName"] for a in of_type(shipped.model(), "AWS::CloudWatch::Alarm").values()}
    # then
    assert {a["AlarmName"] for a in config["AutoRollbackConfiguration"]["Alarms"]} <= alarms
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert 0 <= routing["WaitIntervalInSeconds"] <= 3600


def test_the_first_version_captures_to_its_own_prefix(shipped: Assembly) -> None:
    # given
    capture = only(shipped.model(), "AWS::SageMaker::EndpointConfig")["DataCaptureConfig"]
    # then
    assert text(capture["DestinationS3Uri"]) == f"s3://Watchkeeper-DataBucketName/capture/{MODEL}/v1"
    assert {option["CaptureMode"] for option in capture["CaptureOptions"]} == {"Input", "Output"}


def test_autoscaling_scales_the_one_variant(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"endpoint.create.autoscaling": {"minimum": 1, "maximum": 4}}).model()
    # then
    target = only(template, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert target["ResourceId"] == f"endpoint/{MODEL}/variant/{naming.VARIANT}"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert len(of_type(template, "AWS::ApplicationAutoScaling::ScalingPolicy")) == 1


def test_an_attached_endpoint_is_watched_and_not_made(attached: Assembly) -> None:
    # then
    for kind in (*FROZEN, "AWS::SageMaker::Model"):
        assert of_type(attached.model(), kind) == {}
    watched = [
        rule["Properties"]["EventPattern"]["detail"]["object"]["key"]
        for rule in of_type(attached.model(), "AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"].get("detail", {}).get("bucket", {}).get("name") == ["their-bucket"]
    ]
    assert watched == [[{"prefix": "captured/legacy/AllTraffic/"}]]
    assert attached.model()["Outputs"]["EndpointName"]["Value"] == "legacy"


def test_only_what_the_file_names_of_an_attached_endpoint_s_owner_may_be_read(attached: Assembly) -> None:
    # given
    granted = {
        (action, resource)
        for _, statement in statements(attached.model())
        for action in listed(statement["Action"])
        for resource in map(text, listed(statement["Resource"]))
        if "their-" in resource
    }
    # then
    assert granted == {
        ("kms:Decrypt", "arn:aws:kms:eu-west-1:123456789012:key/their-key"),
        ("s3:GetBucketNotification", "arn:aws:s3:::their-bucket"),
        ("s3:GetObject", "arn:aws:s3:::their-bucket/captured/legacy/AllTraffic/*"),
        ("s3:GetObject", "arn:aws:s3:::their-models/loans/*"),
        ("s3:ListBucket", "arn:aws:s3:::their-bucket"),
    }


def test_the_role_that_an_attached_endpoint_may_serve_under_outlives_the_stack(
    shipped: Assembly, attached: Assembly
) -> None:
    # given
    roles = [
        resource["DeletionPolicy"]
        for kind in ("AWS::IAM::Role", "AWS::IAM::Policy")
        for name, resource in of_type(attached.model(), kind).items()
        if name.startswith("Serving")
    ]
    # then
    assert roles == ["Retain", "Retain"]
    assert not [r for r in of_type(shipped.model(), "AWS::IAM::Role").values() if r.get("DeletionPolicy") == "Retain"]
