"""SageMaker's model registry: the packages of one model's group; package 3 is version `v3`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_sagemaker import SageMakerClient

APPROVED = "Approved"
_UNKNOWN = ("ResourceNotFound", "ValidationException", "ValidationError")
"""Codes with which SageMaker says that there is no such thing; of packages and jobs it is the validation's."""


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


@dataclass(frozen=True)
class Container:
    """What serves a SageMaker model: its image, and the `s3://` URI of the archive that it loads."""

    image: str
    artefact: str


def container(client: SageMakerClient, model_name: str) -> Container | None:
    """The container of a model, or of the package that it is made of; None where SageMaker shows no archive."""
    made = found_by(client.describe_model, ModelName=model_name) or {}
    found = made.get("PrimaryContainer", {})
    if "ModelPackageName" in found:
        package = client.describe_model_package(ModelPackageName=found["ModelPackageName"])
        found = next(iter(package.get("InferenceSpecification", {}).get("Containers", ())), {})
    image, artefact = found.get("Image"), found.get("ModelDataUrl")
    return Container(image, artefact) if image and artefact else None


def find_package(client: SageMakerClient, packages: str, version: str) -> Package | None:
    """The package of a version, or None when there is none; `packages` as for `described`."""
    found = described(client, packages, version)
    if found is None:
        return None
    return Package(
        arn=found["ModelPackageArn"],
        version=version,
        approval=found.get("ModelApprovalStatus", "PendingManualApproval"),
        created=found["CreationTime"],
    )


def described(client: SageMakerClient, packages: str, version: str) -> dict[str, Any] | None:
    """What SageMaker says of the package of a version, or None when there is none.

    Described by its ARN (`packages` is the beginning that those of a group share), for listing cannot be granted for
    one group alone.
    """
    return found_by(client.describe_model_package, ModelPackageName=f"{packages}/{version.removeprefix('v')}")


def found_by(describe: Callable[..., Any], **names: str) -> dict[str, Any] | None:
    """What a call that describes something answers, or None when SageMaker knows nothing of that name."""
    try:
        answer: dict[str, Any] = describe(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] in _UNKNOWN:
            return None
        raise
    return answer
