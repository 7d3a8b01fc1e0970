"""What goes wrong in production, on a deployed model: nothing is lost, no lock stays, the endpoint stays as it was."""

from __future__ import annotations

import io
import json
import tarfile
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.demo.stage import Stage
from tests.e2e import audit
from watchkeeper import naming

pytestmark = pytest.mark.e2e


def objects(stage: Stage, prefix: str) -> dict[str, bytes]:
    s3 = stage.cloud.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=stage.bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=stage.bucket, Key=key)["Body"].read() for key in keys}


def put_capture(stage: Stage, body: bytes, hours_late: int = 0) -> str:
    asked = stage.cloud.now() - timedelta(hours=hours_late)
    folder = f"{naming.capture_prefix(stage.model.name, 'v1')}{stage.model.endpoint_name}/{naming.VARIANT}"
    key = f"{folder}/{asked:%Y/%m/%d/%H}/{uuid.uuid4()}.jsonl"
    stage.cloud.client("s3").put_object(Bucket=stage.bucket, Key=key, Body=body)
    return key


def record(data: str, score: str = "0.2") -> bytes:
    return json.dumps(
        {
            "captureData": {
                "endpointInput": {"observedContentType": "text/csv", "mode": "INPUT", "data": data, "encoding": "CSV"},
                "endpointOutput": {
                    "observedContentType": "text/csv",
                    "mode": "OUTPUT",
                    "data": score,
                    "encoding": "CSV",
                },
            },
            "eventMetadata": {"eventId": str(uuid.uuid4())},
            "eventVersion": "0",
        }
    ).encode()


def good_row(stage: Stage) -> str:
    row = stage.world.rows(1)[list(stage.model.input.features)].iloc[0]
    return ",".join("" if value != value else str(value) for value in row)


def profile_objects(stage: Stage, key: str) -> dict[str, bytes]:
    part = naming.parse_capture_key(stage.model.name, key).part_name
    profiles = objects(stage, naming.profiles_prefix(stage.model.name))
    return {name: body for name, body in profiles.items() if part in name}


def profile_of(stage: Stage, key: str) -> dict[str, Any] | None:
    found = list(profile_objects(stage, key).values())
    return json.loads(found[0]) if found else None


def notify(stage: Stage, key: str, size: int = 1) -> None:
    """The notice that S3 sends of a new capture, once more."""
    captured = {"bucket": {"name": stage.bucket}, "object": {"key": key, "size": size}}
    event = {"time": stage.cloud.now().isoformat(), "detail": captured}
    stage.cloud.client("sqs").send_message(QueueUrl=queue_url(stage, "captured"), MessageBody=json.dumps(event))


def queue_url(stage: Stage, name: str) -> str:
    return str(stage.cloud.client("sqs").get_queue_url(QueueName=f"{stage.model.name}--{name}")["QueueUrl"])


def lock_is_free(stage: Stage) -> bool:
    item = stage.cloud.client("dynamodb").get_item(TableName=stage.outputs["StateTableName"], Key={"pk": {"S": "lock"}})
    return "Item" not in item


def after_the_looks(stage: Stage) -> None:
    """Go to some minutes after the monitors' last looks, most of an hour before they put hours together again."""
    stage.cloud.advance(timedelta(hours=1))
    found = [name for monitor in ("drift", "quality") for name in objects(stage, looks_prefix(stage, monitor))]
    last = max(datetime.strptime(name.rpartition("/")[2], "%Y-%m-%dT%H%M%SZ.json") for name in found)
    stage.cloud.advance_to(last.replace(tzinfo=UTC) + timedelta(hours=1, minutes=5))


def looks_prefix(stage: Stage, monitor: str) -> str:
    return f"{naming.findings_prefix(stage.model.name)}{monitor}/"


def serving_config(stage: Stage) -> str:
    answer = stage.cloud.client("sagemaker").describe_endpoint(EndpointName=stage.model.endpoint_name)
    assert answer["EndpointStatus"] == "InService"
    return str(answer["EndpointConfigName"])


def test_unreadable_records_go_to_quarantine_and_the_others_of_the_object_are_profiled(stage: Stage) -> None:
    # given
    lines = [record(good_row(stage)), b"{not json", record("only,two"), b"\xff\xfe", record(good_row(stage))]
    # when
    key = put_capture(stage, b"\n".join(lines))
    stage.cloud.advance(timedelta(minutes=2))
    # then
    profile = profile_of(stage, key)
    assert profile is not None
    assert (profile["rows"], profile["unreadable"]) == (2, 3)
    kept = objects(stage, naming.quarantine_key(stage.model.name, key))
    (quarantined,) = kept.values()
    assert [json.loads(line)["line"] for line in quarantined.splitlines()] == [2, 3, 4]


