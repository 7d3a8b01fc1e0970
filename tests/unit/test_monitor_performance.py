"""The performance monitor's function against a fake AWS, and the messages of its alarms."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from lambdas.monitor_performance import handler as monitor_performance
from tests.support import CONTEXT, model_spec
from tests.unit.fake_aws import BUCKET, emitted, fake_aws, put_serving
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import newest_performance
from watchkeeper.message import AlarmChange, PerformanceEvidence, alarm_message
from watchkeeper.naming import AlarmKind
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, observe
from watchkeeper.performance import PerformanceLook, Verdict
from watchkeeper.spec import Feature, Kind, PerformanceMonitor
from watchkeeper.table import CategoryColumn, NumberColumn

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
SPEC = model_spec(
    features=(Feature("income", Kind.NUMBER), Feature("home", Kind.CATEGORY)),
    performance=PerformanceMonitor(window_hours=24, looks_per_month=100),
)


def rows(count: int, seed: int, *, worse: bool = False, labelled: float = 1.0) -> Labelled:
    """Rows whose score is the probability of their label; where it is `worse`, owners' labels are drawn anew."""
    random = np.random.default_rng(seed)
    score = random.beta(1, 2, count)
    truth = random.random(count) < score
    homes = random.integers(0, 2, count).astype(np.int32)
    if worse:
        truth = np.where(homes == 1, random.random(count) < 0.5, truth)
    codes = np.where(random.random(count) < labelled, truth, -1).astype(np.int32)
    return Labelled(
        rows=count,
        features={"income": NumberColumn(random.normal(size=count)), "home": CategoryColumn(homes, ("rent", "own"))},
        predictions={
            "predicted label": CategoryColumn((score >= 0.5).astype(np.int32), ("negative", "positive")),
            "predicted score": NumberColumn(score),
            "confidence": NumberColumn(np.maximum(score, 1 - score)),
        },
        truth=CategoryColumn(codes, ("0", "1")),
    )


BASELINE = OutcomeBaseline("v1", observe(OutcomeBinning.fit(SPEC, rows(8000, 1)), rows(8000, 1)))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(monitor_performance, "deployed_spec", lambda: SPEC)
    with fake_aws(monkeypatch) as client:
        yield client


def serve(s3: Any, since: datetime = END - timedelta(days=30)) -> None:
    s3.put_object(Bucket=BUCKET, Key=naming.outcome_baseline_key("credit", "v1"), Body=BASELINE.to_json())
    put_serving("v1", since)


def count(s3: Any, hours_ago: int, seen: Labelled) -> None:
    """Keep the outcomes of rows that were answered in an hour."""
    key = naming.outcomes_key("credit", "v1", BASELINE.binning.id, END - timedelta(hours=hours_ago))
    s3.put_object(Bucket=BUCKET, Key=key, Body=observe(BASELINE.binning, seen).to_json())


def look(s3: Any) -> tuple[dict[str, Any], PerformanceLook]:
    answer = monitor_performance.handler({"scheduled_time": END.isoformat()}, CONTEXT)
    stored = s3.get_object(Bucket=BUCKET, Key=answer["look"])["Body"].read()
    return answer, PerformanceLook.from_json(stored)


def test_a_window_like_the_baseline_is_good(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given two hours of a window, a third of them labelled, and one before it that is not looked at
    serve(s3)
    for hours_ago in (1, 24):
        count(s3, hours_ago, rows(3000, seed=hours_ago, labelled=1 / 3))
    count(s3, 25, rows(3000, seed=25, worse=True))

    # when
    answer, found = look(s3)

    # then
    assert (answer["verdict"], found.performance.rows) == ("good", 6000)
    metrics = emitted(capsys.readouterr().out)
    assert metrics["LabelCoverage"] == pytest.approx(100 / 3, abs=3)
    assert metrics["Performance"] == found.primary.value
    assert (metrics["PerformanceFall"], metrics["ConceptDrift"]) == (0, 0)


def test_worse_predictions_raise_both_numbers_and_are_told_with_where_they_are(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a window in which owners' labels no longer follow their scores
    serve(s3)
    count(s3, 3, rows(6000, seed=5, worse=True))

    # when
    answer, _ = look(s3)

    # then
    assert answer["verdict"] == Verdict.WORSE.value
    metrics = emitted(capsys.readouterr().out)
    assert metrics["PerformanceFall"] > 1
    assert metrics["ConceptDrift"] == 1
    # and the messages name metric and segment
    kept = newest_performance(deployed.store(), "credit", END + timedelta(minutes=1))
    assert kept is not None
    evidence = PerformanceEvidence(kept[1], f"s3://{BUCKET}/{kept[0]}")
    for kind, words in ((AlarmKind.PERFORMANCE, "roc auc"), (AlarmKind.CONCEPT_DRIFT, "concept drift")):
        message = alarm_message(SPEC, AlarmChange(kind, True, END, END, "1 datapoint"), evidence)
        assert message is not None
        assert words in message.subject
        assert len(message.subject) <= 100
        assert "own" in message.body
        assert kept[0] in message.body
        assert "6000 predictions of v1" in message.body


def test_too_few_labels_give_no_verdict_and_leave_the_alarm_as_it_is(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    serve(s3)
    count(s3, 3, rows(6000, seed=5, worse=True, labelled=0.01))

    # when
    answer, _ = look(s3)

    # then
    assert answer["verdict"] == Verdict.INSUFFICIENT_DATA.value
    assert emitted(capsys.readouterr().out).keys() == {"LabelCoverage"}


def test_an_alarm_of_the_version_before_does_not_outlive_it(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a version that took over within the window, with few labels yet
    serve(s3, since=END - timedelta(hours=1))
    count(s3, 3, rows(6000, seed=5, worse=True, labelled=0.01))

    # when
    answer, _ = look(s3)

    # then
    assert answer["verdict"] == Verdict.INSUFFICIENT_DATA.value
    metrics = emitted(capsys.readouterr().out)
    assert (metrics["PerformanceFall"], metrics["ConceptDrift"]) == (0, 0)


def test_without_a_baseline_nothing_is_looked_at(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # when
    answer = monitor_performance.handler({"scheduled_time": END.isoformat()}, CONTEXT)

    # then
    assert answer == {"verdict": "no baseline", "labelled": 0, "look": None}
    assert emitted(capsys.readouterr().out) == {"PerformanceFall": 0, "ConceptDrift": 0}  # what was said of another
