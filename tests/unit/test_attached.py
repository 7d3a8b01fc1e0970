"""An endpoint that is not ours: every reason that it cannot be taken over has its remedy, and all are told at once."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lambdas.inspect_attached import handler as inspect_attached
from tests.support import CONTEXT
from tests.unit.acting import NOW, ROLE, SPEC, World, world
from watchkeeper import attached
from watchkeeper.attached import Found
from watchkeeper.spec import Attached

KEY = "arn:aws:kms:eu-west-1:123456789012:key/theirs"
ATTACHED = Attached("legacy", "s3://their-bucket/captured", ("s3://their-bucket/models/",), (KEY,))
CONFIG: dict[str, Any] = {
    "EndpointConfigName": "theirs",
    "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": "theirs", "InstanceType": "ml.m5.large"}],
    "DataCaptureConfig": {
        "EnableCapture": True,
        "InitialSamplingPercentage": 50,
        "DestinationS3Uri": "s3://their-bucket/captured/",
        "KmsKeyId": KEY,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    },
}
CONTAINER = {
    "Image": "image",
    "ModelDataUrl": "s3://their-bucket/models/model.tar.gz",
    "Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://their-bucket/models/sourcedir.tar.gz"},
}
FOUND = Found("InService", CONFIG, {"ModelName": "theirs"}, CONTAINER, sends_events=True)
Change = Callable[[dict[str, Any]], object]


def config_with(change: Change) -> Found:
    config = copy.deepcopy(CONFIG)
    change(config)
    return dataclasses.replace(FOUND, config=config)


def variant(**changes: Any) -> Found:
    return config_with(lambda config: config["ProductionVariants"][0].update(changes))


def capture(**changes: Any) -> Found:
    return config_with(lambda config: config["DataCaptureConfig"].update(changes))


def container(**changes: Any) -> Found:
    return dataclasses.replace(FOUND, container={**CONTAINER, **changes})


def test_an_endpoint_that_meets_every_precondition_has_no_obstacle() -> None:
    # then
    assert attached.obstacles(ATTACHED, FOUND) == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (dataclasses.replace(FOUND, status="Updating"), "'legacy' is Updating: wait"),
        (config_with(lambda c: c["ProductionVariants"].append({"VariantName": "b"})), "2 variants; one is needed"),
        (config_with(lambda c: c["ProductionVariants"][0].pop("InstanceType")), "not serverless"),
        (variant(VariantName="Main"), "is called 'Main', and a rollout cannot rename it"),
        (config_with(lambda c: c.update(ShadowProductionVariants=[{}])), "has ShadowProductionVariants"),
        (dataclasses.replace(FOUND, model={"VpcConfig": {"Subnets": ["s"]}}), "has VpcConfig"),
        (dataclasses.replace(FOUND, container={}), "one model in one container"),
        (container(Mode="MultiModel"), "one model in one container"),
        (
            container(ModelDataUrl="s3://other/m.tar.gz"),
            "loads s3://other/m.tar.gz: name it in endpoint.attach.artefacts",
        ),
        (container(Environment={"CODE": "s3://other/code.tar.gz"}), "loads s3://other/code.tar.gz"),
        (config_with(lambda c: c.pop("DataCaptureConfig")), "captures nothing: update it to a config"),
        (capture(EnableCapture=False), "captures nothing"),
        (capture(InitialSamplingPercentage=0), "captures nothing"),
        (capture(CaptureOptions=[{"CaptureMode": "Input"}]), "captures Input only"),
        (capture(DestinationS3Uri="s3://their-bucket/else"), "correct endpoint.attach.capture"),
        (capture(KmsKeyId="other-key"), "name its ARN in endpoint.attach.kms_keys"),
        (dataclasses.replace(FOUND, sends_events=False), "Amazon EventBridge"),
    ],
)
def test_each_obstacle_is_told_with_its_remedy(found: Found, expected: str) -> None:
    # when
    (obstacle,) = attached.obstacles(ATTACHED, found)
    # then
    assert expected in obstacle


def test_all_obstacles_are_told_at_once() -> None:
    # given
    found = dataclasses.replace(variant(VariantName="Main"), sends_events=False, status="Failed")
    # then
    assert len(attached.obstacles(ATTACHED, found)) == 3


def test_what_is_taken_over_is_what_createmodel_takes() -> None:
    # given
    source = {"S3DataSource": {"S3Uri": "s3://their-bucket/models/model.tar.gz"}}
    shown = container(ModelDataSource=source, ContainerHostname="h", Mode="SingleModel", Environment={})
    # when
    taken = attached.container(shown)
    # then
    assert taken == {"Image": "image", "ModelDataUrl": "s3://their-bucket/models/model.tar.gz"}
    assert attached.container(dataclasses.replace(shown, container={"Image": "i", "ModelDataSource": source})) == {
        "Image": "i",
        "ModelDataSource": source,
    }
    assert attached.model_name("credit", taken) != attached.model_name("credit", CONTAINER)


# --- inspect_attached ---------------------------------------------------------------------------------------------


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Their endpoint beside our empty table; their bucket sends events."""
    with world(monkeypatch, [inspect_attached]) as made:
        spec = dataclasses.replace(SPEC, endpoint="legacy", attached=ATTACHED)
        monkeypatch.setattr(inspect_attached, "deployed_spec", lambda: spec)
        monkeypatch.setattr(inspect_attached, "_sends_events", {"their-bucket": True}.__getitem__)  # moto never says so
        serve(made, CONTAINER)
        yield made


