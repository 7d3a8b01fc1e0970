"""SageMaker's model registry: the packages of one model's group; package 3 is version `v3`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_sagemaker import SageMakerClient

APPROVED = "Approved"


@dataclass(frozen=True)
class Package:
    """One registered version.

    Attributes
    ----------
    approval : SageMaker's ModelApprovalStatus
    """

    arn: str
    version: str
    approval: str
    created: datetime

    @property
    def approved(self) -> bool:
        """Whether it may serve."""
        return self.approval == APPROVED


def find_package(client: SageMakerClient, packages: str, version: str) -> Package | None:
    """The package of a version, or None when there is none.

    Described by its ARN (`packages` is the beginning that those of a group share), for listing cannot be granted for
    one group alone.
    """
    arn = f"{packages}/{version.removeprefix('v')}"
    try:
        found = client.describe_model_package(ModelPackageName=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ValidationError", "ResourceNotFound"):
            return None
        raise
    return Package(
        arn=found["ModelPackageArn"],
        version=version,
        approval=found.get("ModelApprovalStatus", "PendingManualApproval"),
        created=found["CreationTime"],
    )
