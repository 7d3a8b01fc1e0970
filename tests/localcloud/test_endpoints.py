"""Endpoints: served for real, updated under guardrails, rolled back by their alarms, captured in SageMaker's format."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from inprocess import Embedded, embedded

from localcloud.cloud import Cloud
from localcloud.sagemaker.artefacts import unpack
from models import BUCKET, make_model

CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
            "WaitIntervalInSeconds": 600,
        },
        "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 3600,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "canary"}]},
}


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    from moto.s3.models import s3_backends

    s3_backends.reset()
    with embedded(tmp_path / "home", "cloudwatch", "sagemaker") as running:
        yield running
        assert running.kinds("background-error") == []


def minutes(cloud: Cloud, count: float) -> None:
    cloud.clock.advance(cloud.clock.now() + timedelta(minutes=count))


def start_endpoint(cloud: Cloud, **content: Any) -> None:
    make_model(cloud, "first", offset=0.0, **content)
    make_model(cloud, "second", offset=100.0)
    cloud.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="first")
    cloud.clock.settle()


def invoke(cloud: Cloud, body: str = "1,2\n3,4", **more: Any) -> str:
    answer = cloud.client("sagemaker-runtime").invoke_endpoint(
        EndpointName="e", ContentType="text/csv", Accept="text/csv", Body=body, **more
    )
    return str(answer["Body"].read().decode())


def describe(cloud: Cloud) -> dict[str, Any]:
    shown: dict[str, Any] = cloud.client("sagemaker").describe_endpoint(EndpointName="e")
    return shown


def put_canary_alarm(cloud: Cloud) -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="canary",
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[
            {"Name": "EndpointName", "Value": "e"},
            {"Name": "VariantName", "Value": "AllTraffic"},
            {"Name": "EndpointConfigName", "Value": "second"},
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )


def test_an_endpoint_serves_its_model_and_captures_in_sagemakers_format(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud)
    # when
    answer = invoke(found.cloud, InferenceId="id-1", CustomAttributes="holdout=1")
    found.cloud.clock.settle()
    # then
    assert (describe(found.cloud)["EndpointStatus"], answer) == ("InService", "3.0\n7.0")
    s3, at = found.cloud.client("s3"), found.cloud.clock.now()
    (entry,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="capture/first/")["Contents"]
    assert entry["Key"].startswith(f"capture/first/e/AllTraffic/{at:%Y/%m/%d/%H}/")
    record = json.loads(s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read())
    assert record["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv",
        "mode": "INPUT",
        "data": "1,2\n3,4",
        "encoding": "CSV",
    }
    assert record["captureData"]["endpointOutput"]["data"] == "3.0\n7.0"
    assert record["eventMetadata"]["inferenceId"] == "id-1"
    assert record["eventMetadata"]["customAttributes"] == ["holdout=1"]
    assert record["eventVersion"] == "0"


def test_many_records_share_an_object_and_a_minute_flushes_them(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud)
    for number in range(20):
        invoke(found.cloud, f"{number},0")
    # when
    minutes(found.cloud, 2)
    # then
    (entry,) = found.cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="capture/")["Contents"]
    body = found.cloud.client("s3").get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
    assert [json.loads(line)["captureData"]["endpointInput"]["data"] for line in body.splitlines()] == [
        f"{number},0" for number in range(20)
    ]


def test_a_model_that_fails_answers_424_and_counts_as_a_server_error(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud, failing=True)
    # when
    with pytest.raises(ClientError) as raised:
        invoke(found.cloud)
    # then
    assert raised.value.response["Error"]["Code"] == "ModelError"
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert raised.value.response["OriginalStatusCode"] == 500
    assert "this model cannot answer" in raised.value.response["OriginalMessage"]
    metrics = found.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName="Invocation5XXErrors",
        Dimensions=[{"Name": "EndpointName", "Value": "e"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        StartTime=found.cloud.clock.now() - timedelta(minutes=5),
        EndTime=found.cloud.clock.now() + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in metrics["Datapoints"]] == [1.0]


def test_a_canary_gets_its_share_exactly_then_all_and_the_old_fleet_ends(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud)
    put_canary_alarm(found.cloud)
    client = found.cloud.client("sagemaker")
    # when
    client.update_endpoint(EndpointName="e", EndpointConfigName="second", DeploymentConfig=CANARY)
    minutes(found.cloud, 1)
    during, status = [invoke(found.cloud, "1,2") for _ in range(40)], describe(found.cloud)
    minutes(found.cloud, 11)
    after, still = [invoke(found.cloud, "1,2") for _ in range(10)], describe(found.cloud)
    minutes(found.cloud, 16)
    done = describe(found.cloud)
    # then
    assert (during.count("103.0"), during.count("3.0")) == (10, 30)
    assert (status["EndpointStatus"], status["EndpointConfigName"]) == ("Updating", "first")
    assert status["PendingDeploymentSummary"]["EndpointConfigName"] == "second"
    assert (after, still["EndpointStatus"]) == (["103.0"] * 10, "Updating")
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", "second")
    prefixes = {name: _captured(found.cloud, name) for name in ("first", "second")}
    assert prefixes == {"first": 30, "second": 20}


def _captured(cloud: Cloud, config: str) -> int:
    s3 = cloud.client("s3")
    entries = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"capture/{config}/").get("Contents", [])
    return sum(len(s3.get_object(Bucket=BUCKET, Key=e["Key"])["Body"].read().splitlines()) for e in entries)


def test_a_canary_that_trips_its_alarm_goes_back_to_the_old_config(found: Embedded) -> None:
    # given
    make_model(found.cloud, "bad", failing=True)
    start_endpoint(found.cloud)
    put_canary_alarm(found.cloud)
    alarm = found.cloud.client("cloudwatch").describe_alarms(AlarmNames=["canary"])["MetricAlarms"][0]
    dimensions = [d if d["Name"] != "EndpointConfigName" else {**d, "Value": "bad"} for d in alarm["Dimensions"]]
    keep = ("AlarmName", "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "Threshold")
    found.cloud.client("cloudwatch").put_metric_alarm(
        **{key: alarm[key] for key in keep},
        ComparisonOperator=alarm["ComparisonOperator"],
        TreatMissingData="notBreaching",
        Dimensions=dimensions,
    )
    # when
    found.cloud.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="bad", DeploymentConfig=CANARY)
    minutes(found.cloud, 1)
    failures = 0
    for _ in range(8):
        try:
            invoke(found.cloud)
        except ClientError:
            failures += 1
    minutes(found.cloud, 3)
    # then
    shown = describe(found.cloud)
    assert failures == 2
    assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("InService", "first")
    assert "tripped: canary" in shown["FailureReason"]
    assert [invoke(found.cloud, "1,2") for _ in range(8)] == ["3.0"] * 8
    assert "UpdateRollingBack" in [entry["status"] for entry in found.kinds("endpoint")]
    statuses = [e["detail"]["EndpointStatus"] for e in found.events if "Endpoint State" in e["detail-type"]]
    assert statuses[-2:] == ["ROLLING_BACK", "IN_SERVICE"]


def test_an_update_whose_containers_never_answer_leaves_the_old_fleet_serving(found: Embedded) -> None:
    # given
    make_model(found.cloud, "unloadable", broken=True)
    start_endpoint(found.cloud)
    # when
    found.cloud.client("sagemaker").update_endpoint(EndpointName="e", EndpointConfigName="unloadable")
    found.cloud.clock.settle()
    # then
    shown = describe(found.cloud)
    assert (shown["EndpointStatus"], shown["EndpointConfigName"]) == ("InService", "first")
    assert "this model cannot be loaded" in shown["FailureReason"]
    assert invoke(found.cloud, "1,2") == "3.0"


def test_a_new_endpoint_whose_containers_never_answer_has_failed(found: Embedded) -> None:
    # given
    make_model(found.cloud, "unloadable", broken=True)
    # when
    found.cloud.client("sagemaker").create_endpoint(EndpointName="e", EndpointConfigName="unloadable")
    found.cloud.clock.settle()
    # then
    shown = describe(found.cloud)
    assert shown["EndpointStatus"] == "Failed"
    assert "ping health check" in shown["FailureReason"]


@pytest.mark.parametrize("serving", [False, True])
def test_a_fault_of_the_embedded_aws_fails_the_endpoint_instead_of_leaving_it_pending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: bool
) -> None:
    with embedded(tmp_path / "home", "cloudwatch", "sagemaker") as running:
        # given
        start_endpoint(running.cloud)
        if not serving:
            running.cloud.client("sagemaker").delete_endpoint(EndpointName="e")
            running.cloud.clock.settle()

        def fail(*_: object) -> None:
            raise TypeError("a fault")

        monkeypatch.setattr("localcloud.sagemaker.endpoints.start_fleet", fail)
        # when
        client = running.cloud.client("sagemaker")
        change = client.update_endpoint if serving else client.create_endpoint
        change(EndpointName="e", EndpointConfigName="second")
        running.cloud.clock.settle()
        # then
        shown = describe(running.cloud)
        assert shown["EndpointStatus"] == ("InService" if serving else "Failed")
        assert "TypeError: a fault" in shown["FailureReason"]
        assert len(running.kinds("background-error")) == 1


@pytest.mark.parametrize("filters", [True, False], ids=["with tarfile's filters", "without, as before Python 3.11.4"])
@pytest.mark.parametrize("name", ["../outside", "link"])
def test_an_artefact_unpacks_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, filters: bool
) -> None:
    # given
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        if name == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    buffer.seek(0)
    # when
    with tarfile.open(fileobj=buffer) as tar, pytest.raises(tarfile.TarError):
        unpack(tar, tmp_path / "model")
    # then
    assert not (tmp_path / "outside").exists()


def test_an_endpoint_being_updated_refuses_another_update_and_serves_on(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud)
    put_canary_alarm(found.cloud)
    client = found.cloud.client("sagemaker")
    client.update_endpoint(EndpointName="e", EndpointConfigName="second", DeploymentConfig=CANARY)
    # when
    with pytest.raises(ClientError, match="in-progress"):
        client.update_endpoint(EndpointName="e", EndpointConfigName="first")
    # then
    assert invoke(found.cloud, "1,2") in ("3.0", "103.0")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 60}}, "CanarySize 60"),
        ({"WaitIntervalInSeconds": 3600}, "add up to"),
        ({"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 5}}, "LinearStepSize 5"),
        ({"CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}, "CanarySize 1 INSTANCE_COUNT"),
    ],
)
def test_a_deployment_beyond_the_guardrails_limits_is_refused(
    found: Embedded, change: dict[str, Any], told: str
) -> None:
    # given
    start_endpoint(found.cloud)
    policy = CANARY["BlueGreenUpdatePolicy"]
    routing = {**policy["TrafficRoutingConfiguration"], **change}  # type: ignore[dict-item]
    deployment = {**CANARY, "BlueGreenUpdatePolicy": {**policy, "TrafficRoutingConfiguration": routing}}
    # when / then
    with pytest.raises(ClientError, match=told):
        found.cloud.client("sagemaker").update_endpoint(
            EndpointName="e", EndpointConfigName="second", DeploymentConfig=deployment
        )


def test_a_model_whose_artefact_is_not_there_is_refused(found: Embedded) -> None:
    # given
    make_model(found.cloud, "first")
    model = found.cloud.client("sagemaker").describe_model(ModelName="first")
    container = {**model["PrimaryContainer"], "ModelDataUrl": f"s3://{BUCKET}/nothing.tar.gz"}
    # when / then
    with pytest.raises(ClientError, match="Could not access model data"):
        found.cloud.client("sagemaker").create_model(
            ModelName="other", ExecutionRoleArn=model["ExecutionRoleArn"], PrimaryContainer=container
        )


def test_deleting_an_endpoint_ends_its_containers(found: Embedded) -> None:
    # given
    start_endpoint(found.cloud)
    running = list(found.cloud.children._running)
    # when
    found.cloud.client("sagemaker").delete_endpoint(EndpointName="e")
    # then
    assert running
    assert all(child.poll() is not None for child in running)
    with pytest.raises(ClientError, match="not found"):
        invoke(found.cloud)
