"""The function that joins labels, against a fake AWS: what it emits and answers, and labels spelled otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from lambdas.join_labels import handler as join_labels
from tests.support import CONTEXT, capture_record, label_record, model_spec
from tests.unit.fake_aws import BUCKET, emitted, fake_aws
from watchkeeper import jsonio, naming
from watchkeeper.aws import deployed, label_values
from watchkeeper.aws.curation import Outcome
from watchkeeper.aws.curation_report import Report
from watchkeeper.aws.label_files import Account
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Stager
from watchkeeper.labels import Fault, Faults
from watchkeeper.spec import Label

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPEC = model_spec(label=Label("income", ">50K"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(join_labels, "deployed_spec", lambda: SPEC)
    with fake_aws(monkeypatch) as client, time_machine.travel(NOW, tick=False):
        yield client


def captured(s3: Any, *names: str) -> None:
    """Stage requests of one row, answered two hours ago."""
    lines = [capture_record("31,5.5,own", "0.9", event_id=name, time="2026-11-21T10:00:00Z") for name in names]
    key = f"capture/credit/v1/credit/AllTraffic/{NOW:%Y/%m/%d}/10/a.jsonl"
    stager = Stager(SPEC, key)
    for block in CaptureReader(SPEC, identified=True).blocks([b"\n".join(lines)]):
        stager.add(block)
    capture = naming.parse_capture_key("credit", key)
    s3.put_object(Bucket=BUCKET, Key=naming.staged_key("credit", capture), Body=stager.content())


def join(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, float]]:
    """The function's answer and its metrics."""
    answer = join_labels.handler({"scheduled_time": NOW.isoformat()}, CONTEXT)
    return answer, emitted(capsys.readouterr().out)


def warnings(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.levelname == "WARNING"]


def test_labels_are_joined_and_their_lag_is_told(
    s3: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # given
    captured(s3, "a", "b")
    s3.put_object(Bucket=BUCKET, Key="labels/credit/2026/11/21/12/a.jsonl", Body=label_record("a", ">50K"))

    # when
    answer, metrics = join(capsys)

    # then
    assert answer == {"filed": 1, "joined": 1, "counted": 0, "labels": 1, "waiting": 0, "unusable": 0}
    assert metrics == {"LabelsJoined": 1, "UnusableLabels": 0, "LabelLag": 7200}
    assert warnings(caplog) == []


class Glue:
    """Keeps what it is asked to run; refuses a second run while there is one."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []

    def start_job_run(self, **request: Any) -> None:
        if self.started:
            raise ClientError({"Error": {"Code": "ConcurrentRunsExceededException"}}, "StartJobRun")
        self.started.append(request)


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch, s3: Any) -> Iterator[Glue]:
    fake, clients = Glue(), deployed.client
    with monkeypatch.context() as patch:
        patch.setattr(deployed, "client", lambda name: fake if name == "glue" else clients(name))
        patch.setenv("JOIN_JOB", "credit--join-labels")
        yield fake


def test_what_is_too_much_for_the_function_is_handed_over_once(s3: Any, glue: Glue) -> None:
    # given
    captured(s3, "a", "b")
    event = {"scheduled_time": NOW.isoformat(), "most_bytes": 0}

    # when
    first, second = (join_labels.handler(event, CONTEXT) for _ in range(2))

    # then
    assert (first["spark"], second["spark"]) == ("handed over", "at work already")
    (request,) = glue.started
    assert request["JobName"] == "credit--join-labels"
    assert request["Arguments"] == {"--AT": NOW.isoformat(), "--MOST_BYTES": "0", "--FUNCTION": CONTEXT.function_name}


def test_what_spark_did_is_told_as_if_the_function_had_done_it(
    s3: Any, glue: Glue, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # given what the job sends: a report that went through JSON
    faults = Faults({Fault.NO_ID: 3}, {Fault.NO_ID: ["a.csv, line 2"]})
    outcome = Outcome(labels=7, median_lag=60.0, faults=faults, accounts={"b.csv": Account(problem="no ids")})
    report = json.loads(jsonio.dumps(Report.of(outcome).to_event()))

    # when
    answer = join_labels.handler({"scheduled_time": NOW.isoformat(), "report": report}, CONTEXT)

    # then
    assert (answer["labels"], answer["unusable"]) == (7, 4)
    assert emitted(capsys.readouterr().out) == {"LabelsJoined": 7, "UnusableLabels": 4, "LabelLag": 60}
    assert [warning.get("first") or warning["reason"] for warning in warnings(caplog)] == ["no ids", ["a.csv, line 2"]]
    assert glue.started == []


def test_labels_spelled_as_none_ever_was_are_refused_and_told_without_quoting_them(
    s3: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    # given what the training data had, and labels that end in a full stop
    captured(s3, "a", "b", "c")
    label_values.keep(deployed.store(), "credit", ["<=50K", ">50K"])
    lines = [label_record("a", "<=50K."), label_record("b", ">50K."), label_record("c", " <=50K")]
    s3.put_object(Bucket=BUCKET, Key="labels/credit/2026/11/21/12/a.jsonl", Body=b"\n".join(lines))

    # when
    answer, metrics = join(capsys)

    # then
    assert (answer["labels"], answer["unusable"]) == (1, 2)
    assert metrics["UnusableLabels"] == 2
    (warning,) = warnings(caplog)
    assert warning["reason"] == "the label is none that the training data had"
    assert warning["first"] == [f"labels/credit/2026/11/21/12/a.jsonl, line {line}" for line in (1, 2)]
    assert "50K" not in str(warning)


def test_where_training_data_do_not_tell_every_label_may_come(s3: Any) -> None:
    # given data without labels, and data with too many
    for spellings in ([], [str(number) for number in range(label_values.MOST + 1)]):
        label_values.keep(deployed.store(), "credit", spellings)

        # then
        assert label_values.known(deployed.store(), "credit") is None
