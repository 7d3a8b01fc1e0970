"""The bias monitor's function against a fake AWS, and the messages of its alarms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas.monitor_bias import handler as monitor_bias
from tests.support import CONTEXT, model_spec
from tests.unit.bias_support import Confusion, rows
from tests.unit.fake_aws import BUCKET, emitted, fake_aws, put_serving
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.looks import newest_bias
from watchkeeper.bias import (
    BiasLook,
    Flips,
    FlipTest,
    GroupBaseline,
    GroupBinning,
    GroupCounts,
    group_settings,
    observe,
)
from watchkeeper.errors import ConfigError, ProfileError
from watchkeeper.message import AlarmChange, BiasEvidence, Message, Severity, alarm_message
from watchkeeper.naming import AlarmKind
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import BiasLimits, BiasMonitor, Feature, Kind, SensitiveAttribute
from watchkeeper.table import CategoryColumn

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONITOR = BiasMonitor(
    attributes=(SensitiveAttribute("sex", favoured=("m",)),),
    tolerated=BiasLimits(0.1, 0.8, 0.25),
    change=BiasLimits(0.05, 0.9, 0.125),
    favourable=("negative",),
    window_hours=24,
    looks_per_month=730 / 24,
)
SPEC = model_spec(features=(Feature("sex", Kind.CATEGORY, sensitive=True),), bias=MONITOR)
ALIKE = Confusion(tp=160, fn=40, fp=60, tn=740)
HARSH = Confusion(tp=190, fn=10, fp=300, tn=500)
"""Of as many who default, far more who do not are refused."""


def people(m: Confusion = ALIKE, f: Confusion = ALIKE) -> Labelled:
    return rows({"m": m, "f": f})


def unlabelled(seen: Labelled) -> Labelled:
    return Labelled(seen.rows, seen.features, seen.predictions, CategoryColumn.of([None] * seen.rows))


def baseline(seen: Labelled) -> GroupBaseline:
    return GroupBaseline("v1", observe(GroupBinning.fit(group_settings(MONITOR, SPEC.task), seen), seen))


FAIR, UNFAIR = baseline(people()), baseline(people(f=HARSH))
FLIPPED = Flips({("sex", "f", "m"): FlipTest(upward=300, downward=20, n=800, against_n=900)})
"""Of women, that men like them would be answered otherwise."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(monitor_bias, "deployed_spec", lambda: SPEC)
    with fake_aws(monkeypatch) as client:
        yield client


def serve(s3: Any, judged: GroupBaseline = FAIR, since: datetime = END - timedelta(days=30)) -> None:
    s3.put_object(Bucket=BUCKET, Key=naming.group_baseline_key("credit", "v1"), Body=judged.to_json())
    put_serving("v1", since)


def count(s3: Any, hours_ago: int, seen: Labelled) -> None:
    """Keep the counts of rows that were answered in an hour."""
    key = naming.groups_key("credit", "v1", FAIR.binning.id, END - timedelta(hours=hours_ago))
    s3.put_object(Bucket=BUCKET, Key=key, Body=observe(FAIR.binning, seen).to_json())


def look(s3: Any) -> tuple[dict[str, Any], BiasLook]:
    answer = monitor_bias.handler({"scheduled_time": END.isoformat()}, CONTEXT)
    return answer, BiasLook.from_json(s3.get_object(Bucket=BUCKET, Key=answer["look"])["Body"].read())


def told(kind: AlarmKind) -> Message:
    """The message when the alarm is raised a minute after the look."""
    kept = newest_bias(deployed.store(), "credit", END + timedelta(minutes=1))
    assert kept is not None
    evidence = BiasEvidence(kept[1], f"s3://{BUCKET}/{kept[0]}")
    message = alarm_message(SPEC, AlarmChange(kind, True, END, END, "1 datapoint"), evidence)
    assert message is not None
    assert len(message.subject) <= 100
    assert kept[0] in message.body
    return Message(message.subject, " ".join(message.body.split()), message.severity, message.kind)


def test_groups_that_fare_alike_raise_nothing(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given two hours of a window, and an unfair one before it that is not looked at
    serve(s3)
    for hours_ago in (1, 24):
        count(s3, hours_ago, people())
    count(s3, 25, people(f=HARSH))

    # when
    answer, found = look(s3)

    # then
    assert (answer["outcome"], answer["rows"], answer["biased"]) == ("within tolerance", 4000, 0)
    assert (found.version, found.favourable, found.start) == ("v1", "defaulted is not 1", END - timedelta(hours=24))
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 0, "BiasScore": 0, "BiasDrift": 0}


