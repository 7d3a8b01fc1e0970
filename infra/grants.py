"""Permissions in the words of this project: each grants a role an action on one prefix, table or key, and no more.

A resource with a wildcard must come with a reason; without one the synthesis fails.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.nag import acknowledge_wildcard
from infra.shared import ModelContext

BY_PREFIX = "Objects are granted by the model's own prefix."
BY_NAME = "What the machine makes is named by the model, so it can be granted by that name's prefix only."
NO_RESOURCES = "The action knows no resources."
"""Reasons that recur."""


def arn(service: str, resource: str, *, region: str = cdk.Aws.REGION, account: str = cdk.Aws.ACCOUNT_ID) -> str:
    """An ARN in the stack's partition, region and account."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{region}:{account}:{resource}"


def allow(
    role: iam.IRole,
    actions: Sequence[str],
    resources: Sequence[str],
    because: str | None = None,
    **conditions: dict[str, object],
) -> None:
    """Let a role do something.

    Parameters
    ----------
    because : why a resource holds a wildcard
    conditions : by operator, such as `StringEquals={...}`

    Raises
    ------
    ValueError
        A resource or an action holds a wildcard without a reason.
    """
    if any("*" in action for action in actions):
        raise ValueError(f"{actions} hold a wildcard: name the actions.")
    for resource in resources:
        if "*" not in resource:
            continue
        if because is None:
            raise ValueError(f"{actions} on {resource} hold a wildcard: give the reason, or name the resource.")
        acknowledge_wildcard(role, resource, because)
    role.add_to_principal_policy(
        iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=dict(conditions))
    )


def read(context: ModelContext, role: iam.IRole, *prefixes: str) -> None:
    """Read and list objects under prefixes of the data bucket."""
    bucket = context.platform.bucket
    allow(role, ["s3:GetObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes], BY_PREFIX)
    find(context, role, *prefixes)
    use_key(context, role)


def find(context: ModelContext, role: iam.IRole, *prefixes: str) -> None:
    """List objects under prefixes of the data bucket."""
    patterns = [f"{prefix}*" for prefix in prefixes]
    allow(role, ["s3:ListBucket"], [context.platform.bucket.bucket_arn], StringLike={"s3:prefix": patterns})


def write(context: ModelContext, role: iam.IRole, *prefixes: str) -> None:
    """Write objects under prefixes of the data bucket."""
    bucket = context.platform.bucket
    allow(role, ["s3:PutObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes], BY_PREFIX)
    use_key(context, role)


def read_attached(context: ModelContext, role: iam.IRole) -> None:
    """Read and list the captures that an endpoint which is not ours writes to its owner's bucket."""
    attached = context.spec.attached
    if attached is None:
        return
    bucket = arn("s3", attached.bucket, region="", account="")
    allow(role, ["s3:GetObject"], [f"{bucket}/{attached.prefix}*"], BY_PREFIX)
    allow(role, ["s3:ListBucket"], [bucket], StringLike={"s3:prefix": [f"{attached.prefix}*"]})
    use_owners_keys(context, role)


def use_owners_keys(context: ModelContext, role: iam.IRole) -> None:
    """Decrypt what the owner of an attached endpoint has encrypted; their keys' policies must leave it to IAM."""
    if context.spec.attached and context.spec.attached.kms_keys:
        allow(role, ["kms:Decrypt"], list(context.spec.attached.kms_keys))


def use_key(context: ModelContext, role: iam.IRole) -> None:
    """Encrypt and decrypt with the platform's key."""
    allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [context.platform.key.key_arn])


def lend_key(context: ModelContext, role: iam.IRole) -> None:
    """Let services that a machine starts use the platform's key for their disks."""
    allow(role, ["kms:CreateGrant"], [context.platform.key.key_arn], Bool={"kms:GrantIsForAWSResource": True})


def pull_images(role: iam.IRole) -> None:
    """Pull framework images from SageMaker's registries, or a user's own from this account."""
    images = arn("ecr", "repository/*", account="*")
    allow(
        role,
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        [images],
        "Each region's framework images lie in an account of AWS.",
    )
    allow(role, ["ecr:GetAuthorizationToken"], ["*"], NO_RESOURCES)


def log_containers(role: iam.IRole) -> None:
    """Let SageMaker's containers write their logs and metrics."""
    allow(
        role,
        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        [arn("logs", "log-group:/aws/sagemaker/*")],
        "SageMaker names its own log groups.",
    )
    namespaces = ["AWS/SageMaker", "/aws/sagemaker/*"]
    allow(role, ["cloudwatch:PutMetricData"], ["*"], NO_RESOURCES, StringLike={"cloudwatch:namespace": namespaces})


def trace(role: iam.IRole) -> None:
    """Accept the statements for X-Ray and log delivery that CDK adds; both services know no resources."""
    acknowledge_wildcard(role, "*", "X-Ray and the delivery of logs know no resources.")


def pass_role(role: iam.IRole, passed: iam.IRole, service: str) -> None:
    """Let `role` hand `passed` to one service."""
    allow(role, ["iam:PassRole"], [passed.role_arn], StringEquals={"iam:PassedToService": service})
