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
    "DecidersPlanRollout s3:ListBucket": "the same",
    "CardsWriteCard s3:ListBucket": "the same",
    "MonitorsMonitorDrift s3:ListBucket": "the same, for an hour that nobody has put together yet",
    "LabellingMonitorPerformance s3:ListBucket": "the same, for an hour without predictions",
    "BiasMonitorBias s3:ListBucket": "the same",
    "EstimationEstimate s3:ListBucket": "the same",
    "AttributionPlanAttribution sagemaker:DescribeModelPackage": "a version that a person registered is of its package",
}
"""What a role may do and no run here needs, by action or by role and action, each with its reason."""


UNUSED_WHERE_NOTHING_FAILS = {
    "DecidersPlanRollout s3:GetObject": "a version that a person registered gets its predecessor's baseline",
    "DecidersPlanRollout s3:PutObject": "the same",
    "RolloutRollout sagemaker:CreateModel": "a version that a person registered",
    "RolloutRollout iam:PassRole": "the same",
    "RolloutRollout sagemaker:UpdateModelPackage": "a rollout that fails rejects its version",
    "CaptureProfileCapture glue:StartJobRun": "captures that are too much for a function",
    "SparkJobsBackfillProfiles *": "the same",
    "MonitorsMonitorDrift glue:StartJobRun": "windows that are too large for a function",
    "MonitorsMonitorQuality glue:StartJobRun": "the same",
    "SparkJobsMergeHours *": "the same",
    "LabellingJoinLabels glue:StartJobRun": "hours and labels that are too much for a function",
    "SparkJobsJoinLabels *": "the same",
}
"""What only `test_failures` needs, where it must be used."""


def denied(stage: Stage) -> list[dict[str, Any]]:
    return [entry for entry in stage.cloud.timeline() if entry["kind"] == "denied"]


def background_errors(stage: Stage) -> list[dict[str, Any]]:
    return [
        entry
        for entry in stage.cloud.timeline()
        if entry["kind"] in ("background-error", "lambda-error", "dead-letter")
    ]


def surplus(stage: Stage) -> list[str]:
    """Grants of the model's roles that no call has used so far and that none of the tables above explains."""
    kept = UNUSED_ON_PURPOSE | UNUSED_WHERE_NOTHING_FAILS
    return [f"{role} {action}" for role, action in _unused(stage) if not _named(stage, kept, role, action)]


def unused_where_things_failed(stage: Stage) -> list[str]:
    """Grants that only failures need and that no call has used so far, although things failed."""
    return [
        f"{role} {action}"
        for role, action in _unused(stage)
        if _named(stage, UNUSED_WHERE_NOTHING_FAILS, role, action)
        and not _named(stage, UNUSED_ON_PURPOSE, role, action)
    ]


def _unused(stage: Stage) -> list[tuple[str, str]]:
    """Role and action of every grant of the model that no call has used so far."""
    found = {
        (grant["role"], action)
        for grant in stage.cloud.calls()["unused"]
        for action in grant["actions"]
        if grant["role"].startswith("Watchkeeper-")
    }
    return sorted(found)


def _named(stage: Stage, names: Mapping[str, str], role: str, action: str) -> bool:
    """Whether the names hold this action of this role; a role's name begins with those of its constructs."""
    for name in names:
        construct, _, pattern = name.rpartition(" ")
        if role.startswith(f"{naming.model_stack(stage.model.name)}-{construct}") and fnmatch(action, pattern):
            return True
    return False
