"""The function that estimates performance without labels against a fake AWS, and the message of its alarm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from lambdas.estimate_performance import handler as estimate_performance
from tests.support import CONTEXT
from tests.unit.fake_aws import BUCKET, emitted, fake_aws, put_serving
from tests.unit.outcome_support import SPEC as MODEL
from tests.unit.outcome_support import drawn_binary
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import newest_estimate
from watchkeeper.estimation import EstimateLook, EstimateVerdict, Estimator, Trust
from watchkeeper.message import AlarmChange, EstimateEvidence, alarm_message
from watchkeeper.naming import AlarmKind
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, observe
from watchkeeper.spec import EstimateMonitor, Labelling

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPEC = replace(
    MODEL,
    estimated_performance=EstimateMonitor(window_hours=6, looks_per_month=100),
    labelling=Labelling(horizon_days=4),
)
HARDER = 0.8
"""Ages move so far that rows are harder to tell apart."""


@cache
def baseline() -> tuple[OutcomeBaseline, Estimator]:
    rows = drawn_binary(20_000, seed=1)
    binning = OutcomeBinning.fit(SPEC, rows)
    return OutcomeBaseline("v1", observe(binning, rows)), Estimator.fit(binning, rows)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(estimate_performance, "deployed_spec", lambda: SPEC)
    with fake_aws(monkeypatch) as client:
        yield client


@pytest.fixture
def serving(s3: Any) -> Any:
    outcomes, estimator = baseline()
    s3.put_object(Bucket=BUCKET, Key=naming.outcome_baseline_key("credit", "v1"), Body=outcomes.to_json())
    s3.put_object(Bucket=BUCKET, Key=naming.estimator_key("credit", "v1"), Body=estimator.to_json())
    put_serving("v1", END - timedelta(days=30))
    return s3


def count(s3: Any, hours_ago: int, seen: Labelled) -> None:
    """Keep the outcomes of rows that were answered in an hour."""
    binning = baseline()[0].binning
    key = naming.outcomes_key("credit", "v1", binning.id, END - timedelta(hours=hours_ago))
    s3.put_object(Bucket=BUCKET, Key=key, Body=observe(binning, seen).to_json())


def past(s3: Any, windows: int, **world: float) -> None:
    """Fill an hour of each of so many windows before the one that is looked at."""
    for number in range(windows):
        count(s3, 8 + 6 * number, drawn_binary(2000, seed=50 + number, **world))


def look(s3: Any) -> EstimateLook:
    answer = estimate_performance.handler({"scheduled_time": END.isoformat()}, CONTEXT)
    return EstimateLook.from_json(s3.get_object(Bucket=BUCKET, Key=answer["look"])["Body"].read())


def message_of(s3: Any) -> Any:
    kept = newest_estimate(deployed.store(), "credit", END + timedelta(minutes=1))
    assert kept is not None
    evidence = EstimateEvidence(kept[1], f"s3://{BUCKET}/{kept[0]}")
    return alarm_message(SPEC, AlarmChange(AlarmKind.ESTIMATED_PERFORMANCE, True, END, END, "1 datapoint"), evidence)


def test_a_window_like_the_baseline_is_expected_to_be_as_good(serving: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a window without a label, and rows before it that are not looked at
    count(serving, 1, drawn_binary(2000, seed=2, labelled=0.0))
    count(serving, 6, drawn_binary(2000, seed=3, labelled=0.0))
    count(serving, 7, drawn_binary(2000, seed=4, moved=HARDER, labelled=0.0))

    # when
    found = look(serving)

    # then
    assert (found.findings.verdict, found.estimate.rows) == (EstimateVerdict.GOOD, 4000)
    assert (found.start, found.end) == (END - timedelta(hours=6), END)
    metrics = emitted(capsys.readouterr().out)
    assert metrics == {"EstimatedPerformance": found.primary.value, "EstimatedFall": 0}
    assert "not known yet whether estimates come true" in found.summary


def test_a_fall_is_told_before_any_label_comes_with_what_estimates_have_been_worth(
    serving: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given windows that were estimated well, and rows by now that are harder to tell apart
    past(serving, 5)
    count(serving, 2, drawn_binary(10_000, seed=2, moved=HARDER, labelled=0.0))

    # when
    found = look(serving)

    # then
    assert (found.findings.verdict, found.record.trust) == (EstimateVerdict.WORSE, Trust.TRUSTWORTHY)
    metrics = emitted(capsys.readouterr().out)
    assert metrics["EstimatedFall"] > 1
    assert 0 < metrics["EstimateError"] < 1
    # and the message says what is estimated, of which rows, and how sure that is
    message = message_of(serving)
    assert message.subject.startswith("[warning] credit: performance probably fell (")
    assert len(message.subject) <= 100
    body = " ".join(message.body.split())
    for words in ("accuracy 0.7379", "10000 predictions of v1", "if labels follow them as ever", "of 5 windows", "age"):
        assert words in body


def test_estimates_that_labels_proved_wrong_raise_no_alarm_but_say_so(
    serving: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given windows in which labels followed features otherwise, and another fall to estimate
    past(serving, 5, slope=-1.0)
    count(serving, 2, drawn_binary(10_000, seed=2, moved=HARDER, labelled=0.0))

    # when
    found = look(serving)

    # then
    assert (found.findings.verdict, found.record.trust) == (EstimateVerdict.WORSE, Trust.OFF)
    assert found.summary.startswith("Do not act on the estimates: ")
    metrics = emitted(capsys.readouterr().out)
    assert metrics["EstimatedFall"] == 0
    assert metrics["EstimateError"] > 1


def test_an_unsupported_estimate_leaves_the_alarm_as_it_is(serving: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given rows like none of the baseline's
    count(serving, 2, drawn_binary(2000, seed=2, moved=4.0, labelled=0.0))
    # when
    found = look(serving)
    # then
    assert found.findings.verdict is EstimateVerdict.UNSUPPORTED
    assert emitted(capsys.readouterr().out) == {}


@pytest.mark.parametrize("rows", [0, 199])
def test_too_few_rows_leave_the_alarm_as_it_is(serving: Any, capsys: pytest.CaptureFixture[str], rows: int) -> None:
    # given
    if rows:
        count(serving, 2, drawn_binary(rows, seed=2, labelled=0.0))
    # when
    found = look(serving)
    # then
    assert found.findings.verdict is EstimateVerdict.INSUFFICIENT_DATA
    assert found.summary.startswith(f"Of {rows} row(s) too few have a score")
    assert emitted(capsys.readouterr().out) == {}


def test_an_alarm_of_the_version_before_does_not_outlive_it(serving: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a version that took over within the window
    put_serving("v1", END - timedelta(hours=1))
    # when
    found = look(serving)
    # then
    assert found.findings.verdict is EstimateVerdict.INSUFFICIENT_DATA
    assert emitted(capsys.readouterr().out) == {"EstimatedFall": 0}


def test_windows_with_too_few_labels_prove_nothing(serving: Any) -> None:
    # given five windows, with some hundred and fifty labels each
    past(serving, 5, slope=-1.0, labelled=0.075)
    count(serving, 2, drawn_binary(2000, seed=2, labelled=0.0))
    # then
    assert look(serving).record.trust is Trust.UNKNOWN


@pytest.mark.parametrize("stored", [[], [naming.outcome_baseline_key("credit", "v1")]])
def test_a_version_without_an_estimator_is_told_and_an_alarm_of_the_one_before_ends(
    s3: Any, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, stored: list[str]
) -> None:
    # given a version from before there were estimates, or without labelled rows at all
    put_serving("v1", END)
    for key in stored:
        s3.put_object(Bucket=BUCKET, Key=key, Body=baseline()[0].to_json())

    # when
    answer = estimate_performance.handler({"scheduled_time": END.isoformat()}, CONTEXT)

    # then
    assert answer == {"verdict": "no estimator", "trust": None, "look": None}
    assert emitted(capsys.readouterr().out) == {"EstimatedFall": 0}
    assert "retrain" in caplog.text
