"""The functions that act: they plan, verify and undo rollouts, count labels and record incidents."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from lambdas.check_labels import handler as check_labels
from lambdas.find_last_good import handler as find_last_good
from lambdas.plan_rollout import handler as plan_rollout
from lambdas.record_incident import handler as record_incident
from lambdas.verify_rollout import handler as verify_rollout
from tests.support import CONTEXT
from tests.unit.acting import (
    BUCKET,
    KEY,
    NOW,
    ROLE,
    SETTINGS,
    SPEC,
    V1_CONFIG,
    World,
    baseline,
    findings,
    labels,
    world,
)
from watchkeeper import naming
from watchkeeper.attribution import RequestSample
from watchkeeper.aws import deployed
from watchkeeper.errors import RolloutError
from watchkeeper.profile import Baseline
from watchkeeper.rollout import BASE_ENVIRONMENT, INSTANT
from watchkeeper.spec import Attached
from watchkeeper.verification import Request, Verification

MODULES = [check_labels, find_last_good, plan_rollout, record_incident, verify_rollout]
TWO_INSTANCES = dataclasses.replace(SETTINGS, instance_count=2)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(monkeypatch, MODULES) as made:
        yield made


@pytest.fixture
def onboarded(aws: World) -> World:
    """Version v1 serves since a day, with a baseline and recorded answers."""
    aws.version("v1", "serving", NOW - timedelta(days=1), package_arn="arn:package/v1")
    aws.serving("v1", NOW - timedelta(days=1))
    aws.put(naming.baseline_key(SPEC.name, "v1"), baseline("v1").to_json())
    recorded = Verification((Request("text/csv", "1,2,a"), Request("text/csv", "3,4,b")), ("0.1", "0.9"))
    aws.put(naming.verification_key(SPEC.name, "v1"), recorded.to_json())
    return aws


def api_complaints(operation: str, parameters: dict[str, Any]) -> str:
    service = "cloudwatch" if operation == "PutMetricAlarm" else "sagemaker"
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    assert shape is not None
    return str(ParamValidator().validate(parameters, shape).generate_report())


# --- plan_rollout -------------------------------------------------------------------------------------------------


def plan(**event: Any) -> dict[str, Any]:
    answer = plan_rollout.handler({"now": NOW.isoformat()} | event, CONTEXT)
    return dict(json.loads(json.dumps(answer)))


def test_nothing_is_needed_while_version_and_settings_are_those_that_serve(onboarded: World) -> None:
    # when
    made = plan()
    # then
    assert (made["needed"], made["settings_only"], made["version"]) == (False, True, "v1")


def test_changed_settings_are_planned_for_the_version_that_serves(onboarded: World) -> None:
    # given
    onboarded.deployed_settings(TWO_INSTANCES)
    # when
    made = plan(version=None)
    # then
    assert (made["needed"], made["settings_only"], made["version"]) == (True, True, "v1")
    assert made["model"] is None
    assert made["endpoint_config"]["ProductionVariants"][0]["InitialInstanceCount"] == 2
    assert made["endpoint_config_name"] == naming.endpoint_config(SPEC.name, "v1", TWO_INSTANCES.to_json())
    assert made["previous_endpoint_config"] == V1_CONFIG
    assert made["probation_until"] == (NOW - timedelta(days=1)).isoformat()


def test_a_changed_environment_gives_the_version_another_model_with_the_same_artefact(onboarded: World) -> None:
    # given
    onboarded.deployed_settings(dataclasses.replace(SETTINGS, environment={"THREADS": "2"}))
    # when
    made = plan()
    # then
    container = made["model"]["PrimaryContainer"]
    assert (made["needed"], made["settings_only"]) == (True, True)
    assert container["Environment"] == {**BASE_ENVIRONMENT, "THREADS": "2"}
    assert (container["Image"], container["ModelDataUrl"]) == ("image", "s3://b/m.tar.gz")
    assert made["endpoint_config"]["ProductionVariants"][0]["ModelName"] == made["model"]["ModelName"]
    assert api_complaints("CreateModel", made["model"]) == ""


def test_the_number_of_instances_of_an_autoscaled_endpoint_is_left_to_its_policy(onboarded: World) -> None:
    # given
    onboarded.deployed_settings(dataclasses.replace(TWO_INSTANCES, autoscaled=True))
    # then
    assert not plan()["needed"]


def test_an_attached_endpoint_keeps_its_settings_and_the_instances_that_it_has_now(
    onboarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    spec = dataclasses.replace(SPEC, attached=Attached(SPEC.endpoint, "s3://theirs/captured"))
    monkeypatch.setattr(plan_rollout, "deployed_spec", lambda: spec)
    onboarded.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=SPEC.endpoint,
        DesiredWeightsAndCapacities=[{"VariantName": naming.VARIANT, "DesiredInstanceCount": 3}],
    )
    onboarded.version("v2", "candidate", package_arn=onboarded.package())
    onboarded.put(naming.baseline_key(SPEC.name, "v2"), baseline("v2").to_json())
    # when
    config = plan(version="v2")["endpoint_config"]
    # then
    variant = config["ProductionVariants"][0]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == (SETTINGS.instance_type, 3)
    assert config["DataCaptureConfig"]["DestinationS3Uri"] == f"s3://{BUCKET}/capture/{SPEC.name}/v2"
    assert config["DataCaptureConfig"]["InitialSamplingPercentage"] == SETTINGS.capture_percent


def test_only_a_version_that_never_served_is_on_trial(onboarded: World) -> None:
    # given
    onboarded.version("v2", "candidate", package_arn=onboarded.package())
    onboarded.version("v3", "retired", NOW - timedelta(days=3), package_arn=onboarded.package())
    # then
    assert [plan(version=version)["on_trial"] for version in ("v1", "v2", "v3")] == [False, True, False]


def test_a_retrained_version_is_planned_with_its_own_model_captures_and_guardrails(onboarded: World) -> None:
    # given
    arn = onboarded.package()
    onboarded.version("v2", "candidate", package_arn=arn, model_name="credit--abc-challenger")
    # when
    made = plan(version="v2")
    # then
    assert (made["needed"], made["settings_only"]) == (True, False)
    assert (made["version"], made["previous_version"], made["package_arn"]) == ("v2", "v1", arn)
    assert made["model"] is None
    assert made["endpoint_config"]["ProductionVariants"][0]["ModelName"] == "credit--abc-challenger"
    assert made["endpoint_config"]["DataCaptureConfig"]["DestinationS3Uri"] == f"s3://{BUCKET}/capture/credit/v2"
    assert made["endpoint_config"]["DataCaptureConfig"]["KmsKeyId"] == KEY
    assert made["deployment"]["AutoRollbackConfiguration"]["Alarms"] == [{"AlarmName": made["alarm"]["AlarmName"]}]
    waits = timedelta(seconds=900, hours=24)
    assert made["probation_until"] == (NOW + waits).isoformat()


def test_a_plan_is_shaped_as_the_api_takes_it(onboarded: World) -> None:
    # given
    onboarded.package()
    # when
    made = plan(version="v2")
    # then
    update = {"EndpointName": SPEC.endpoint, "EndpointConfigName": made["endpoint_config_name"]}
    assert api_complaints("CreateModel", made["model"]) == ""
    assert api_complaints("CreateEndpointConfig", made["endpoint_config"]) == ""
    assert api_complaints("PutMetricAlarm", made["alarm"]) == ""
    assert api_complaints("UpdateEndpoint", update | {"DeploymentConfig": made["deployment"]}) == ""
    assert made["endpoint_config"]["EndpointConfigName"] == made["endpoint_config_name"]


def test_a_version_that_a_person_registered_gets_a_record_a_model_and_a_lent_baseline(onboarded: World) -> None:
    # given
    arn = onboarded.package()
    onboarded.put(naming.sample_key(SPEC.name, "v1"), RequestSample("b", ("1,2,rent",)).to_json())
    # when
    made = plan(version="v2")
    # then
    assert made["model"] == {
        "ModelName": made["model_name"],
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"ModelPackageName": arn, "Environment": dict(BASE_ENVIRONMENT)},
    }
    record = onboarded.dynamodb.get_item(TableName="state", Key={"pk": {"S": "version#v2"}})["Item"]
    assert (record["state"]["S"], record["package_arn"]["S"], record["model_name"]["S"]) == (
        "candidate",
        arn,
        "",
    )
    lent = Baseline.from_json(onboarded.get(naming.baseline_key(SPEC.name, "v2")))
    assert (lent.version, lent.reference.rows) == ("v2", 100)
    assert lent.id != baseline("v1").id
    requests = Verification.from_json(onboarded.get(naming.verification_key(SPEC.name, "v2")))
    assert (len(requests.requests), requests.answers) == (2, ())
    sample = RequestSample.from_json(onboarded.get(naming.sample_key(SPEC.name, "v2")))
    assert sample == RequestSample(lent.id, ("1,2,rent",))


def test_planning_twice_gives_the_same_plan_and_changes_no_record(onboarded: World) -> None:
    # given
    onboarded.package()
    first = plan(version="v2")
    record = onboarded.dynamodb.scan(TableName="state")["Items"]
    # when
    second = plan(version="v2")
    # then
    assert second == first
    assert onboarded.dynamodb.scan(TableName="state")["Items"] == record


def test_going_back_is_instant_and_a_version_that_was_good_is_not_on_probation(onboarded: World) -> None:
    # given
    onboarded.version("v2", "retired", NOW - timedelta(days=3), package_arn=onboarded.package())
    # when
    made = plan(version="v2", strategy=INSTANT)
    # then
    assert made["deployment"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert "AutoRollbackConfiguration" not in made["deployment"]
    assert made["probation_until"] == NOW.isoformat()


def test_versions_that_may_not_serve_are_refused_with_a_remedy(onboarded: World) -> None:
    # given
    onboarded.package("PendingManualApproval")
    onboarded.version(
        "v3", "rejected", reason="the drift alarm fired", rejected_by="run-7", package_arn=onboarded.package()
    )
    # then
    for version, complaint in (
        ("v2", "PendingManualApproval: approve it first"),
        ("v3", "was rejected by execution run-7, whose message says why: mend it"),
        ("v9", "holds no version 9: register it first"),
        ("3", "expected 'v' and the number"),
    ):
        with pytest.raises(RolloutError, match=complaint):
            plan(version=version)
    assert onboarded.keys(naming.baseline_prefix(SPEC.name, "v2")) == []


def test_there_is_no_plan_before_onboarding_nor_while_the_endpoint_changes(aws: World) -> None:
    # then
    with pytest.raises(RolloutError, match="onboarding"):
        plan()
    # given
    aws.version("v1", "serving", NOW)
    aws.serving("v1", NOW)
    deployed.client("sagemaker").meta.events.register(
        "after-call.sagemaker.DescribeEndpoint", lambda parsed, **_: parsed.update(EndpointStatus="Updating")
    )
    # then
    with pytest.raises(RolloutError, match="is Updating: wait"):
        plan()


# --- verify_rollout -----------------------------------------------------------------------------------------------


class FakeBody:
    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> bytes:
        return self._text.encode()


class FakeRuntime:
    """Answers each request from a table; refuses what is not in it, as SageMaker words it."""

    class exceptions:
        class ModelError(Exception):
            def __init__(self) -> None:
                self.response = {"OriginalStatusCode": 500}

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers = answers

    def invoke_endpoint(self, *, EndpointName: str, ContentType: str, Accept: str, Body: bytes) -> dict[str, Any]:
        assert (EndpointName, ContentType) == (SPEC.endpoint, "text/csv")
        if Body.decode() not in self._answers:
            raise self.exceptions.ModelError()
        return {"Body": FakeBody(self._answers[Body.decode()])}


def verify(monkeypatch: pytest.MonkeyPatch, first: str, second: str | None) -> dict[str, Any]:
    answers = {"1,2,a": first} | ({"3,4,b": second} if second is not None else {})
    runtime, made = FakeRuntime(answers), deployed.client
    monkeypatch.setattr(
        deployed, "client", lambda service: runtime if service == "sagemaker-runtime" else made(service)
    )
    return verify_rollout.handler({"version": "v1"}, CONTEXT)


def test_the_same_answers_as_recorded_are_well(onboarded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # then
    assert verify(monkeypatch, "0.1\n", "0.9")["ok"]
    assert verify(monkeypatch, "0.10000001", "[0.90001]")["ok"]


def test_other_answers_fail_the_verification(onboarded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # when
    verdict = verify(monkeypatch, "0.1", "0.2")
    # then
    assert verdict == {
        "ok": False,
        "reason": "1 of 2 answers differ from those that the version gave when it was judged",
    }


def test_a_refused_or_unreadable_request_fails_the_verification(
    onboarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # when
    refused, unreadable = verify(monkeypatch, "0.1", None), verify(monkeypatch, "0.1,0.2,0.3,x", "0.9")
    # then
    assert not refused["ok"]
    assert "answered 500" in refused["reason"]
    assert not unreadable["ok"]
    assert "request 1 cannot be read" in unreadable["reason"]


def test_any_readable_answer_will_do_where_none_was_recorded(onboarded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    key = naming.verification_key(SPEC.name, "v1")
    onboarded.put(key, Verification.from_json(onboarded.get(key)).without_answers().to_json())
    # then
    assert verify(monkeypatch, "0.7", "0.7")["ok"]
    assert not verify(monkeypatch, "0.7", None)["ok"]


def test_an_endpoint_that_serves_another_model_fails_the_verification(
    onboarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    onboarded.version("v1", "serving", NOW, model_name="credit--other")
    # when
    verdict = verify(monkeypatch, "0.1", "0.9")
    # then
    assert not verdict["ok"]
    assert "serves model credit--v1-made, not credit--other" in verdict["reason"]


def test_a_version_without_recorded_requests_is_taken_on_its_endpoint_s_word(
    onboarded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    onboarded.s3.delete_object(Bucket=BUCKET, Key=naming.verification_key(SPEC.name, "v1"))
    # then
    assert verify(monkeypatch, "", None)["ok"]


# --- find_last_good -----------------------------------------------------------------------------------------------

SINCE = NOW - timedelta(hours=2)


@pytest.fixture
def suspected(aws: World) -> World:
    """v3 serves on probation since two hours; v1 and v2 served before it."""
    aws.package()
    aws.package()
    aws.version("v1", "retired", NOW - timedelta(days=5))
    aws.version("v2", "retired", NOW - timedelta(days=3))
    aws.version("v3", "serving", SINCE)
    aws.serving("v3", SINCE, SINCE + timedelta(hours=24), previous="v2")
    return aws


def find(**event: Any) -> dict[str, Any]:
    return find_last_good.handler({"now": NOW.isoformat()} | event, CONTEXT)


def test_the_version_that_served_before_is_found(suspected: World) -> None:
    # when
    found = find(alarm_time=(NOW - timedelta(minutes=5)).isoformat())
    # then
    assert (found["needed"], found["found"], found["version"]) == (True, True, "v2")
    assert (found["bad_version"], found["bad_package_arn"]) == ("v3", "arn:package/v3")


def test_a_version_that_a_person_rejected_meanwhile_is_passed_over(suspected: World) -> None:
    # given
    packages = suspected.sagemaker.list_model_packages(ModelPackageGroupName=SPEC.name)["ModelPackageSummaryList"]
    (second,) = [p["ModelPackageArn"] for p in packages if p["ModelPackageVersion"] == 2]
    suspected.sagemaker.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Rejected")
    # then
    assert find()["version"] == "v1"


def test_there_may_be_none_to_go_back_to(suspected: World) -> None:
    # given
    for version in ("v1", "v2"):
        suspected.version(version, "rejected", NOW - timedelta(days=3))
    # when
    found = find()
    # then
    assert (found["needed"], found["found"], found["version"]) == (True, False, None)
    assert found["reason"] == "no approved version served before v3"


@pytest.mark.parametrize("asked", ["alarm_time", "started"])
def test_a_second_start_finds_that_another_version_took_over(suspected: World, asked: str) -> None:
    # when
    found = find(**{asked: (SINCE - timedelta(seconds=1)).isoformat()})
    # then
    assert not found["needed"]
    assert "v3 took over after" in found["reason"]


def test_an_alarm_cannot_condemn_a_version_that_was_restored(suspected: World) -> None:
    # given
    suspected.serving("v2", SINCE, probation_until=SINCE, previous="v3")
    # then
    assert not find(alarm_time=NOW.isoformat())["needed"]
    assert find(started=NOW.isoformat())["needed"]  # a person may


def test_nothing_is_needed_before_onboarding(aws: World) -> None:
    assert not find()["needed"]


# --- record_incident ----------------------------------------------------------------------------------------------


def test_an_incident_has_its_evidence_and_its_moments_in_order(suspected: World) -> None:
    # given
    alarm_time, look = NOW - timedelta(minutes=10), NOW - timedelta(minutes=20)
    suspected.put(
        naming.findings_key(SPEC.name, "drift", look), findings(look, "v3", predictions=["predicted_score"]).to_json()
    )
    suspected.put(naming.findings_key(SPEC.name, "drift", NOW), findings(NOW, "v2").to_json())
    suspected.serving("v2", NOW - timedelta(minutes=1), previous="v3")
    event = {
        "now": NOW.isoformat(),
        "execution": "run-1",
        "reason": "suspect version",
        "alarm": "credit--suspect-version",
        "alarm_time": alarm_time.isoformat(),
        "version": "v2",
        "bad_version": "v3",
    }
    # when
    key = record_incident.handler(event, CONTEXT)["key"]
    # then
    assert key == naming.incident_key(SPEC.name, NOW, "run-1")
    record = json.loads(suspected.get(key))
    assert (record["bad_version"], record["restored_version"], record["reason"]) == ("v3", "v2", "suspect version")
    assert record["evidence"]["findings"] == naming.findings_key(SPEC.name, "drift", look)
    assert [finding["feature"] for finding in record["evidence"]["predictions"]] == ["predicted_score"]
    assert [moment["what"] for moment in record["timeline"]] == [
        "version v3 went on record",
        "version v3 took over",
        "newest look; drifted predictions: predicted_score",
        "alarm credit--suspect-version was raised",
        "version v2 took over again",
        "this was recorded",
    ]


def test_an_incident_is_recorded_without_alarm_and_findings_too_and_once(suspected: World) -> None:
    # given
    event = {"now": NOW.isoformat(), "execution": "run-1", "reason": "a person", "version": "v2", "bad_version": "v3"}
    # when
    record_incident.handler(event, CONTEXT)
    key = record_incident.handler(event, CONTEXT)["key"]
    # then
    record = json.loads(suspected.get(key))
    assert (record["evidence"], record["alarm"]) == (None, None)
    assert suspected.keys("incidents/") == [key]


# --- check_labels -------------------------------------------------------------------------------------------------


def count() -> dict[str, Any]:
    return check_labels.handler({"now": NOW.isoformat()}, CONTEXT)


def label_key(days_ago: int, name: str = "a") -> str:
    return f"{naming.labels_prefix(SPEC.name)}{NOW - timedelta(days=days_ago):%Y/%m/%d/%H}/{name}.jsonl"


def test_labels_are_counted_until_there_are_enough(aws: World) -> None:
    # given
    aws.put(label_key(0), labels(600))
    # then
    assert count() == {"ready": False, "labelled": 600, "needed": 1000}
    # given
    aws.put(label_key(29), labels(900, first=600))
    # then
    assert count() == {"ready": True, "labelled": 1000, "needed": 1000}


def test_old_repeated_and_unreadable_labels_do_not_count(aws: World) -> None:
    # given
    aws.put(label_key(0), labels(10))
    aws.put(label_key(0, "again"), labels(12))
    aws.put(label_key(1), b"{not json\n\n" + b'{"eventMetadata": {"eventId": "x"}}\n')
    aws.put(label_key(31), labels(500, first=100))
    aws.put(f"{naming.labels_prefix(SPEC.name + '-2')}{NOW:%Y/%m/%d/%H}/a.jsonl", labels(500))
    # then
    assert count()["labelled"] == 12


def test_a_record_of_several_rows_counts_each_of_its_labels(aws: World) -> None:
    # given
    record = {"groundTruthData": {"data": "1\n0\n\n1", "encoding": "CSV"}, "eventMetadata": {"eventId": "e"}}
    aws.put(label_key(0), json.dumps(record).encode())
    # then
    assert count()["labelled"] == 3


def test_labels_for_single_rows_of_a_request_count_each_for_itself(aws: World) -> None:
    # given: the second row's label came twice
    lines = [
        {"groundTruthData": {"data": "[1]", "encoding": "JSON"}, "eventMetadata": {"eventId": "e", "row": row}}
        for row in (0, 1, 1)
    ]
    aws.put(label_key(0), "\n".join(map(json.dumps, lines)).encode())
    # then
    assert count()["labelled"] == 2