def test_a_group_that_fares_worse_raises_both_numbers_and_is_named(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given
    serve(s3)
    count(s3, 3, people(f=HARSH))

    # when
    answer, found = look(s3)

    # then
    assert (answer["outcome"], answer["biased"]) == ("biased", 1)
    metrics = emitted(capsys.readouterr().out)
    assert metrics["BiasedGroups"] == 1
    assert metrics["BiasScore"] == found.score > 1
    assert metrics["BiasDrift"] == found.drift_score > 1
    # and the alarm says who, by which metric, how much, since when and what to do
    message = told(AlarmKind.BIAS)
    assert message.severity is Severity.CRITICAL
    assert "biased (sex f: " in message.subject
    assert "Positive means that defaulted is not 1" in message.body
    assert "is predicted positive 0.27 less often than m; 0.23 to 0.31 (baseline 0.00)" in message.body
    assert "difference in positive proportions in predicted labels (DPPL), tolerated −0.10 to 0.10" in message.body
    assert "It was within tolerance when the version was judged" in message.body
    assert "Of labels: sex f (n = 1,000)" in message.body
    assert "seen in 2,000 predictions of v1 from 20 November 2026, 12:00 UTC" in message.body
    assert "rollback" in message.body
    drifted = told(AlarmKind.BIAS_DRIFT)
    assert drifted.severity is Severity.WARNING
    assert "bias drift (sex f: " in drifted.subject
    assert "(baseline 0.00)" in drifted.body


def test_bias_that_the_version_always_had_is_no_drift_and_is_told_as_learnt(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    serve(s3, UNFAIR)
    count(s3, 3, people(f=HARSH))

    # when
    look(s3)

    # then
    metrics = emitted(capsys.readouterr().out)
    assert (metrics["BiasedGroups"], metrics["BiasDrift"]) == (1, 0)
    message = told(AlarmKind.BIAS)
    assert "outside tolerance already when the version was judged (sex f). The model learnt it" in message.body


def test_labels_that_differ_are_in_the_table_and_raise_nothing(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a group of which more default, though the model predicts of it what it predicts of the others
    serve(s3, baseline(people(f=Confusion(tp=220, fn=380, fp=0, tn=400))))
    count(s3, 3, people(f=Confusion(tp=220, fn=380, fp=0, tn=400)))

    # when
    _, found = look(s3)

    # then
    assert "DPL" in {each.metric for each in found.findings.biased}
    assert "DPL" not in {each.metric for each in found.biased}
    assert any("(DPL)" in row.metric and row.verdict == "biased" for row in found.table)
    assert emitted(capsys.readouterr().out)["BiasDrift"] == 0


def test_more_errors_of_all_groups_alike_are_not_bias(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a model that has become bad for everybody
    serve(s3)
    count(s3, 3, people(HARSH, HARSH))

    # when
    answer, found = look(s3)

    # then generalised entropy has moved, and is about everybody
    assert {each.metric for each in found.findings.drifted} == {"GE"}
    assert answer["outcome"] == "within tolerance"
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 0, "BiasScore": 0, "BiasDrift": 0}


def test_before_labels_come_predictions_are_compared(s3: Any) -> None:
    # given
    serve(s3)
    count(s3, 3, unlabelled(people(f=HARSH)))

    # when
    answer, found = look(s3)

    # then
    assert answer["outcome"] == "biased"
    assert {each.basis for each in found.biased} == {"rows with a prediction"}
    assert "No labels have come that would tell" in told(AlarmKind.BIAS).body


@pytest.mark.parametrize("seen", [None, people(f=Confusion(1, 1, 1, 1))])
def test_too_few_rows_give_no_verdict_and_leave_the_alarm_as_it_is(
    s3: Any, capsys: pytest.CaptureFixture[str], seen: Labelled | None
) -> None:
    # given
    serve(s3)
    if seen is not None:
        count(s3, 3, seen)

    # when
    answer, _ = look(s3)

    # then
    assert answer["outcome"] == "insufficient data"
    assert emitted(capsys.readouterr().out) == {}


def test_an_alarm_of_the_version_before_does_not_outlive_it(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a version that took over within the window
    serve(s3, since=END - timedelta(hours=1))

    # when
    answer, _ = look(s3)

    # then
    assert answer["outcome"] == "insufficient data"
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 0, "BiasDrift": 0}


def test_without_a_baseline_nothing_is_looked_at(s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    # given a version that was deployed before there were baselines of groups
    put_serving("v1", END)

    # when
    answer = monitor_bias.handler({"scheduled_time": END.isoformat()}, CONTEXT)

    # then
    assert answer == {"outcome": "no baseline", "rows": 0, "biased": 0, "look": None}
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 0, "BiasDrift": 0}  # what was said of another version


def test_a_fliptest_that_the_version_failed_is_told_with_the_rows_that_it_is_of(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a version that is unfair to women who are like men, though both are accepted as often
    serve(s3, replace(FAIR, flips=FLIPPED))
    count(s3, 3, people())

    # when
    answer, found = look(s3)

    # then it is biased, today as when it was judged
    assert (answer["outcome"], answer["biased"]) == ("biased", 1)
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 1, "BiasScore": found.score, "BiasDrift": 0}
    message = told(AlarmKind.BIAS)
    assert "biased (sex f: FT 0.35)" in message.subject
    assert "judged like their neighbours among m; 0.31 to 0.39; of the holdout, when v1 was judged" in message.body
    assert "counterfactual fliptest (FT), tolerated −0.10 to 0.10" in message.body
    assert "found in the rows that v1 was judged on, not in those that came since" in message.body
    assert "outside tolerance already when the version was judged (sex f)" in message.body


def test_a_fliptest_comes_after_what_the_window_says_of_the_same_group(s3: Any) -> None:
    # given
    serve(s3, replace(FAIR, flips=FLIPPED))
    count(s3, 3, people(f=HARSH))

    # when
    look(s3)

    # then
    message = told(AlarmKind.BIAS)
    assert "biased (sex f: RD" in message.subject or "biased (sex f: DPPL" in message.subject
    assert "seen in 2,000 predictions" in message.body
    assert message.body.index("less often than m") < message.body.index("judged like their neighbours")
    assert "It was within tolerance when the version was judged" in message.body


def test_a_failed_fliptest_raises_the_alarm_before_a_window_has_rows_enough(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    # given
    serve(s3, replace(FAIR, flips=FLIPPED))

    # when
    answer, found = look(s3)

    # then nothing is said of a change, so that its alarm stays as it is
    assert (answer["outcome"], found.judged) == ("biased", False)
    assert emitted(capsys.readouterr().out) == {"BiasedGroups": 1, "BiasScore": found.score}


def test_a_version_judged_before_there_were_fliptests_is_looked_at_without(s3: Any) -> None:
    # given
    serve(s3)
    count(s3, 3, people())

    # when
    answer, found = look(s3)

    # then
    assert answer["outcome"] == "within tolerance"
    assert "There is no fliptest: v1 was judged before there were any." in found.findings.notices[-1]


def test_hours_that_differ_more_than_chance_make_a_look_more_careful(s3: Any) -> None:
    # given as many hours as are needed to tell, in half of which nobody of either group is refused
    serve(s3)
    for hours_ago in range(1, 13):
        kind = Confusion(0, 20, 0, 80) if hours_ago % 2 else Confusion(20, 0, 80, 0)
        count(s3, hours_ago, people(kind, kind))

    # when
    _, varied = look(s3)
    for hours_ago in range(1, 13):
        count(s3, hours_ago, people(Confusion(10, 10, 40, 40), Confusion(10, 10, 40, 40)))
    _, even = look(s3)

    # then the same numbers are known less well
    def width(found: BiasLook) -> float:
        shares = next(each for each in found.findings.measurements if each.metric == "DPPL")
        assert shares.low is not None
        assert shares.high is not None
        return shares.high - shares.low

    assert width(varied) > 3 * width(even)


def test_a_file_that_names_other_people_than_the_baseline_is_told(
    s3: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # given
    serve(s3)
    count(s3, 3, people())
    changed = BiasMonitor((SensitiveAttribute("race"),), MONITOR.tolerated, MONITOR.change, window_hours=24)
    monkeypatch.setattr(monitor_bias, "deployed_spec", lambda: model_spec(bias=changed))

    # when
    answer, found = look(s3)

    # then the version's own groups are looked at, by its own favourable outcome
    assert (answer["outcome"], found.favourable) == ("within tolerance", "defaulted is not 1")
    assert "names other attributes, or another favourable outcome, than this version's baseline" in caplog.text


def test_a_model_without_anybody_to_watch_is_refused(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(monitor_bias, "deployed_spec", model_spec)
    # then
    with pytest.raises(ConfigError, match="names nobody to watch"):
        monitor_bias.handler({"scheduled_time": END.isoformat()}, CONTEXT)


def test_baselines_and_looks_survive_json_and_nothing_else_is_read_as_one() -> None:
    # given
    again = GroupBaseline.from_json(UNFAIR.to_json())
    # then
    assert (again.version, again.counts) == ("v1", UNFAIR.counts)
    assert again.counts != GroupCounts.empty(FAIR.binning)
    for text in (b"{}", b"[]", b'{"format": 1}', b"nonsense"):
        with pytest.raises(ProfileError, match="no baseline of groups"):
            GroupBaseline.from_json(text)
        with pytest.raises(ProfileError, match="no look of the bias monitor"):
            BiasLook.from_json(text)
