"""`watchkeeper explain`: from an id to a captured request, and what stands in the way, told before anybody waits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest

from cli import explain
from cli.explain import Explainer
from cli.main import parser
from cli.onboarding import AccountError
from cli.project import find_model
from tests.support import capture_record
from tests.unit.fake_aws import BUCKET, TABLE, fake_aws
from watchkeeper import ids, naming
from watchkeeper.attribution import Attributions, Explanation, RequestSample, explanation
from watchkeeper.errors import ExplanationError

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)
MODEL = find_model("credit-risk")
OUTPUTS = {"DataBucketName": BUCKET, "StateTableName": TABLE, "AttributionMachineArn": "arn:machine"}
ROW = "40,3000,5000,0.3,2,permanent,rent,female"


class Machines:
    """Step Functions as far as it is needed: it remembers what it was asked."""

    def __init__(self) -> None:
        self.inputs: list[dict[str, Any]] = []

    def start_execution(self, stateMachineArn: str, input: str) -> dict[str, str]:
        self.inputs.append(json.loads(input))
        return {"executionArn": f"{stateMachineArn}:1"}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_aws(monkeypatch) as client:
        yield client


def explainer(**outputs: str | None) -> Explainer:
    given = {name: value for name, value in (OUTPUTS | outputs).items() if value is not None}
    make: Any = boto3.client
    return Explainer(MODEL, given, make)


def file(s3: Any, identity: str, hour: datetime = HOUR) -> None:
    """A prediction of version 1 is filed."""
    s3.put_object(Bucket=BUCKET, Key=naming.ids_key(MODEL.name, "v1", hour), Body=ids.digest(identity).tobytes())


def capture(s3: Any, *identities: str, hour: datetime = HOUR) -> str:
    key = f"{naming.captured_hour_prefix(MODEL.name, 'v1', MODEL.endpoint_name, hour)}x.jsonl"
    records = [capture_record(ROW, "0.4", inference_id=identity) for identity in identities]
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"\n".join(records))
    return key


def serve(s3: Any) -> None:
    """Version 1 has a model, and rows to compare with."""
    values = {"version": "v1", "package_arn": "arn", "state": "serving", "created": NOW.isoformat()}
    item = {"pk": "version#v1", "model_name": "credit-risk--v1", **values}
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})
    sample = RequestSample("base", (ROW,))
    s3.put_object(Bucket=BUCKET, Key=naming.sample_key(MODEL.name, "v1"), Body=sample.to_json())


def test_a_prediction_is_found_by_its_id_and_asked_about_without_naming_it(s3: Any) -> None:
    # given
    serve(s3)
    file(s3, "Ada-17")
    key = capture(s3, "other", "Ada-17")
    machines = Machines()
    asking = Explainer(MODEL, OUTPUTS, lambda name: machines if name == "stepfunctions" else boto3.client(name))  # type: ignore[call-overload]  # typed for literal names only
    # when
    found = asking.find("Ada-17", NOW)
    asking.start(found, row=1)
    # then
    (wanted,) = machines.inputs
    body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert b"Ada-17" in body[wanted["explain"]["start"] :]
    assert b"other" not in body[wanted["explain"]["start"] :]
    assert (wanted["explain"]["version"], wanted["explain"]["key"], wanted["explain"]["row"]) == ("v1", key, 0)
    assert "Ada-17" not in json.dumps(wanted)


@pytest.mark.parametrize(
    ("hour", "said"),
    [
        (HOUR, "predictions of batch transform jobs cannot be explained"),
        (
            HOUR - timedelta(days=33),
            r"made on 19 October 2026, but its capture has gone: captures are kept for 30 days",
        ),
        (HOUR - timedelta(days=60), "No prediction of the last 37 days has the id 'id-1'"),
    ],
)
def test_what_was_not_captured_or_has_gone_is_told_apart(s3: Any, hour: datetime, said: str) -> None:
    # given
    serve(s3)
    file(s3, "id-1", hour)
    # then
    with pytest.raises(ExplanationError, match=said):
        explainer().find("id-1", NOW)


def test_an_id_that_nobody_knows_is_told_with_what_may_be_wrong(s3: Any) -> None:
    with pytest.raises(ExplanationError, match="inference id that the client sent"):
        explainer().find("nobody", NOW)


def test_a_version_without_a_model_and_one_without_rows_are_told_before_anybody_waits(s3: Any) -> None:
    # given
    file(s3, "id-1")
    capture(s3, "id-1")
    # then
    with pytest.raises(ExplanationError, match="has no model on record any more"):
        explainer().find("id-1", NOW)
    serve(s3)
    s3.delete_object(Bucket=BUCKET, Key=naming.sample_key(MODEL.name, "v1"))
    with pytest.raises(ExplanationError, match="watchkeeper baseline credit-risk"):
        explainer().find("id-1", NOW)


def test_a_model_without_the_machine_is_told(s3: Any) -> None:
    with pytest.raises(ExplanationError, match=r"monitors\.attribution\.enabled"):
        explainer(AttributionMachineArn=None).find("id-1", NOW)


def test_what_the_machine_says_is_told_in_its_own_words(s3: Any) -> None:
    # given
    serve(s3)
    file(s3, "id-1")
    capture(s3, "id-1")
    found = explainer().find("id-1", NOW)
    cause = json.dumps({"errorMessage": "The model refused.", "errorType": "ExplanationError"})
    # then
    with pytest.raises(ExplanationError, match=r"^The model refused\.$"):
        explainer().read({"status": "SUCCEEDED", "output": json.dumps({"failure": {"Cause": cause}})}, found)
    with pytest.raises(AccountError, match="ended as TIMED_OUT"):
        explainer().read({"status": "TIMED_OUT"}, found)


def keep_explanation(s3: Any) -> Explanation:
    features = MODEL.spec().features
    values = np.full((1, len(features)), 0.1)
    parts = Attributions(tuple(f.name for f in features), values, values, np.zeros(1), values.sum(axis=1))
    told = explanation("", features, ROW.split(","), parts)
    s3.put_object(Bucket=BUCKET, Key="attribution/x.json", Body=told.to_json())
    return told


ENDED = {"status": "SUCCEEDED", "output": json.dumps({"found": {"stored": "attribution/x.json"}})}


def test_an_explanation_is_told_under_the_id_that_was_asked_for(s3: Any) -> None:
    # given
    serve(s3)
    file(s3, "id-1")
    capture(s3, "id-1")
    told = keep_explanation(s3)
    # when
    read = explainer().read(ENDED, explainer().find("id-1", NOW))
    # then
    assert read.id == "id-1"
    assert read.contributions == told.contributions
    s3.delete_object(Bucket=BUCKET, Key="attribution/x.json")
    with pytest.raises(ExplanationError, match="kept for a day"):
        explainer().read(ENDED, explainer().find("id-1", NOW))


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_prints_bars_or_nothing_but_json(
    s3: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    # given
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    serve(s3)
    file(s3, "id-1", now)
    capture(s3, "id-1", hour=now)
    told = keep_explanation(s3)
    monkeypatch.setattr(explain, "stack_outputs", lambda stack: OUTPUTS)
    monkeypatch.setattr(explain, "finished", lambda execution: ENDED)
    monkeypatch.setattr(Explainer, "start", lambda self, found, row: "execution")
    monkeypatch.setattr(explain.console, "stderr", False)
    # when
    explain.run("credit-risk", "id-1", 1, as_json)
    # then
    printed = capsys.readouterr().out
    if as_json:
        assert Explanation.from_json(printed.encode()).contributions == told.contributions
    else:
        assert "answered by version v1" in printed
        assert "what this row adds" in printed


def test_rows_are_counted_from_one(capsys: pytest.CaptureFixture[str]) -> None:
    # then
    assert parser().parse_args(["explain", "credit-risk", "id-1"]).row == 1
    with pytest.raises(SystemExit):
        parser().parse_args(["explain", "credit-risk", "id-1", "--row", "0"])
    assert "invalid whole number from 1 on" in capsys.readouterr().err
