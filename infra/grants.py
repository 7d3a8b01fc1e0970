"""Permissions in the words of this project: each grants a role an action on one prefix, table or key, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from infra.shared import ModelContext


def statement(actions: Sequence[str], resources: Sequence[str], **conditions: dict[str, object]) -> iam.PolicyStatement:
    """An Allow statement; conditions by operator, such as `StringEquals={...}`."""
    return iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=dict(conditions))


def arn(service: str, resource: str, *, region: str = cdk.Aws.REGION, account: str = cdk.Aws.ACCOUNT_ID) -> str:
    """An ARN in the stack's partition, region and account."""
    return f"arn:{cdk.Aws.PARTITION}:{service}:{region}:{account}:{resource}"


def read(context: ModelContext, role: iam.IRole, *prefixes: str) -> None:
    """Read and list objects under prefixes of the data bucket."""
    bucket = context.platform.bucket
    allow(role, ["s3:GetObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    patterns = [f"{prefix}*" for prefix in prefixes]
    allow(role, ["s3:ListBucket"], [bucket.bucket_arn], StringLike={"s3:prefix": patterns})
    use_key(context, role)


def write(context: ModelContext, role: iam.IRole, *prefixes: str) -> None:
    """Write objects under prefixes of the data bucket."""
    bucket = context.platform.bucket
    allow(role, ["s3:PutObject"], [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes])
    use_key(context, role)


def use_key(context: ModelContext, role: iam.IRole) -> None:
    """Encrypt and decrypt with the platform's key."""
    allow(role, ["kms:Decrypt", "kms:GenerateDataKey"], [context.platform.key.key_arn])


def pull_images(role: iam.IRole) -> None:
    """Pull framework images from SageMaker's registries, or a user's own from this account."""
    images = arn("ecr", "repository/*", account="*")
    allow(role, ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [images])
    allow(role, ["ecr:GetAuthorizationToken"], ["*"])


def pass_role(role: iam.IRole, passed: iam.IRole, service: str) -> None:
    """Let `role` hand `passed` to one service."""
    allow(role, ["iam:PassRole"], [passed.role_arn], StringEquals={"iam:PassedToService": service})


def allow(role: iam.IRole, actions: Sequence[str], resources: Sequence[str], **conditions: dict[str, object]) -> None:
    """Add one Allow statement to a role."""
    role.add_to_principal_policy(statement(actions, resources, **conditions))