def serve(made: World, container: dict[str, Any]) -> None:
    made.sagemaker.create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = CONFIG["ProductionVariants"][0] | {"InitialInstanceCount": 1, "InitialVariantWeight": 1}
    config = CONFIG | {"ProductionVariants": [variant]}
    made.sagemaker.create_endpoint_config(**config)
    made.sagemaker.create_endpoint(EndpointName="legacy", EndpointConfigName="theirs")


def inspect() -> dict[str, Any]:
    return inspect_attached.handler({}, CONTEXT)


def test_version_1_is_a_copy_of_the_model_that_serves(aws: World) -> None:
    # given: the group holds a package 1, of an onboarding that failed later
    # when
    answer = inspect()
    # then
    assert (answer["ok"], answer["endpoint_config"]) == (True, "theirs")
    assert answer["model"]["PrimaryContainer"] == answer["container"] == CONTAINER
    assert answer["model_name"] == answer["model"]["ModelName"] == attached.model_name(SPEC.name, CONTAINER)
    assert answer["package_arn"].endswith(f"model-package/{SPEC.name}/1")


def test_a_second_onboarding_makes_nothing_twice(aws: World) -> None:
    # given
    aws.sagemaker.create_model(**inspect()["model"])
    # then
    assert inspect()["model"] is None


def test_the_record_of_version_1_is_enough_when_another_serves(aws: World) -> None:
    # given
    aws.version("v1", "retired", NOW)
    aws.sagemaker.delete_endpoint(EndpointName="legacy")
    # when
    answer = inspect()
    # then
    assert (answer["ok"], answer["model"], answer["model_name"]) == (True, None, f"{SPEC.name}--v1-made")


def test_an_endpoint_that_is_not_there_is_named(aws: World) -> None:
    # given
    aws.sagemaker.delete_endpoint(EndpointName="legacy")
    # when
    answer = inspect()
    # then
    assert not answer["ok"]
    assert "Endpoint 'legacy' is not in this account and region: correct endpoint.attach.name" in answer["reason"]


def test_a_model_package_tells_what_its_model_runs(aws: World) -> None:
    # given
    package = aws.package()
    aws.sagemaker.delete_model(ModelName="theirs")
    serving = {"ModelPackageName": package, "Environment": {"THREADS": "2"}}
    aws.sagemaker.create_model(ModelName="theirs", ExecutionRoleArn=ROLE, PrimaryContainer=serving)
    # when
    answer = inspect()
    # then
    assert answer["reason"].startswith("The model loads s3://b/model.tar.gz: name it in endpoint.attach.artefacts")


@pytest.mark.parametrize("bucket", ["data-bucket", "no-such-bucket"])
def test_a_bucket_that_is_silent_or_missing_sends_no_events(monkeypatch: pytest.MonkeyPatch, bucket: str) -> None:
    # given
    with world(monkeypatch, [inspect_attached]):
        # then
        assert not inspect_attached._sends_events(bucket)
