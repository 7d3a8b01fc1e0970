"""Batch transform: a served model is asked for what is under a prefix, and its answers are written beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from localcloud.sagemaker.jobs import JobFailedError
from localcloud.sagemaker.transform import assemble, payloads
from models import BUCKET, make_model
from tests.support import model_spec
from watchkeeper import naming
from watchkeeper.aws import batches
from watchkeeper.aws.store import Store
from watchkeeper.capture import PREDICTED_VALUE
from watchkeeper.capture.batch import BatchReader
from watchkeeper.spec import Feature, Kind, Task
from watchkeeper.table import NumberColumn


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.s3.models import s3_backends

    s3_backends.reset()
    with embedded(tmp_path / "home", "cloudwatch", "sagemaker") as running:
        make_model(running.cloud, "sum")
        make_model(running.cloud, "fails", failing=True)
        make_model(running.cloud, "broken", broken=True)
        yield running
        assert running.kinds("background-error") == []


def put(found: Embedded, name: str, text: str) -> None:
    found.cloud.client("s3").put_object(Bucket=BUCKET, Key=f"in/{name}", Body=text.encode())


def get(found: Embedded, name: str) -> str:
    return str(found.cloud.client("s3").get_object(Bucket=BUCKET, Key=f"out/{name}")["Body"].read().decode())


def request(model: str = "sum", split: str = "Line", assembled: str = "Line", **changes: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}}
    return {
        "TransformJobName": "job",
        "ModelName": model,
        "TransformInput": {"DataSource": source, "ContentType": "text/csv", "SplitType": split},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/out", "Accept": "text/csv", "AssembleWith": assembled},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **changes,
    }


def transform(found: Embedded, asked: dict[str, Any]) -> dict[str, Any]:
    client = found.cloud.client("sagemaker")
    client.create_transform_job(**asked)
    found.cloud.clock.settle()
    shown: dict[str, Any] = client.describe_transform_job(TransformJobName="job")
    return shown


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_every_object_has_its_answers_line_for_line(found: Embedded, strategy: str) -> None:
    # given
    put(found, "a.csv", "1,2\n3,4\n")
    put(found, "deep/b.csv", "5,6")
    # when
    job = transform(found, request(BatchStrategy=strategy))
    # then
    assert (job["TransformJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert (get(found, "a.csv.out"), get(found, "deep/b.csv.out")) == ("3.0\n7.0\n", "11.0\n")
    told = [e["detail"] for e in found.events if e["detail-type"] == "SageMaker Transform Job State Change"]
    assert sorted(detail["TransformJobStatus"] for detail in told) == ["Completed", "InProgress"]
    with pytest.raises(ClientError, match="is in status Completed"):
        found.cloud.client("sagemaker").stop_transform_job(TransformJobName="job")


def test_a_job_s_capture_is_read_as_the_rows_it_answered(found: Embedded) -> None:
    # given
    put(found, "a.csv", "1,2\n3,4\n")
    put(found, "deep/a.csv", "5,6")
    folder = naming.batch_folder("sums", "v1", "nightly")
    # when
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{folder}requests/"}}
    s3 = found.cloud.client("s3")
    for name in ("a.csv", "deep/a.csv"):
        copied = {"Bucket": BUCKET, "Key": f"in/{name}"}
        s3.copy_object(Bucket=BUCKET, Key=f"{folder}requests/{name}", CopySource=copied)
    asked = request(DataCaptureConfig={"DestinationS3Uri": f"s3://{BUCKET}/{folder.rstrip('/')}"})
    asked["TransformInput"]["DataSource"] = source
    asked["TransformOutput"]["S3OutputPath"] = f"s3://{BUCKET}/{folder}answers"
    transform(found, asked)
    # then
    store = Store(s3, BUCKET)
    files = batches.complete(store, "sums", folder)
    assert [file.requests.key.removeprefix(folder) for file in files] == ["requests/a.csv", "requests/deep/a.csv"]
    features = (Feature("one", Kind.NUMBER), Feature("two", Kind.NUMBER))
    reader = BatchReader(model_spec(features=features, task=Task.REGRESSION))
    read = [reader.blocks([store.get(f.requests.key) or b""], [store.get(f.answers.key) or b""]) for f in files]
    columns = [block.predictions[PREDICTED_VALUE] for blocks in read for block in blocks]
    assert [column.values.tolist() for column in columns if isinstance(column, NumberColumn)] == [[3.0, 7.0], [11.0]]


def test_an_object_that_is_not_split_is_one_request(found: Embedded) -> None:
    # given
    put(found, "a.csv", "1,2\n3,4\n")
    # when
    transform(found, request(split="None", assembled="None"))
    # then
    assert get(found, "a.csv.out") == "3.0\n7.0"


def test_a_model_that_refuses_a_record_fails_the_job_with_what_it_said(found: Embedded) -> None:
    # given
    put(found, "a.csv", "1,2\n")
    # when
    job = transform(found, request("fails"))
    # then
    assert job["TransformJobStatus"] == "Failed"
    assert "this model cannot answer" in job["FailureReason"]


def test_a_model_that_does_not_come_up_fails_the_job(found: Embedded) -> None:
    # given
    put(found, "a.csv", "1,2\n")
    # when
    job = transform(found, request("broken"))
    # then
    assert job["TransformJobStatus"] == "Failed"
    assert "this model cannot be loaded" in job["FailureReason"]


def test_a_prefix_without_objects_fails_the_job(found: Embedded) -> None:
    # when
    job = transform(found, request())
    # then
    assert job["TransformJobStatus"] == "Failed"
    assert f"s3://{BUCKET}/in/" in job["FailureReason"]


@pytest.mark.parametrize(
    "changes",
    [
        {"DataProcessing": {"OutputFilter": "$[0]"}},
        {"DataCaptureConfig": {"DestinationS3Uri": "s3://x/y", "GenerateInferenceId": True}},
        {"TransformInput": {**request()["TransformInput"], "SplitType": "RecordIO"}},
        {"TransformInput": {**request()["TransformInput"], "CompressionType": "Gzip"}},
        {"ModelName": "nobody"},
    ],
)
def test_a_job_that_cannot_be_run_as_asked_is_refused(found: Embedded, changes: dict[str, Any]) -> None:
    # when / then
    with pytest.raises(ClientError, match="ValidationException"):
        found.cloud.client("sagemaker").create_transform_job(**request(**changes))


def test_requests_hold_as_many_lines_as_their_size_allows() -> None:
    # given
    body = b"\n".join([b"x" * 400_000] * 5)
    # when
    sizes = [batch.count(b"\n") + 1 for batch in payloads(request(MaxPayloadInMB=1), body)]
    # then
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("split", ["None", "Line"])
def test_a_record_larger_than_a_request_may_be_fails_the_job(split: str) -> None:
    # given
    body = b"1,2\n" + b"x" * 1_100_000
    # when / then
    with pytest.raises(JobFailedError, match="MaxPayloadInMB"):
        list(payloads(request(split=split, MaxPayloadInMB=1), body))


def test_answers_are_joined_as_asked() -> None:
    # given
    answers = [b"1\n2\n", b"3"]
    # when / then
    assert assemble({"AssembleWith": "Line"}, answers) == b"1\n2\n3\n"
    assert assemble({}, answers) == b"1\n2\n3"
