"""The function that sends messages: one for an alarm raised or over, one for a machine's notice, to the right topic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest

from lambdas.notify import handler as notify
from tests.support import CONTEXT
from tests.unit.acting import NOW, REGION, SPEC, World, findings, world
from tests.unit.outcome_support import drawn_binary
from watchkeeper import attribution, estimation, naming
from watchkeeper.attribution import AttributionLook, Attributions, Importance
from watchkeeper.estimation import EstimateLook, Estimator, estimate, track_record
from watchkeeper.naming import AlarmKind
from watchkeeper.outcomes import OutcomeBinning, observe


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(monkeypatch, [notify]) as made:
        yield made


@pytest.fixture
def inbox(aws: World, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """A queue that gets what both topics send."""
    return Inbox(monkeypatch)


class Inbox:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        sns, self._sqs = boto3.client("sns", region_name=REGION), boto3.client("sqs", region_name=REGION)
        self._url = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]
        for severity in ("WARNING", "CRITICAL"):
            topic = sns.create_topic(Name=severity)["TopicArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue["QueueArn"])
            monkeypatch.setenv(f"TOPIC_{severity}", topic)

    def read(self) -> list[dict[str, Any]]:
        messages = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]


def change(name: str, before: str, after: str, at: datetime = NOW) -> dict[str, Any]:
    """An event as EventBridge hands it over."""

    def state(value: str, time: datetime) -> dict[str, str]:
        return {"value": value, "reason": "Threshold Crossed", "timestamp": f"{time:%Y-%m-%dT%H:%M:%S}.000+0000"}

    return {
        "detail-type": "CloudWatch Alarm State Change",
        "time": at.isoformat(),
        "detail": {
            "alarmName": name,
            "state": state(after, at),
            "previousState": state(before, at - timedelta(hours=3)),
            "configuration": {"metrics": []},
        },
    }


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()}


def test_a_drift_alarm_is_told_with_the_newest_findings_of_its_time(aws: World, inbox: Inbox) -> None:
    # given
    for hours, name in ((-1, "later"), (1, "newest"), (2, "older")):
        look = NOW - timedelta(hours=hours)
        aws.put(naming.findings_key(SPEC.name, "drift", look), findings(look, f"v-{name}").to_json())
    # when
    answer = notify.handler(change("credit--drift", "OK", "ALARM"), CONTEXT)
    # then
    (message,) = inbox.read()
    assert answer == {"sent": True, "subject": "[warning] credit: drift in income"}
    assert message["Subject"] == answer["subject"]
    assert "v-newest" in message["Message"]
    assert attributes(message) == {"model": "credit", "severity": "warning", "kind": "alarm"}
    assert message["TopicArn"].endswith("WARNING")


def test_a_drift_alarm_says_whether_the_version_goes_by_what_drifted(aws: World, inbox: Inbox) -> None:
    # given
    aws.put(naming.findings_key(SPEC.name, "drift", NOW), findings(NOW, "v1").to_json())
    values = np.outer(np.arange(1, 101), [3.0, 1.0])
    known = Importance.of(Attributions(("income", "home"), values, values, values[:, 0], values[:, 0]))
    aws.put(naming.importance_key(SPEC.name, "v1", "b"), known.to_json())
    # when
    notify.handler(change("credit--drift", "OK", "ALARM"), CONTEXT)
    # then
    (message,) = inbox.read()
    assert "income (75 % of what moves predictions) matters." in message["Message"]


def test_another_ranking_is_told_with_the_newest_look(aws: World, inbox: Inbox) -> None:
    # given
    values = np.outer(np.arange(1, 101), [3.0, 1.0])
    one = Importance.of(Attributions(("income", "home"), values, values, values[:, 0], values[:, 0]))
    other = Importance.of(Attributions(("income", "home"), values[:, ::-1], values, values[:, 0], values[:, 0]))
    look = AttributionLook(SPEC.name, "v1", "b", NOW - timedelta(days=1), NOW, attribution.examine(one, other), other)
    aws.put(naming.findings_key(SPEC.name, "attribution", NOW), look.to_json())
    # when
    answer = notify.handler(change("credit--attribution-drift", "OK", "ALARM"), CONTEXT)
    # then
    assert answer["subject"] == "[warning] credit: goes by other features (income, home)"
    (message,) = inbox.read()
    assert "income 75 % → 25 % (rank 1 → 2)" in message["Message"]


def test_findings_of_the_day_before_are_found_and_old_ones_are_not(aws: World, inbox: Inbox) -> None:
    # given
    look = NOW - timedelta(days=9)
    aws.put(naming.findings_key(SPEC.name, "drift", look), findings(look, "v1").to_json())
    # when
    notify.handler(change("credit--drift", "OK", "ALARM"), CONTEXT)
    look = NOW - timedelta(days=1)
    aws.put(naming.findings_key(SPEC.name, "drift", look), findings(look, "v1").to_json())
    notify.handler(change("credit--drift", "OK", "ALARM"), CONTEXT)
    # then
    assert {message["Subject"] for message in inbox.read()} == {
        "[warning] credit: drift",
        "[warning] credit: drift in income",
    }


def test_an_estimated_fall_is_told_with_the_newest_look_at_it(aws: World, inbox: Inbox) -> None:
    # given a look without labels at rows that are harder to tell apart than the baseline's
    rows = drawn_binary(5000, seed=1)
    binning = OutcomeBinning.fit(SPEC, rows)
    estimator, start = Estimator.fit(binning, rows), NOW - timedelta(hours=6)
    found = estimate(estimator, observe(binning, drawn_binary(5000, seed=2, moved=0.8, labelled=0.0)))
    findings = estimation.examine(found, observe(binning, rows))
    look = EstimateLook(SPEC.name, "v1", start, NOW, findings, found, track_record(estimator, []))
    key = naming.findings_key(SPEC.name, "estimated-performance", NOW)
    aws.put(key, look.to_json())
    # when
    notify.handler(change("credit--estimated-performance", "OK", "ALARM"), CONTEXT)
    # then
    (message,) = inbox.read()
    assert message["Subject"].startswith("[warning] credit: performance probably fell (specificity 0.9")
    assert message["TopicArn"].endswith("WARNING")
    assert key in message["Message"]
    assert "5000 predictions of v1" in message["Message"]
    assert "too few windows have their labels" in " ".join(message["Message"].split())


def test_critical_alarms_go_to_the_critical_topic(inbox: Inbox) -> None:
    # when
    notify.handler(change("credit--missing-capture", "INSUFFICIENT_DATA", "ALARM"), CONTEXT)
    # then
    (message,) = inbox.read()
    assert message["TopicArn"].endswith("CRITICAL")
    assert attributes(message)["severity"] == "critical"


def test_an_alarm_that_is_over_says_how_long_it_lasted(inbox: Inbox) -> None:
    # when
    notify.handler(change("credit--dead-letters", "ALARM", "OK"), CONTEXT)
    # then
    (message,) = inbox.read()
    assert message["Subject"] == "[resolved] credit: messages in a dead-letter queue: over after 3 hours"
    assert attributes(message)["kind"] == "resolved"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("credit--drift", "INSUFFICIENT_DATA", "OK"),
        ("credit--drift", "OK", "INSUFFICIENT_DATA"),
        ("credit--drift", "ALARM", "INSUFFICIENT_DATA"),
        (naming.alarm("credit", AlarmKind.ATTENTION), "OK", "ALARM"),
        (naming.canary_alarm("credit--v2-0a1b2c3d"), "OK", "ALARM"),
    ],
)
def test_what_nobody_needs_to_know_is_not_sent(inbox: Inbox, name: str, before: str, after: str) -> None:
    # when
    answer = notify.handler(change(name, before, after), CONTEXT)
    # then
    assert answer == {"sent": False, "subject": None}
    assert inbox.read() == []


def test_a_machine_s_notice_is_sent_as_its_kind(inbox: Inbox) -> None:
    # given
    event = {
        "kind": "rolled-back",
        "now": "2026-11-21T10:03:00.123Z",
        "execution": "run-1",
        "detail": {"version": "v2", "bad_version": "v3", "reason": "suspect", "incident": "incidents/x.json"},
    }
    # when
    notify.handler(event, CONTEXT)
    # then
    (message,) = inbox.read()
    assert message["Subject"] == "[critical] credit: rolled back from v3 to version v2"
    assert attributes(message) == {"model": "credit", "severity": "critical", "kind": "rolled-back"}


def test_a_notice_without_details_is_sent_all_the_same(inbox: Inbox) -> None:
    # when
    notify.handler({"kind": "retraining-failed", "now": NOW.isoformat(), "execution": "run-1", "detail": None}, CONTEXT)
    # then
    (message,) = inbox.read()
    assert message["Subject"] == "[critical] credit: retraining failed"
    assert "unknown" in message["Message"]


def test_good_news_goes_where_warnings_go(inbox: Inbox) -> None:
    # when
    notify.handler(
        {"kind": "onboarded", "now": NOW.isoformat(), "execution": "r", "detail": {"version": "v1"}}, CONTEXT
    )
    # then
    (message,) = inbox.read()
    assert message["TopicArn"].endswith("WARNING")
    assert attributes(message)["severity"] == "info"


def test_a_kind_that_nobody_knows_is_an_error_and_no_silence(inbox: Inbox) -> None:
    with pytest.raises(ValueError, match="'party'"):
        notify.handler({"kind": "party", "now": NOW.isoformat(), "execution": "r", "detail": {}}, CONTEXT)
