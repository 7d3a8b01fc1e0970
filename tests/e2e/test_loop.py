"""The whole loop, once, under IAM: serve, drift, alarm, label, retrain, canary, `cdk deploy` in between, roll back."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.demo import story
from cli.demo.stage import Stage
from cli.project import synthesize
from tests.e2e import audit
from tests.e2e.conftest import changed_model
from watchkeeper import naming
from watchkeeper.naming import AlarmKind

pytestmark = pytest.mark.e2e
SCRIPT = story.Script()


def test_healthy_traffic_raises_no_alarm(stage: Stage) -> None:
    # when
    stage.hours(4)
    # then
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    assert stage.alarm_state(AlarmKind.ATTENTION) == "OK"
    assert stage.messages("alarm") == []


def test_drift_raises_the_alarm_and_one_message_that_names_the_features(stage: Stage) -> None:
    # when
    story.drift(stage, SCRIPT)
    # then
    (message,) = [m for m in stage.messages("alarm") if "drift" in m["detail"]["subject"]]
    assert "income" in message["detail"]["subject"] + message["detail"]["body"]
    assert stage.serving_version() == "v1"


def test_labels_bring_a_new_version_through_gate_and_canary_and_the_alarm_clears(stage: Stage) -> None:
    # when
    story.live_on(stage, SCRIPT)
    story.retrain(stage, SCRIPT)
    # then
    assert stage.serving_version() == "v2"
    assert stage.alarm_state(AlarmKind.DRIFT) == "OK"
    shares = [entry["detail"].get("new_share") for entry in stage.cloud.timeline() if entry["kind"] == "endpoint"]
    assert [share for share in shares if share is not None] == [0.1, 1.0]
    packages = stage.cloud.client("sagemaker").list_model_packages(ModelPackageGroupName=stage.model.name)
    assert {p["ModelPackageVersion"] for p in packages["ModelPackageSummaryList"]} == {1, 2}


def test_cdk_deploy_keeps_the_version_and_a_changed_setting_reaches_it(stage: Stage, tmp_path: Path) -> None:
    # given
    file = changed_model(tmp_path, endpoint__create__instance_count=2)
    synthesize(str(file), tmp_path / "cdk.out")
    # when
    stage.cloud.deploy(tmp_path / "cdk.out", ["--exclusively", naming.model_stack(stage.model.name)])
    stage.until(lambda: story.ended(stage, "Rollout") and instances(stage) == 2, "rollout of the setting", 4)
    # then
    assert stage.serving_version() == "v2"
    assert instances(stage) == 2


def instances(stage: Stage) -> int:
    endpoint = stage.cloud.client("sagemaker").describe_endpoint(EndpointName=stage.model.endpoint_name)
    config = stage.cloud.client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    return int(config["ProductionVariants"][0]["InitialInstanceCount"])


def test_a_flawed_version_that_passes_every_offline_gate_is_rolled_back_by_itself(stage: Stage) -> None:
    # when
    story.go_wrong_and_back(stage, SCRIPT)
    # then
    assert stage.serving_version() == "v2"
    assert len(stage.messages("rolled-back")) == 1
    incidents = stage.cloud.client("s3").list_objects_v2(Bucket=stage.bucket, Prefix=f"incidents/{stage.model.name}/")
    assert incidents["KeyCount"] == 1
    flawed = stage.cloud.client("sagemaker").list_model_packages(
        ModelPackageGroupName=stage.model.name, ModelApprovalStatus="Rejected"
    )
    assert [p["ModelPackageVersion"] for p in flawed["ModelPackageSummaryList"]] == [3]


def test_afterwards_no_lock_is_left_no_call_was_denied_and_nothing_failed_behind_the_scenes(stage: Stage) -> None:
    # when
    lock = stage.cloud.client("dynamodb").get_item(TableName=stage.outputs["StateTableName"], Key={"pk": {"S": "lock"}})
    # then
    assert "Item" not in lock
    assert audit.denied(stage) == []
    assert audit.background_errors(stage) == []


def test_every_grant_of_every_role_was_used(stage: Stage) -> None:
    # when
    surplus = audit.surplus(stage)
    # then
    assert not surplus, "\n" + "\n".join(surplus)
