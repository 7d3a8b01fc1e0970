"""What a run must not leave behind: refused calls, failures behind the scenes, grants that nobody needed."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any

from cli.demo.stage import Stage
from watchkeeper import naming

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
    "MonitorsMonitorDrift s3:ListBucket": "the same, for an hour that nobody has put together yet",
    "MonitorsMonitorDrift glue:StartJobRun": "windows that are too large for a function: see test_failures",
    "MonitorsMonitorQuality glue:StartJobRun": "the same",
    "SparkJobsMergeHours *": "the same",
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


def surplus(stage: Stage, kept: Mapping[str, str] = UNUSED_ON_PURPOSE) -> list[str]:
    """Grants of the model's roles that no call has used so far and that are not `kept` on purpose."""
    found = {
        f"{grant['role']} {action}"
        for grant in stage.cloud.calls()["unused"]
        for action in grant["actions"]
        if grant["role"].startswith("Watchkeeper-") and not _kept(stage, kept, grant["role"], action)
    }
    return sorted(found)


def _kept(stage: Stage, kept: Mapping[str, str], role: str, action: str) -> bool:
    """Whether the action is kept on purpose for this role; a role's name begins with those of its constructs."""
    for name in kept:
        construct, _, pattern = name.rpartition(" ")
        if role.startswith(f"{naming.model_stack(stage.model.name)}-{construct}") and fnmatch(action, pattern):
            return True
    return False
