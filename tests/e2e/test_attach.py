"""Somebody's endpoint is attached: watched as it is, retrained, rolled out, rolled back, and let go of unharmed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.demo import story
from cli.demo.stage import Stage
from cli.demo.world import ExampleWorld
from cli.project import synthesize
from localcloud.client import LocalCloud
from tests.e2e import audit
from tests.e2e.conftest import begin, changed_model
from tests.e2e.owner import ARTEFACTS, BUCKET, CAPTURES, ENDPOINT, Owner
from watchkeeper import naming
from watchkeeper.aws.looks import ATTRIBUTION
from watchkeeper.config import ModelConfig, load
from watchkeeper.naming import AlarmKind
from watchkeeper.trainingset import MANIFEST, Manifest

pytestmark = pytest.mark.e2e
SCRIPT = story.Script()


@dataclass(frozen=True)
class Attached:
    """Our stage, on their endpoint."""

    owner: Owner
    stage: Stage
    assembly: Path


@pytest.fixture(scope="module")
def attached(model: ModelConfig, artefact: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attached]:
    """Deployed for an endpoint that was there before; its owner has done nothing yet."""
    folder = tmp_path_factory.mktemp("attached")
    with LocalCloud.start(folder / "aws" / "home") as cloud:
        owner = Owner.serving(cloud, model, artefact)
        attach = {
            "name": ENDPOINT,
            "capture": CAPTURES,
            "artefacts": [ARTEFACTS],
            "kms_keys": [owner.key],
            "source": "examples/credit",
        }
        file = changed_model(folder, endpoint={"attach": attach})
        synthesize(str(file), folder / "cdk.out")
        story.deploy_platform(cloud, folder / "cdk.out")
        cloud.deploy(folder / "cdk.out", ["--exclusively", naming.model_stack(model.name)])
        stage = Stage(cloud, load(file), ExampleWorld(), rows_an_hour=SCRIPT.rows_an_hour)
        yield Attached(owner, stage, folder / "cdk.out")


@pytest.fixture(scope="module")
def stage(attached: Attached) -> Stage:
    """Onboarded, once the owner has done their part; a few hours of healthy traffic have passed."""
    attached.owner.switch_events_on()
    begin(attached.stage)
    return attached.stage


def served(stage: Stage) -> str:
    """The endpoint config in service."""
    answer = stage.cloud.client("sagemaker").describe_endpoint(EndpointName=ENDPOINT)
    assert answer["EndpointStatus"] == "InService"
    return str(answer["EndpointConfigName"])


def captured(stage: Stage, bucket: str, prefix: str) -> int:
    """How many objects a place holds."""
    pages = stage.cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(page["KeyCount"] for page in pages)


def test_onboarding_says_what_the_owner_must_do_first(attached: Attached) -> None:
    # when
    execution = attached.stage.start("Onboarding", data="s3://none/yet.csv")
    attached.stage.cloud.settle()
    # then
    ended = attached.stage.cloud.client("stepfunctions").describe_execution(executionArn=execution)
    assert ended["status"] == "FAILED"
    assert f"Bucket '{BUCKET}' sends no events to EventBridge: its owner switches them on" in ended["cause"]


def test_healthy_traffic_is_watched_without_touching_the_endpoint(stage: Stage) -> None:
    # when
    stage.hours(4)
    # then
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    assert stage.alarm_state(AlarmKind.ATTENTION) == "OK"
    assert stage.serving_version() == "v1"
    assert served(stage) == ENDPOINT
    assert captured(stage, stage.bucket, naming.findings_prefix(stage.model.name)) > 0
    assert captured(stage, stage.bucket, naming.capture_prefix(stage.model.name)) == 0


def test_what_a_model_goes_by_that_is_not_ours_is_asked_with_what_was_captured_for_its_owner(stage: Stage) -> None:
    # when
    story.goes_by(stage)
    at = stage.cloud.now()
    story.finish(stage, stage.start("Attribution", scheduled_time=at.isoformat()), "Attribution")
    # then
    looked = naming.findings_key(stage.model.name, ATTRIBUTION, at)
    assert captured(stage, stage.bucket, looked) == 1


def test_drift_is_told_and_retraining_rolls_version_2_out_behind_a_canary(stage: Stage) -> None:
    # when
    story.drift(stage, SCRIPT)
    story.live_on(stage, SCRIPT)
    story.retrain(stage, SCRIPT)
    # then
    (message,) = [m for m in stage.messages("alarm") if ": drift in" in m["detail"]["subject"]]
    assert "income" in message["detail"]["subject"] + message["detail"]["body"]
    assert stage.serving_version() == "v2"
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    shares = [entry["detail"].get("new_share") for entry in stage.cloud.timeline() if entry["kind"] == "endpoint"]
    assert [share for share in shares if share is not None] == [0.1, 1.0]


def test_version_2_is_served_like_the_first_and_captured_to_the_data_bucket(stage: Stage) -> None:
    # given
    theirs = captured(stage, BUCKET, "monitoring/captured/")
    ours = naming.capture_prefix(stage.model.name, "v2")
    before = captured(stage, stage.bucket, ours)
    # when
    stage.hours(1)
    # then
    config = stage.cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=served(stage))
    (variant,) = config["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.c5.large", 2)
    assert captured(stage, stage.bucket, ours) > before
    assert captured(stage, BUCKET, "monitoring/captured/") == theirs


def test_a_flawed_version_is_rolled_back_by_itself(stage: Stage) -> None:
    # when
    story.go_wrong_and_back(stage, SCRIPT)
    # then
    assert stage.serving_version() == "v2"
    assert len(stage.messages("rolled-back")) == 1
    assert set(trained_on(stage)) == {"v1", "v2"}


def trained_on(stage: Stage) -> dict[str, int]:
    """Rows of the newest training set by the version that was asked: the first was captured to their bucket."""
    s3 = stage.cloud.client("s3")
    listed = s3.list_objects_v2(Bucket=stage.bucket, Prefix=f"training/{stage.model.name}/")["Contents"]
    newest = max((o for o in listed if o["Key"].endswith(MANIFEST)), key=lambda o: o["LastModified"])
    return dict(Manifest.from_json(s3.get_object(Bucket=stage.bucket, Key=newest["Key"])["Body"].read()).versions)


def test_a_person_can_go_back_to_what_the_endpoint_served_at_first(stage: Stage) -> None:
    # when
    execution = stage.start("Rollback", reason="version 2 is unfair")
    stage.until(lambda: stage.status(execution) != "RUNNING", "end of the rollback", 2)
    # then
    assert stage.status(execution) == "SUCCEEDED"
    assert stage.serving_version() == "v1"
    assert stage.alarm_state(AlarmKind.MISSING_CAPTURE) == "OK"
    assert captured(stage, stage.bucket, naming.capture_prefix(stage.model.name, "v1")) > 0


def test_afterwards_no_call_was_denied_nothing_failed_and_no_grant_is_left_over(stage: Stage) -> None:
    # when
    surplus = audit.surplus(stage)
    # then
    assert audit.denied(stage) == []
    assert audit.background_errors(stage) == []
    assert not surplus, "\n" + "\n".join(surplus)


def test_the_endpoint_serves_on_when_the_stack_is_destroyed(attached: Attached, stage: Stage) -> None:
    # given
    config, before = served(stage), len(audit.background_errors(stage))
    # when
    stage.cloud.destroy(attached.assembly, [naming.model_stack(stage.model.name)])
    # then
    assert served(stage) == config
    sent = stage.traffic.sent
    stage.hours(1)
    assert (stage.traffic.sent > sent, stage.traffic.failed) == (True, 0)
    assert len(audit.background_errors(stage)) == before  # captures are written: the role is still there
