"""What the demo says in the end, from the embedded AWS's record."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cli.demo.outcome import Outcome

AT = "2026-11-21T09:00:00+00:00"


def alarm(kind: str, state: str, previous: str = "OK") -> dict[str, Any]:
    return {"at": AT, "kind": "alarm", "subject": f"m--{kind}", "detail": {"state": state, "previous": previous}}


def outcome(*entries: dict[str, Any]) -> Outcome:
    stage: Any = SimpleNamespace(
        cloud=SimpleNamespace(timeline=lambda: list(entries)),
        traffic=SimpleNamespace(sent=1629, failed=0),
        serving_version=lambda: "v1",
    )
    return Outcome(stage)


def test_the_verdict_names_each_alarm_once_and_not_the_one_that_sums_them_up() -> None:
    # given
    entries = [alarm("bias-drift", "ALARM"), alarm("attention", "ALARM"), alarm("bias-drift", "OK", "ALARM")]
    # when
    found = outcome(*entries, alarm("bias-drift", "ALARM"), alarm("drift", "OK", "INSUFFICIENT_DATA"))._verdict()
    # then
    assert found == [
        "1,629 requests served, 0 of them with an error.",
        "Alarms that were raised: bias drift.",
        "In the end version v1 serves.",
    ]
    assert "Alarms that were raised: none." in outcome()._verdict()


def test_a_subject_that_begins_with_its_severity_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    # given
    sent = {"at": AT, "kind": "message", "subject": "topic", "detail": {"subject": "[critical] m: biased"}}
    # when
    outcome(sent).print_table()
    # then
    assert "[critical]" in capsys.readouterr().out
