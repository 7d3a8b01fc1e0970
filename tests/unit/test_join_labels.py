"""The function that joins labels, against a fake AWS: what it emits and answers, and labels spelled otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from lambdas.join_labels import handler as join_labels
from tests.support import CONTEXT, capture_record, label_record, model_spec
from tests.unit.fake_aws import BUCKET, emitted, fake_aws
from watchkeeper import naming
from watchkeeper.aws import deployed, label_values
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Stager
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
