"""Training jobs, batch transform and the registry, with real scripts and real objects."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from localcloud.cloud import Cloud
from models import BUCKET, IMAGE, archive, make_model, make_role

SCRIPT = """
import argparse, json, os
from datetime import datetime, UTC
from pathlib import Path
parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
parser.add_argument("--name")
arguments = parser.parse_args()
channel = Path(os.environ["SM_CHANNEL_TRAIN"])
found = {
    "files": sorted(str(path.relative_to(channel)) for path in channel.rglob("*.csv")),
    "depth": arguments.depth,
    "name": arguments.name,
    "hyperparameter": os.environ["SM_HP_DEPTH"],
    "day": str(datetime.now(UTC).date()),
}
json.dump(found, open(os.path.join(os.environ["SM_MODEL_DIR"], "found.json"), "w"))
open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "note.txt"), "w").write("extra")
print("loss=0.5;")
print("loss=0.25;")
"""


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.s3.models import s3_backends

    s3_backends.reset()
    with embedded(tmp_path / "home", "cloudwatch", "sagemaker") as running:
        running.cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield running


def train(cloud: Cloud, script: str = SCRIPT, seconds: int = 600, image: str = IMAGE) -> dict[str, Any]:
    role = make_role(cloud, "sagemaker", "sagemaker.amazonaws.com")
    s3, client = cloud.client("s3"), cloud.client("sagemaker")
    s3.put_object(Bucket=BUCKET, Key="code.tar.gz", Body=archive({"train.py": script}))
    for key in ("data/a.csv", "data/more/b.csv"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"1\n")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data"}
    client.create_training_job(
        TrainingJobName="job",
        RoleArn=role,
        AlgorithmSpecification={
            "TrainingImage": image,
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*?);"}],
        },
        HyperParameters={
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": f'"s3://{BUCKET}/code.tar.gz"',
            "depth": "3",
            "name": '"a b"',
        },
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": seconds},
    )
    cloud.clock.settle()
    shown: dict[str, Any] = client.describe_training_job(TrainingJobName="job")
    return shown


def test_a_script_gets_its_channels_and_hyperparameters_and_leaves_its_artefacts(found: Embedded) -> None:
    # given
    found.cloud.clock.advance(found.cloud.clock.now() + timedelta(days=2))
    day = str(found.cloud.clock.now().date())
    # when
    job = train(found.cloud)
    # then
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed"), job
    assert [(m["MetricName"], m["Value"]) for m in job["FinalMetricDataList"]] == [("loss", 0.25)]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{BUCKET}/out/job/output/model.tar.gz"
    s3 = found.cloud.client("s3")
    body = s3.get_object(Bucket=BUCKET, Key="out/job/output/model.tar.gz")["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        left = json.load(tar.extractfile("found.json"))  # type: ignore[arg-type]
    assert left == {
        "files": ["a.csv", "more/b.csv"],
        "depth": 3,
        "name": "a b",
        "hyperparameter": "3",
        "day": day,
    }
    assert s3.head_object(Bucket=BUCKET, Key="out/job/output/output.tar.gz")
    secondary = [entry["secondary"] for entry in found.kinds("training")]
    assert secondary == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def test_a_script_that_fails_fails_the_job_with_its_reason(found: Embedded) -> None:
    # given / when
    job = train(found.cloud, "raise KeyError('no such column')")
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "no such column" in job["FailureReason"]
    assert "exit code: 1" in job["FailureReason"]


def test_a_script_that_runs_too_long_is_stopped_and_keeps_what_it_saved(found: Embedded) -> None:
    # given / when
    job = train(found.cloud, "import threading\nthreading.Event().wait()\n", seconds=1)
    # then
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_an_image_that_nothing_stands_for_fails_by_name(found: Embedded) -> None:
    # given / when
    job = train(found.cloud, image="1.dkr.ecr.us-east-1.amazonaws.com/pytorch:2")
    # then
    assert job["TrainingJobStatus"] == "Failed"
    assert "'pytorch'" in job["FailureReason"]


def transform(cloud: Cloud, **changes: Any) -> dict[str, Any]:
    client = cloud.client("sagemaker")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}
    request: dict[str, Any] = {
        "TransformJobName": "job",
        "ModelName": "model",
        "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv", "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    client.create_transform_job(**{**request, **changes})
    cloud.clock.settle()
    shown: dict[str, Any] = client.describe_transform_job(TransformJobName="job")
    return shown


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_a_transform_answers_every_line_in_order(found: Embedded, strategy: str) -> None:
    # given
    make_model(found.cloud, "model", offset=1.0)
    rows = 2500 if strategy == "MultiRecord" else 7
    body = "".join(f"{row},1\n" for row in range(rows))
    found.cloud.client("s3").put_object(Bucket=BUCKET, Key="in/part/a.csv", Body=body.encode())
    # when
    job = transform(found.cloud, BatchStrategy=strategy)
    # then
    assert job["TransformJobStatus"] == "Completed", job
    output = found.cloud.client("s3").get_object(Bucket=BUCKET, Key="out/part/a.csv.out")["Body"].read().decode()
    assert output == "".join(f"{row + 2.0}\n" for row in range(rows))


def test_a_transform_whose_model_fails_says_so(found: Embedded) -> None:
    # given
    make_model(found.cloud, "model", failing=True)
    found.cloud.client("s3").put_object(Bucket=BUCKET, Key="in/a.csv", Body=b"1,2\n")
    # when
    job = transform(found.cloud)
    # then
    assert job["TransformJobStatus"] == "Failed"
    assert "this model cannot answer" in job["FailureReason"]


def test_what_a_transform_cannot_do_here_is_refused(found: Embedded) -> None:
    # given
    make_model(found.cloud, "model")
    # when / then
    with pytest.raises(ClientError, match="DataProcessing"):
        transform(found.cloud, DataProcessing={"JoinSource": "Input"})


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
