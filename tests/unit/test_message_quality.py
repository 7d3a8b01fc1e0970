"""What people are told of faulty data and of skew."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.looking import END, SPEC, look, raw
from watchkeeper.message import AlarmChange, Kind, QualityEvidence, Severity, alarm_message
from watchkeeper.message.layout import SUBJECT_LIMIT
from watchkeeper.naming import AlarmKind
from watchkeeper.quality import Quality, examine

URI = "s3://data/findings/credit/quality/2026/11/21/x.json"


def change(kind: AlarmKind, *, raised: bool = True) -> AlarmChange:
    return AlarmChange(kind, raised, END, END - timedelta(hours=3), "Threshold Crossed: 1 datapoint")


def faulty() -> Quality:
    rows = raw(1000, seed=2, home=["hut"] * 700, age=[None] * 200)
    return examine(look(rows, first=True)).quality


def test_faulty_data_are_named_in_the_subject_with_sizes_and_remedies_in_the_body() -> None:
    # when
    message = alarm_message(SPEC, change(AlarmKind.DATA_QUALITY), QualityEvidence(faulty(), URI))
    # then
    assert message is not None
    assert (message.kind, message.severity) == (Kind.ALARM, Severity.WARNING)
    assert message.subject == "[warning] credit: faulty data (home, age)"
    body = " ".join(message.body.split())
    assert "domain (critical): 70 % of the values of home are categories that the baseline does not know" in body
    assert "completeness (warning): 20 % of the rows lack a value of age" in body
    assert "Look for another spelling or code at the source." in body
    assert "seen in the 1000 rows of version v1" in body
    assert URI in body


def test_skew_has_a_message_of_its_own() -> None:
    # when
    message = alarm_message(SPEC, change(AlarmKind.TRAIN_SERVE_SKEW), QualityEvidence(faulty(), URI))
    # then
    assert message is not None
    assert message.subject == "[warning] credit: serving differs from training (home, age)"
    body = " ".join(message.body.split())
    assert "age differs from the training data at first sight: missing 0 % → 20 %" in body
    assert "It was so from the first row" in body


@pytest.mark.parametrize("kind", [AlarmKind.DATA_QUALITY, AlarmKind.TRAIN_SERVE_SKEW])
def test_without_an_outcome_cloudwatchs_reason_is_told(kind: AlarmKind) -> None:
    # when
    message = alarm_message(SPEC, change(kind))
    over = alarm_message(SPEC, change(kind, raised=False))
    # then
    assert message is not None
    assert "Threshold Crossed" in message.body
    assert over is not None
    assert over.kind is Kind.RESOLVED
    assert "over after 3 hours" in over.subject


def test_many_faults_fit_a_subject_and_a_body() -> None:
    # given
    quality = faulty()
    many = tuple(
        fault.__class__(**{**vars(fault), "feature": f"a_rather_long_name_{n}"})
        for n in range(30)
        for fault in quality.faults[:1]
    )
    # when
    message = alarm_message(
        SPEC,
        change(AlarmKind.DATA_QUALITY),
        QualityEvidence(Quality(**{**vars(quality), "faults": many}), URI),
    )
    # then
    assert message is not None
    assert len(message.subject) <= SUBJECT_LIMIT
    assert "and 20 more" in message.body
    assert message.body.count("Look for another spelling") == 1
