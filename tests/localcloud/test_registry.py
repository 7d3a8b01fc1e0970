"""The model registry: versions, approval, events, models made from packages; and the tags of every resource."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from localcloud.cloud import Cloud
from models import BUCKET, IMAGE, make_model, make_role


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.s3.models import s3_backends

    s3_backends.reset()
    with embedded(tmp_path / "home", "cloudwatch", "sagemaker") as running:
        running.cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield running


def register(cloud: Cloud, **more: Any) -> str:
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model/model.tar.gz"}
    container["Environment"] = {"SAGEMAKER_PROGRAM": "inference.py"}  # type: ignore[assignment]
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    answer = cloud.client("sagemaker").create_model_package(
        ModelPackageGroupName="group", InferenceSpecification=specification, **more
    )
    return str(answer["ModelPackageArn"])


def test_packages_are_versioned_approved_and_announced(found: Embedded) -> None:
    # given
    client = found.cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="group")
    first = register(found.cloud, ModelApprovalStatus="Approved", CustomerMetadataProperties={"run": "1"})
    second = register(found.cloud)
    # when
    client.update_model_package(
        ModelPackageArn=second, ModelApprovalStatus="Rejected", CustomerMetadataProperties={"why": "worse"}
    )
    found.cloud.clock.settle()
    # then
    assert (first.rsplit("/", 1)[-1], second.rsplit("/", 1)[-1]) == ("1", "2")
    listed = client.list_model_packages(ModelPackageGroupName="group")["ModelPackageSummaryList"]
    assert [(p["ModelPackageVersion"], p["ModelApprovalStatus"]) for p in listed] == [(2, "Rejected"), (1, "Approved")]
    assert client.describe_model_package(ModelPackageName=second)["CustomerMetadataProperties"] == {"why": "worse"}
    events = [e["detail"] for e in found.events if e["detail-type"] == "SageMaker Model Package State Change"]
    assert [(e["ModelPackageVersion"], e["ModelApprovalStatus"]) for e in events] == [
        (1, "Approved"),
        (2, "PendingManualApproval"),
        (2, "Rejected"),
    ]


def test_a_model_made_from_a_package_serves_the_packages_artefact(found: Embedded) -> None:
    # given
    make_model(found.cloud, "model", offset=5.0)
    client = found.cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="group")
    package = register(found.cloud, ModelApprovalStatus="Approved")
    role = make_role(found.cloud, "sagemaker", "sagemaker.amazonaws.com")
    # when
    client.create_model(ModelName="packaged", ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": package})
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "packaged",
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    client.create_endpoint_config(EndpointConfigName="packaged", ProductionVariants=[variant])
    client.create_endpoint(EndpointName="e", EndpointConfigName="packaged")
    found.cloud.clock.settle()
    # then
    answer = found.cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="e", ContentType="text/csv", Body="1,1"
    )
    assert answer["Body"].read() == b"7.0"


def test_a_group_that_holds_packages_is_not_deleted(found: Embedded) -> None:
    # given
    client = found.cloud.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName="group")
    package = register(found.cloud)
    # when / then
    with pytest.raises(ClientError, match="still holds"):
        client.delete_model_package_group(ModelPackageGroupName="group")
    client.delete_model_package(ModelPackageName=package)
    client.delete_model_package_group(ModelPackageGroupName="group")
    assert client.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_tags_are_kept_for_every_resource(found: Embedded) -> None:
    # given
    client = found.cloud.client("sagemaker")
    arn = client.create_model_package_group(ModelPackageGroupName="group", Tags=[{"Key": "a", "Value": "1"}])[
        "ModelPackageGroupArn"
    ]
    # when
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    client.delete_tags(ResourceArn=arn, TagKeys=["a"])
    # then
    assert client.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert (
        found.cloud.clock.now() - timedelta(days=1)
        < client.describe_model_package_group(ModelPackageGroupName="group")["CreationTime"]
    )


def test_a_model_card_keeps_its_versions_and_takes_content_and_status_one_at_a_time(found: Embedded) -> None:
    # given
    client = found.cloud.client("sagemaker")
    client.create_model_card(ModelCardName="group--v1", Content='{"a": 1}', ModelCardStatus="Draft")
    # when
    client.update_model_card(ModelCardName="group--v1", Content='{"a": 2}')
    client.update_model_card(ModelCardName="group--v1", ModelCardStatus="Approved")
    # then
    newest = client.describe_model_card(ModelCardName="group--v1")
    assert (newest["Content"], newest["ModelCardStatus"], newest["ModelCardVersion"]) == ('{"a": 2}', "Approved", 3)
    first = client.describe_model_card(ModelCardName="group--v1", ModelCardVersion=1)
    assert (first["Content"], first["ModelCardStatus"]) == ('{"a": 1}', "Draft")
    with pytest.raises(ClientError, match="cannot be changed in one call"):
        client.update_model_card(ModelCardName="group--v1", Content="{}", ModelCardStatus="Draft")
    with pytest.raises(ClientError, match="at most 100000"):
        client.update_model_card(ModelCardName="group--v1", Content=f'{{"a": "{"x" * 100_000}"}}')
    with pytest.raises(client.exceptions.ConflictException):
        client.create_model_card(ModelCardName="group--v1", Content="{}", ModelCardStatus="Draft")
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_model_card(ModelCardName="group--v2")
