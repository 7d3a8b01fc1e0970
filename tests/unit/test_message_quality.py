"""What people are told of faulty data and of skew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.unit.looking import BASELINE, END, SPEC, block, look, raw, refused
from watchkeeper.capture.keys import KeyShape
from watchkeeper.message import AlarmChange, Kind, QualityEvidence, Severity, alarm_message
from watchkeeper.message.layout import SUBJECT_LIMIT
from watchkeeper.naming import AlarmKind
from watchkeeper.profile import Filing
from watchkeeper.quality import Quality, examine
from watchkeeper.refusal import Reason

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
    assert message.subject == "[warning] credit: faulty data (home domain 70 %, age completeness 20 %)"
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


def told_of(**account: Any) -> tuple[str, str]:
    """Subject and body of the message on captures of which this is known."""
    observer = BASELINE.observer(Filing(END - timedelta(hours=1), END))
    observer.add(replace(block(raw(900, seed=2)), **account))
    quality = examine(replace(look(raw(9, seed=2)), profile=observer.profile())).quality
    message = alarm_message(SPEC, change(AlarmKind.DATA_QUALITY), QualityEvidence(quality, URI))
    assert message is not None
    return message.subject, " ".join(message.body.split())


def test_records_that_cannot_be_read_are_told_with_their_number_and_reason() -> None:
    # when
    subject, body = told_of(unreadable=refused(Reason.TOO_MANY_VALUES, 100, 21))
    # then
    assert subject == "[warning] credit: faulty data (extra column 10 %, unreadable records 10 %)"
    assert "100 of 1000 records (10 %) cannot be read: 100 × a row has too many values" in body
    assert "10 % of the records hold rows of 21 values where 5 are expected" in body


def test_a_renamed_key_is_told_by_both_names() -> None:
    # when
    subject, body = told_of(keys={KeyShape(("age",), ("AGE",)): 900})
    # then
    assert subject == "[warning] credit: faulty data (age missing column 100 %, extra column 100 %)"
    assert "100 % of the rows have keys that are no feature's, such as 'AGE' (100 %)" in body
    assert "100 % of the rows lack the key age" in body


def test_late_captures_are_not_called_faulty_data() -> None:
    # when
    subject, body = told_of(times=np.full(900, int((END - timedelta(hours=5)).timestamp())))
    # then
    assert subject == "[warning] credit: captures late or absent (capture lag 6 h)"
    assert "half of all within 6 hours, 99 % within 6 hours" in body
    assert "Data capture is held up or has stopped" in body


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
