"""What people are told."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import model_spec
from watchkeeper.admission import ALARMS
from watchkeeper.durations import lasting
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.message import (
    SEVERITIES,
    AlarmChange,
    DriftEvidence,
    Kind,
    Message,
    Notice,
    Severity,
    alarm_message,
    machine_message,
)
from watchkeeper.message.layout import SUBJECT_LIMIT, listed, subject
from watchkeeper.message.machines import plain_cause
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import Trigger

SPEC = model_spec(name="credit-risk", endpoint="credit-endpoint")
NOW = datetime(2026, 11, 21, 10, 3, tzinfo=UTC)
MACHINE_KINDS = [kind for kind in Kind if kind not in (Kind.ALARM, Kind.RESOLVED)]


def finding(name: str, *, drifted: bool = True, **changes: Any) -> Finding:
    return dataclasses.replace(
        Finding(
            feature=name,
            statistic="mean",
            p_value=1e-13,
            corrected_p=3e-12,
            effect=0.14,
            threshold=0.02,
            measure="Jensen-Shannon distance",
            drifted=drifted,
            direction="down",
            summary="mean 5.1e+04 → 3.9e+04 (-0.52 sd)",
            n=4200,
            baseline_n=5000,
        ),
        **changes,
    )


def evidence(features: list[Finding], predictions: list[Finding] | None = None) -> DriftEvidence:
    found = Findings(
        model=SPEC.name,
        version="v3",
        baseline="b1",
        start=NOW - timedelta(hours=24),
        end=NOW,
        rows=4200,
        unreadable=0,
        alpha=0.001,
        verdict=Verdict.DRIFT,
        features=tuple(features),
        predictions=tuple(predictions or ()),
    )
    return DriftEvidence(found, "s3://bucket/findings/credit-risk/drift/x.json")


def told(kind: AlarmKind, found: DriftEvidence | None = None, *, raised: bool = True, **spec: Any) -> Message:
    change = AlarmChange(kind, raised, NOW, NOW - timedelta(hours=5), "Threshold Crossed: 1 datapoint [5.0]")
    message = alarm_message(dataclasses.replace(SPEC, **spec), change, found)
    assert message is not None
    return message


def notice(kind: Kind, **detail: Any) -> Notice:
    return Notice(kind, NOW, "run-1", detail)


def paragraph(message: Message, label: str) -> str:
    """The text under a label, on one line."""
    (found,) = [part for part in message.body.split("\n\n") if part.split("\n")[0] == label]
    return " ".join(found.split()[len(label.split()) :])


def fits_sns(message: Message) -> bool:
    return (
        0 < len(message.subject) <= SUBJECT_LIMIT
        and message.subject.isascii()
        and message.subject.isprintable()
        and len(message.body.encode()) < 200_000
    )


def test_a_drift_message_tells_all_in_its_subject() -> None:
    # given
    names = ["income", "debt_to_income", "employment_length_years", "loan_amount", "home"]
    found = [finding(name, effect=0.5 - place / 10) for place, name in enumerate(names)]
    # when
    message = told(AlarmKind.DRIFT, evidence([*found, finding("age", drifted=False)]))
    # then
    assert message.subject == "[warning] credit-risk: drift in income, debt_to_income (+3 more)"
    assert (message.kind, message.severity) == (Kind.ALARM, Severity.WARNING)


def test_a_drift_message_says_what_changed_by_how_much_since_when_and_what_follows() -> None:
    # when
    message = told(AlarmKind.DRIFT, evidence([finding("income"), finding("age", drifted=False)]))
    # then
    assert paragraph(message, "How much") == (
        "income (down): mean 5.1e+04 → 3.9e+04 (-0.52 sd); Jensen-Shannon distance 0.14, limit 0.02; p = 3e-12; "
        "4200 rows"
    )
    assert "21 November 2026, 10:03 UTC" in paragraph(message, "Since")
    assert "4200 rows of version v3 from 20 November 2026, 10:03 UTC" in paragraph(message, "Since")
    assert "income: other values than before" in paragraph(message, "Likely cause")
    assert "1000 labels of the last 30 days" in paragraph(message, "What happens now")
    assert "labels" in paragraph(message, "What to do")
    assert "s3://bucket/findings/credit-risk/drift/x.json" in paragraph(message, "Where to look")
    assert "age" not in message.body


def test_a_drift_message_does_not_promise_a_retraining_that_is_switched_off() -> None:
    # given
    retraining = dataclasses.replace(SPEC.retraining, triggers=())
    # when
    message = told(AlarmKind.DRIFT, evidence([finding("income")]), retraining=retraining)
    # then
    assert paragraph(message, "What happens now").startswith("Nothing by itself")


@pytest.mark.parametrize("trigger", [trigger for trigger in Trigger if trigger in ALARMS])
def test_an_alarm_that_starts_a_retraining_says_so_and_one_that_does_not_does_not(trigger: Trigger) -> None:
    # given
    retraining = dataclasses.replace(SPEC.retraining, triggers=(trigger,), cooldown_hours=36)
    # when
    starts, does_not = (
        told(ALARMS[trigger], retraining=retraining),
        told(AlarmKind.SERVER_ERRORS, retraining=retraining),
    )
    # then
    words = "Retraining starts, unless one has begun within 1 day 12 hours."
    assert paragraph(starts, "What happens now").startswith(words)
    assert "Retraining starts" not in does_not.body


def test_each_sort_of_change_has_its_own_likely_cause_and_like_ones_are_told_together() -> None:
    # given
    found = [
        finding("income", statistic="missing", direction="up", effect=0.9),
        finding("debt", statistic="missing", direction="up", effect=0.8),
        finding("rent", statistic="missing", direction="down", effect=0.7),
        finding("home", statistic="new categories", direction="up", effect=0.6),
        finding("age", statistic="wrong type", direction="up", effect=0.5),
        finding("loan", statistic="out of range", direction="up", effect=0.4),
        finding("term", statistic="spread", direction="up", effect=0.3),
    ]
    # when
    cause = paragraph(told(AlarmKind.DRIFT, evidence(found)), "Likely cause")
    # then
    assert [part.split(":")[0].strip() for part in cause.split("- ")[1:]] == [
        "income, debt",
        "rent",
        "home",
        "age",
        "loan",
        "term",
    ]
    assert "missing more often" in cause
    assert "never seen" in cause


def test_many_drifted_features_are_counted_when_not_shown() -> None:
    # given
    found = [finding(f"feature_{number}", effect=1 - number / 100) for number in range(30)]
    # when
    message = told(AlarmKind.DRIFT, evidence(found))
    # then
    assert "and 20 more: feature_10" in paragraph(message, "How much")
    assert fits_sns(message)


def test_a_drift_alarm_without_findings_still_says_what_cloudwatch_said() -> None:
    # when
    message = told(AlarmKind.DRIFT)
    # then
    assert message.subject == "[warning] credit-risk: drift"
    assert "Threshold Crossed" in paragraph(message, "How much")


def test_a_change_of_predictions_names_the_features_that_drifted_with_them() -> None:
    # given
    score = finding("predicted_score", direction="up")
    # when
    both = told(AlarmKind.PREDICTION_DRIFT, evidence([finding("income")], [score]))
    alone = told(AlarmKind.PREDICTION_DRIFT, evidence([], [score]))
    # then
    assert both.subject == "[warning] credit-risk: predictions changed (predicted_score)"
    assert "income" in paragraph(both, "Likely cause")
    assert "No feature drifted" in paragraph(alone, "Likely cause")


def test_a_suspect_version_is_named_and_critical() -> None:
    # when
    message = told(AlarmKind.SUSPECT_VERSION, evidence([], [finding("predicted_score")]))
    # then
    assert message.subject == "[critical] credit-risk: new version v3 suspect"
    assert "predicted_score" in paragraph(message, "How much")
    assert "last good version" in paragraph(message, "What happens now")


@pytest.mark.parametrize("kind", [kind for kind in AlarmKind if kind is not AlarmKind.ATTENTION])
def test_every_alarm_has_a_whole_message_and_an_all_clear(kind: AlarmKind) -> None:
    # when
    message, clear = told(kind, evidence([finding("income")], [finding("score")])), told(kind, raised=False)
    # then
    labels = ["What", "How much", "Since", "Likely cause", "What happens now", "What to do", "Where to look"]
    assert [part.split("\n")[0] for part in message.body.split("\n\n")] == labels
    assert all(paragraph(message, label) for label in labels)
    assert f"credit-risk--{kind}" in paragraph(message, "Where to look")
    assert message.subject.startswith(f"[{SEVERITIES[kind]}] credit-risk: ")
    assert "{" not in message.body
    assert clear.subject.startswith("[resolved] credit-risk: ")
    assert clear.subject.endswith("over after 5 hours")
    assert (clear.kind, clear.severity) == (Kind.RESOLVED, Severity.INFO)
    assert fits_sns(message)
    assert fits_sns(clear)


def test_the_alarm_that_sums_up_the_others_sends_nothing_of_its_own() -> None:
    # given
    change = AlarmChange(AlarmKind.ATTENTION, True, NOW, NOW, "")
    # then
    assert alarm_message(SPEC, change) is None


@pytest.mark.parametrize("kind", MACHINE_KINDS)
def test_every_machine_has_a_whole_message_even_when_it_hands_over_nothing(kind: Kind) -> None:
    # when
    message = machine_message(SPEC, notice(kind))
    # then
    assert message.kind is kind
    assert fits_sns(message)
    assert "21 November 2026" in paragraph(message, "Since")
    assert "execution run-1 of credit-risk--" in paragraph(message, "Where to look")
    assert paragraph(message, "What to do")


def test_a_rejected_candidate_is_told_with_what_each_gate_found() -> None:
    # when
    message = machine_message(
        SPEC,
        notice(
            Kind.CANDIDATE_REJECTED,
            reason="performance: it loses more than 0.01",
            rows=900,
            lines=["performance: failed. roc_auc 0.8123 → 0.79", "segments: passed. None loses"],
        ),
    )
    # then
    size = paragraph(message, "How much")
    assert "on the same 900 labelled rows" in size
    assert "performance: failed. roc_auc 0.8123 → 0.79" in size
    assert "segments: passed. None loses" in size
    assert paragraph(message, "Likely cause") == "performance: it loses more than 0.01"


def test_a_deployed_version_a_failed_rollout_and_a_rollback_name_both_versions() -> None:
    # when
    deployed = machine_message(SPEC, notice(Kind.VERSION_DEPLOYED, version="v4", previous_version="v3"))
    failed = machine_message(SPEC, notice(Kind.ROLLOUT_FAILED, version="v4", previous_version="v3", reason="alarm"))
    back = machine_message(SPEC, notice(Kind.ROLLED_BACK, version="v3", bad_version="v4", reason="r", incident="i/k"))
    # then
    assert deployed.subject == "[info] credit-risk: version v4 serves now"
    assert failed.subject == "[critical] credit-risk: rollout of version v4 failed and was undone"
    assert back.subject == "[critical] credit-risk: rolled back from v4 to version v3"
    assert "it was v3" in paragraph(deployed, "What")
    assert "All traffic goes to version v3" in paragraph(failed, "What happens now")
    assert "i/k" in paragraph(back, "Where to look")


@pytest.mark.parametrize(
    "cause",
    [
        "AlgorithmError: standardise is 'nonsense'",
        json.dumps({"TrainingJobName": "x", "FailureReason": "AlgorithmError: standardise is 'nonsense'"}),
        json.dumps({"errorType": "E", "errorMessage": "AlgorithmError: standardise is 'nonsense'"}),
        json.dumps({"Cause": json.dumps({"ErrorMessage": "AlgorithmError: standardise is 'nonsense'"})}),
    ],
)
def test_the_cause_of_a_failed_task_is_told_without_the_json_around_it(cause: str) -> None:
    # when
    message = machine_message(SPEC, notice(Kind.RETRAINING_FAILED, cause=cause, reason="drift"))
    # then
    assert paragraph(message, "Likely cause") == "AlgorithmError: standardise is 'nonsense'"


def test_json_without_a_known_reason_is_told_as_it_is() -> None:
    assert plain_cause('{"a": 1}') == '{"a": 1}'
    assert plain_cause("[1]") == "[1]"


def test_a_container_s_endless_last_words_are_cut_in_the_middle() -> None:
    # when
    message = machine_message(SPEC, notice(Kind.RETRAINING_FAILED, cause="start " + "x " * 200_000 + "end"))
    # then
    cause = paragraph(message, "Likely cause")
    assert cause.startswith("start")
    assert cause.endswith("end")
    assert fits_sns(message)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[warning] m: drift in Einkünfte → größer", "[warning] m: drift in Einkunfte -> gro?er"),
        ("two\nlines\tand\x00 more", "two lines and? more"),
        ("a " * 60, ("a " * 49).strip() + "..."),
        ("x" * 120, "x" * 97 + "..."),
    ],
)
def test_a_subject_is_made_what_sns_takes(text: str, expected: str) -> None:
    # when
    made = subject(text)
    # then
    assert made == expected
    assert len(made) <= SUBJECT_LIMIT


def test_names_are_listed_as_far_as_there_is_room_but_the_first_always() -> None:
    assert listed(["aaaa", "bbbb", "cccc"], 30) == "aaaa, bbbb, cccc"
    assert listed(["aaaa", "bbbb", "cccc"], 14) == "aaaa (+2 more)"
    assert listed(["a" * 50, "b"], 10) == "a" * 50 + " (+1 more)"
    assert listed([], 10) == ""


def test_lengths_of_time_are_told_in_their_two_largest_units() -> None:
    assert lasting(timedelta(days=1, hours=2, minutes=3)) == "1 day 2 hours"
    assert lasting(timedelta(minutes=1)) == "1 minute"
    assert lasting(timedelta(seconds=5)) == "less than a minute"