def test_repeated_and_reordered_notifications_change_nothing(stage: Stage) -> None:
    # given
    keys = [put_capture(stage, record(good_row(stage))) for _ in range(3)]
    stage.cloud.advance(timedelta(minutes=2))
    before = objects(stage, naming.profiles_prefix(stage.model.name))
    # when
    for key in [*reversed(keys), *keys]:
        notify(stage, key)
    stage.cloud.advance(timedelta(minutes=2))
    # then
    assert objects(stage, naming.profiles_prefix(stage.model.name)) == before


def test_a_capture_too_large_for_a_function_is_profiled_by_spark_to_the_same_bytes(stage: Stage) -> None:
    # given
    key = put_capture(stage, b"\n".join([record(good_row(stage)), b"{not json", record(good_row(stage))]))
    stage.cloud.advance(timedelta(minutes=2))
    ((name, profile),) = profile_objects(stage, key).items()
    stage.cloud.client("s3").delete_object(Bucket=stage.bucket, Key=name)
    # when
    notify(stage, key, size=5 << 30)
    stage.until(lambda: bool(profile_objects(stage, key)), "profile made by Spark", 1)
    # then
    assert profile_objects(stage, key) == {name: profile}


@pytest.mark.parametrize("monitor", ["drift", "quality"])
def test_a_window_too_large_for_a_function_is_put_together_by_spark_and_looked_at(stage: Stage, monitor: str) -> None:
    # given
    after_the_looks(stage)
    late = [put_capture(stage, record(good_row(stage)), hours_late=3) for _ in range(2)]
    stage.cloud.advance(timedelta(minutes=2))
    assert all(profile_of(stage, key) for key in late)
    function, end = f"{stage.model.name}--monitor-{monitor}", stage.cloud.now().replace(minute=0, second=0)
    event = {"scheduled_time": end.isoformat(), "most_parts": 0}
    look = naming.findings_key(stage.model.name, monitor, end)
    assert look not in objects(stage, look)
    # when
    answer = stage.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    # then
    assert json.load(answer["Payload"])["verdict"] == "handed over"
    stage.until(lambda: look in objects(stage, look), "look at the hours that Spark put together", 1)


def test_an_hour_too_large_for_a_function_is_filed_joined_and_counted_by_spark(stage: Stage) -> None:
    # given an hour of captures, one of them with a label
    asked = [record(good_row(stage)) for _ in range(20)]
    capture = put_capture(stage, b"\n".join(asked), hours_late=5)
    stage.cloud.advance(timedelta(minutes=2))
    at, hour = stage.cloud.now(), naming.parse_capture_key(stage.model.name, capture).hour
    folder = f"{naming.predictions_prefix(stage.model.name, hour)}hr={hour:%H}/"
    event = {"eventMetadata": {"eventId": json.loads(asked[0])["eventMetadata"]["eventId"]}, "eventVersion": "0"}
    truth = {"groundTruthData": {"data": "1", "encoding": "CSV"}} | event
    key = f"{naming.labels_prefix(stage.model.name)}{at:%Y/%m/%d/%H}/large.jsonl"
    stage.cloud.client("s3").put_object(Bucket=stage.bucket, Key=key, Body=json.dumps(truth))
    # when
    look = {"scheduled_time": at.isoformat(), "most_bytes": 0}
    function = f"{stage.model.name}--join-labels"
    answer = stage.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(look))
    # then Spark is asked once, however often the function runs meanwhile
    assert json.load(answer["Payload"])["spark"] == "handed over"
    answer = stage.cloud.client("lambda").invoke(FunctionName=function, Payload=json.dumps(look))
    assert json.load(answer["Payload"])["spark"] == "at work already"
    # and its rows are in several files, joined, and the file of labels has its account
    account = naming.joined_key(stage.model.name, key)
    stage.until(lambda: account in objects(stage, account), "account of the labels that Spark joined", 1)
    files = {name.rpartition("/")[2]: pq.read_table(io.BytesIO(data)) for name, data in objects(stage, folder).items()}
    assert files.pop("v1.parquet").num_rows == 0
    assert sum(part.num_rows for part in files.values()) >= len(asked)
    assert [label for part in files.values() for label in part["label"].drop_null().to_pylist()] == ["1"]


