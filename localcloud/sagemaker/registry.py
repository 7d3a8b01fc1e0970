"""The model registry: package groups, versioned packages, approval, and the events that announce each change."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.resources import Shelf, Tags

APPROVALS = ("Approved", "Rejected", "PendingManualApproval")
_CHANGEABLE = ("ModelApprovalStatus", "ApprovalDescription", "SourceUri", "ModelLifeCycle")


class Registry:
    """Model package groups and model packages."""

    def __init__(self, cloud: Cloud, tags: Tags) -> None:
        self._cloud, self._tags = cloud, tags
        self._groups = Shelf(cloud, "model-package-group", "ModelPackageGroupName")
        self._packages: dict[str, Shape] = {}
        self._versions: dict[str, int] = {}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations of the registry."""
        return {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda request: self._groups.get(_name(request["ModelPackageGroupName"])),
            "DeleteModelPackageGroup": self._delete_group,
            "ListModelPackageGroups": lambda request: {
                "ModelPackageGroupSummaryList": list(self._groups.matching(request))
            },
            "CreateModelPackage": self._create,
            "DescribeModelPackage": lambda request: self.get(request["ModelPackageName"]),
            "UpdateModelPackage": self._update,
            "DeleteModelPackage": self._delete,
            "ListModelPackages": self._list,
        }

    def get(self, name: str) -> Shape:
        """Return a package by its ARN, or by its name if it belongs to no group.

        Raises
        ------
        ApiError
            There is none.
        """
        arn = name if name.startswith("arn:") else self._arn(name)
        if arn not in self._packages:
            raise ApiError("ValidationException", f"ModelPackage {arn} does not exist.")
        return self._packages[arn]

    # --- groups ---------------------------------------------------------------------------------------------------

    def _create_group(self, request: Shape) -> Shape:
        arn = self._groups.arn(request["ModelPackageGroupName"])
        self._groups.add(request, ModelPackageGroupArn=arn, ModelPackageGroupStatus="Completed", CreatedBy={})
        self._tags.keep(arn, request)
        return {"ModelPackageGroupArn": arn}

    def _delete_group(self, request: Shape) -> None:
        name = _name(request["ModelPackageGroupName"])
        self._groups.get(name)
        if any(package.get("ModelPackageGroupName") == name for package in self._packages.values()):
            raise ApiError("ConflictException", f"Model package group {name!r} still holds model packages.")
        self._groups.remove(name)
        self._versions.pop(name, None)

    # --- packages -------------------------------------------------------------------------------------------------

    def _create(self, request: Shape) -> Shape:
        _check_approval(request)
        now = self._cloud.clock.now()
        kept = {key: value for key, value in request.items() if key not in ("Tags", "ClientToken")}
        package = copy.deepcopy(kept) | {
            "CreationTime": now,
            "LastModifiedTime": now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if "ModelPackageGroupName" in request:
            package |= self._next_version(_name(request["ModelPackageGroupName"]))
            package.setdefault("ModelApprovalStatus", "PendingManualApproval")
        elif "ModelPackageName" in request:
            package["ModelPackageArn"] = self._arn(request["ModelPackageName"])
        else:
            raise ApiError(
                "ValidationException", "A model package needs a ModelPackageName or a ModelPackageGroupName."
            )
        if package["ModelPackageArn"] in self._packages:
            raise ApiError("ConflictException", f"ModelPackage {package['ModelPackageArn']} exists.")
        self._packages[package["ModelPackageArn"]] = package
        self._tags.keep(package["ModelPackageArn"], request)
        self._announce(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _next_version(self, group: str) -> Shape:
        self._groups.get(group)
        version = self._versions[group] = self._versions.get(group, 0) + 1  # a deleted version's number stays used
        return {
            "ModelPackageName": group,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": f"{self._arn(group)}/{version}",
        }

    def _update(self, request: Shape) -> Shape:
        _check_approval(request)
        package = self.get(request["ModelPackageArn"])
        package.update({key: request[key] for key in _CHANGEABLE if key in request})
        properties = {**package.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
        for gone in request.get("CustomerMetadataPropertiesToRemove", []):
            properties.pop(gone, None)
        if properties:
            package["CustomerMetadataProperties"] = properties
        package["LastModifiedTime"] = self._cloud.clock.now()
        self._announce(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def _delete(self, request: Shape) -> None:
        del self._packages[self.get(request["ModelPackageName"])["ModelPackageArn"]]

    def _list(self, request: Shape) -> Shape:
        group, approval = request.get("ModelPackageGroupName"), request.get("ModelApprovalStatus")
        packages = [
            package
            for package in self._packages.values()
            if package.get("ModelPackageGroupName") == (_name(group) if group else None)
            and approval in (None, package.get("ModelApprovalStatus"))
        ]
        key = "ModelPackageArn" if request.get("SortBy") == "Name" else "CreationTime"
        newest_first = request.get("SortOrder", "Descending") == "Descending"
        ordered = sorted(packages, key=lambda package: (package[key], package.get("ModelPackageVersion", 0)))
        return {"ModelPackageSummaryList": list(reversed(ordered)) if newest_first else ordered}

    def _announce(self, package: Shape) -> None:
        shown: Iterable[str] = (
            "ModelPackageName",
            "ModelPackageGroupName",
            "ModelPackageVersion",
            "ModelPackageArn",
            "ModelPackageDescription",
            "ModelPackageStatus",
            "ModelPackageStatusDetails",
            "InferenceSpecification",
            "ModelApprovalStatus",
            "CustomerMetadataProperties",
        )
        detail: dict[str, Any] = {key: package[key] for key in shown if key in package}
        detail["CreationTime"] = f"{package['CreationTime']:%Y-%m-%dT%H:%M:%S.000Z}"
        arn = package["ModelPackageArn"]
        self._cloud.emit("aws.sagemaker", "SageMaker Model Package State Change", detail, [arn])

    def _arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:model-package/{name}"


def _name(name_or_arn: str) -> str:
    return name_or_arn.rsplit("/", 1)[-1]


def _check_approval(request: Shape) -> None:
    status = request.get("ModelApprovalStatus", APPROVALS[0])
    if status not in APPROVALS:
        raise ApiError("ValidationException", f"ModelApprovalStatus {status!r} is none of {', '.join(APPROVALS)}.")
