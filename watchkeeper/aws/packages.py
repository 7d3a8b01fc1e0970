"""SageMaker's model registry: the packages of one model's group; package 3 is version `v3`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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


def find_package(client: SageMakerClient, group: str, version: str) -> Package | None:
    """The package of a version, or None when there is none."""
    pages = client.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending"
    )
    for page in pages:
        for item in page["ModelPackageSummaryList"]:
            if f"v{item.get('ModelPackageVersion')}" == version:
                return Package(
                    arn=item["ModelPackageArn"],
                    version=version,
                    approval=item.get("ModelApprovalStatus", "PendingManualApproval"),
                    created=item["CreationTime"],
                )
    return None