def test_a_handler_that_crashes_midway_is_tried_again_and_nothing_is_lost(stage: Stage) -> None:
    # given
    stage.cloud.plant_fault(f"{stage.model.name}--profile-capture", "crash", 1)
    # when
    key = put_capture(stage, record(good_row(stage)))
    stage.cloud.advance(timedelta(minutes=30))
    # then
    profile = profile_of(stage, key)
    assert profile is not None
    assert profile["rows"] == 1


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue_which_raises_an_alarm(stage: Stage) -> None:
    # when
    stage.cloud.client("sqs").send_message(QueueUrl=queue_url(stage, "captured"), MessageBody="{}")
    stage.cloud.advance(timedelta(hours=2))
    # then
    assert stage.alarm_state(naming.AlarmKind.DEAD_LETTERS) == "ALARM"
    assert any("dead" in message["detail"]["subject"] for message in stage.messages("alarm"))


def test_a_failed_training_job_sends_a_message_and_leaves_endpoint_and_lock_alone(stage: Stage) -> None:
    # given
    stage.hours(3)
    stage.traffic.hand_in_labels(stage.cloud.now())
    before = serving_config(stage)
    # when
    execution = stage.start("Retraining", reason="test", hyperparameters={"standardise": "nonsense"})
    stage.until(lambda: stage.status(execution) != "RUNNING", "end of the retraining", 12)
    # then
    assert stage.status(execution) == "FAILED"
    (message,) = stage.messages("retraining-failed")
    assert "nonsense" in message["detail"]["body"]
    assert serving_config(stage) == before
    assert stage.serving_version() == "v1"
    assert lock_is_free(stage)


def test_two_starts_make_one_run(stage: Stage) -> None:
    # when
    executions = [stage.start("Retraining", reason=f"start {number}") for number in range(2)]
    stage.until(lambda: all(stage.status(execution) != "RUNNING" for execution in executions), "end of both", 24)
    # then
    jobs = stage.cloud.client("sagemaker").list_training_jobs(SortBy="CreationTime")["TrainingJobSummaries"]
    assert len([job for job in jobs if job["TrainingJobStatus"] == "Completed"]) == 1
    assert lock_is_free(stage)


def test_a_canary_that_trips_its_alarm_is_undone_and_the_version_rejected(stage: Stage) -> None:
    # given
    before, version = serving_config(stage), stage.serving_version()
    number = register_broken_package(stage)
    # when
    execution = stage.start("Rollout", version=f"v{number}", reason="a person's hotfix")
    stage.until(lambda: stage.status(execution) != "RUNNING", "end of the rollout", 6)
    # then
    assert stage.status(execution) == "FAILED"
    assert serving_config(stage) == before
    assert stage.serving_version() == version
    assert len(stage.messages("rollout-failed")) == 1
    assert lock_is_free(stage)
    package = stage.cloud.client("sagemaker").list_model_packages(
        ModelPackageGroupName=stage.model.name, ModelApprovalStatus="Rejected"
    )["ModelPackageSummaryList"]
    assert number in [item["ModelPackageVersion"] for item in package]


def test_afterwards_what_only_failures_need_was_used_and_no_call_was_denied(stage: Stage) -> None:
    # when
    unused = audit.unused_where_things_failed(stage)
    # then
    assert not unused, "\n" + "\n".join(unused)
    assert audit.denied(stage) == []


def register_broken_package(stage: Stage) -> int:
    """A person registers a package whose inference code fails on every request."""
    code = b"""
def model_fn(folder):
    return None

def predict_fn(data, model):
    raise RuntimeError("broken on purpose")
"""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(code)
        archive.addfile(entry, io.BytesIO(code))
    key = f"{naming.run_prefix(stage.model.name, 'hotfix')}model.tar.gz"
    stage.cloud.client("s3").put_object(Bucket=stage.bucket, Key=key, Body=buffer.getvalue())
    sagemaker = stage.cloud.client("sagemaker")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=serving_config(stage))
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = model["PrimaryContainer"]
    answer = sagemaker.create_model_package(
        ModelPackageGroupName=stage.model.name,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [
                {
                    "Image": container["Image"],
                    "ModelDataUrl": f"s3://{stage.bucket}/{key}",
                    "Environment": container["Environment"],
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    return int(answer["ModelPackageArn"].rsplit("/", 1)[1])
