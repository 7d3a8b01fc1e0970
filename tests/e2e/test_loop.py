"""The whole loop, once, under IAM: serve, drift, alarm, label, retrain, canary, `cdk deploy` in between, roll back."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from cli.demo import story
from cli.demo.stage import Stage
from cli.project import synthesize
from tests.e2e.conftest import changed_model
from watchkeeper import naming
from watchkeeper.naming import AlarmKind

pytestmark = pytest.mark.e2e
SCRIPT = story.Script()

UNUSED_ON_PURPOSE = {
    "logs:*": "services write logs themselves, as the role; the embedded AWS writes them as the service",
    "xray:*": "tracing is not embedded",
    "sqs:SendMessage": "dead letters: only when something fails for good",
    "kms:Decrypt": "services use the key for the role behind the scenes, beside the reads that are checked",
    "kms:GenerateDataKey": "the same",
    "kms:CreateGrant": "SageMaker encrypts instances' volumes through a grant",
    "ecr:BatchCheckLayerAvailability": "images run as local processes",
    "ecr:BatchGetImage": "the same",
    "ecr:GetDownloadUrlForLayer": "the same",
    "ecr:GetAuthorizationToken": "the same",
    "cloudwatch:PutMetricData": "SageMaker's containers publish their own metrics",
    "events:DescribeRule": "how Step Functions learns that a nested execution has ended",
    "events:PutRule": "the same",
    "events:PutTargets": "the same",
    "glue:GetSecurityConfiguration": "Glue reads it as the job's role",
    "DecidersCheckTrainingSet s3:ListBucket": "without it S3 says forbidden of an object that is missing",
    "DecidersVerifyRollout s3:ListBucket": "the same",
    "DecidersPlanRollout s3:ListBucket": "the same, for a version that a person registered: see test_failures",
    "DecidersPlanRollout s3:GetObject": "a version that a person registered gets its predecessor's baseline",
    "DecidersPlanRollout s3:PutObject": "the same",
    "RolloutRollout sagemaker:CreateModel": "a version that a person registered",
    "RolloutRollout iam:PassRole": "the same",
    "RolloutRollout sagemaker:UpdateModelPackage": "a rollout that fails rejects its version: see test_failures",
}
"""What a role may do and no healthy run needs, by action or by role and action, each with its reason."""


def denied(stage: Stage) -> list[dict[str, Any]]:
    return [entry for entry in stage.cloud.timeline() if entry["kind"] == "denied"]


def background_errors(stage: Stage) -> list[dict[str, Any]]:
    return [
        entry
        for entry in stage.cloud.timeline()
        if entry["kind"] in ("background-error", "lambda-error", "dead-letter")
    ]


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
    assert denied(stage) == []
    assert background_errors(stage) == []


def test_every_grant_of_every_role_was_used(stage: Stage) -> None:
    # when
    unused = stage.cloud.calls()["unused"]
    # then
    surplus = {
        f"{grant['role']} {action}"
        for grant in unused
        for action in grant["actions"]
        if not _kept(grant["role"], action)
    }
    assert not surplus, "\n" + "\n".join(sorted(surplus))


def _kept(role: str, action: str) -> bool:
    """Whether the action is kept on purpose for this role; a role's name begins with those of its constructs."""
    for name in UNUSED_ON_PURPOSE:
        construct, _, pattern = name.rpartition(" ")
        if role.startswith(f"Watchkeeper-credit-risk-{construct}") and fnmatch(action, pattern):
            return True
    return False
