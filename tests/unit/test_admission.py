"""Which requests for a retraining begin a run: an event once, no storm, and a person always."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from lambdas.admit_retraining import handler as admit_retraining
from lambdas.begin_retraining import handler as begin_retraining
from tests.support import CONTEXT
from tests.unit.acting import NOW, SPEC, World, labels, world
from watchkeeper import jsonio, naming
from watchkeeper.admission import Run, event_key, refusal, superseded
from watchkeeper.aws import deployed
from watchkeeper.aws.label_counts import count_labels
from watchkeeper.errors import ConfigError, RolloutError
from watchkeeper.spec import Trigger

MODULES = [admit_retraining, begin_retraining]
ALARM = {"trigger": "drift", "alarm": "credit--drift", "alarm_time": "2026-11-21T11:50:00Z", "reason": "it drifted"}
PERSON = {"trigger": "person", "reason": "I try another scaling"}
RUN = Run("0123456789ab", Trigger.DRIFT, "it drifted", NOW - timedelta(hours=30), "execution-0")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(monkeypatch, MODULES) as made:
        yield made


def admit(request: dict[str, str], execution: str = "execution-1") -> dict[str, Any]:
    whole = {"alarm": "", "alarm_time": "", "scheduled_time": "", "hyperparameters": {}, **request}
    event = {"request": whole, "execution": execution, "now": NOW.isoformat()}
    return dict(admit_retraining.handler(event, CONTEXT))


def begin(run: str = "abcdef012345", waited: timedelta = timedelta(0)) -> dict[str, Any]:
    request = {"scheduled_time": "", "hyperparameters": {}, **ALARM}
    event = {"request": request, "run": run, "execution": "e", "now": NOW.isoformat()}
    return dict(begin_retraining.handler({**event, "started": (NOW - waited).isoformat()}, CONTEXT))


# --- the rules ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "ago", "new_labels", "words"),
    [
        (Trigger.DRIFT, None, 0, None),
        (Trigger.DRIFT, 23, 0, "retraining.cooldown is 1 day"),
        (Trigger.DRIFT, 24, 0, None),
        (Trigger.SCHEDULE, 1, 0, "began 1 hour ago"),
        (Trigger.PERSON, 1, 0, None),
        (Trigger.LABELS, 48, 9_999, "9999 labelled rows came"),
        (Trigger.LABELS, 48, 10_000, None),
        (Trigger.LABELS, None, 10_000, None),
    ],
)
def test_a_run_is_refused_in_the_cool_down_and_without_new_labels(
    trigger: Trigger, ago: int | None, new_labels: int, words: str | None
) -> None:
    # given a run that began some hours ago, or none
    last = None if ago is None else dataclasses.replace(RUN, started=NOW - timedelta(hours=ago))

    # when
    found = refusal(SPEC.retraining, trigger, NOW, last, new_labels)

    # then
    assert (found is None) if words is None else (found is not None and words in found)


def test_an_event_is_told_from_others_by_its_alarm_and_time_and_a_person_never_asks_twice_the_same() -> None:
    # then
    assert event_key(Trigger.DRIFT, "a", "t1") == event_key(Trigger.DRIFT, "a", "t1")
    assert len({event_key(Trigger.DRIFT, alarm, time) for alarm in "ab" for time in ("t1", "t2")}) == 4
    assert event_key(Trigger.SCHEDULE, "", "t1") is not None
    assert event_key(Trigger.PERSON, "", "t1") is None


def test_a_run_that_waited_while_another_began_is_superseded() -> None:
    # given a run that waits since an hour
    since, before, after = NOW - timedelta(hours=1), NOW - timedelta(hours=2), NOW - timedelta(minutes=5)

    # then
    assert not superseded("mine", since, None, before)
    assert not superseded("mine", since, RUN, before)
    assert superseded("mine", since, dataclasses.replace(RUN, started=after), before)
    assert not superseded(RUN.name, since, dataclasses.replace(RUN, started=after), before)  # it began itself: a retry
    assert superseded("mine", since, None, after)


# --- the functions ------------------------------------------------------------------------------------------------


def test_an_event_that_is_delivered_twice_is_admitted_once(aws: World) -> None:
    # when the same alarm starts two executions, and one of them is retried
    first, again, second = admit(ALARM), admit(ALARM), admit(ALARM, "execution-2")

    # then
    assert first == again == {"admitted": True, "reason": ""}
    assert second == {"admitted": False, "reason": "the same event has started another execution"}
    # and another event of the alarm is another matter
    assert admit({**ALARM, "alarm_time": "2026-11-21T11:55:00Z"}, "execution-3")["admitted"]


def test_a_flapping_alarm_waits_for_the_cool_down_and_a_person_does_not(aws: World) -> None:
    # given a run that began an hour ago
    deployed.registry().begin(dataclasses.replace(RUN, started=NOW - timedelta(hours=1)))

    # then
    refused = admit(ALARM)
    assert not refused["admitted"]
    assert "run 0123456789ab began 1 hour ago" in refused["reason"]
    assert admit(PERSON)["admitted"]
    assert admit(PERSON)["admitted"]


def test_labels_that_came_since_the_last_run_are_counted(aws: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # given five labelled rows, of which a run wants five
    retraining = dataclasses.replace(SPEC.retraining, new_labels=5)
    monkeypatch.setattr(admit_retraining, "deployed_spec", lambda: dataclasses.replace(SPEC, retraining=retraining))
    key = f"{naming.labels_prefix(SPEC.name)}{NOW:%Y/%m/%d/%H}/a.jsonl"
    aws.put(key, labels(4))
    request = {"trigger": "labels", "reason": "labels came"}

    # then four are too few, and five are enough
    refused = admit({**request, "scheduled_time": "t1"})
    assert "4 labelled rows came since the last run" in refused["reason"]
    aws.put(key, labels(5))
    assert admit({**request, "scheduled_time": "t2"})["admitted"]


def test_labels_that_had_come_before_the_last_run_are_not_new(aws: World) -> None:
    # given a file of labels
    aws.put(f"{naming.labels_prefix(SPEC.name)}{NOW:%Y/%m/%d/%H}/a.jsonl", labels(5))
    written = next(iter(deployed.store().listed(naming.labels_prefix(SPEC.name)))).modified

    # then it is new to a run that began before it was written, and to none that began later
    assert count_labels(deployed.store(), SPEC, NOW, 100).labelled == 5
    assert count_labels(deployed.store(), SPEC, NOW, 100, written - timedelta(seconds=1)).labelled == 5
    assert count_labels(deployed.store(), SPEC, NOW, 100, written).labelled == 0


def test_an_unknown_trigger_is_refused_with_those_there_are(aws: World) -> None:
    with pytest.raises(ConfigError, match="trigger is 'moon'; expected one of drift, performance"):
        admit({"trigger": "moon", "reason": ""})


def test_a_run_that_begins_is_on_record_with_its_reason_and_its_champion(aws: World) -> None:
    # given
    aws.version("v1", "serving", NOW - timedelta(days=9))
    aws.serving("v1", NOW - timedelta(days=9))

    # when it begins, and is retried
    first, again = begin(), begin()

    # then
    assert first == again == {"go": True, "version": "v1", "model_name": f"{SPEC.name}--v1-made"}
    last = deployed.registry().last_run()
    assert last is not None
    assert (last.name, last.trigger, last.reason, last.started) == ("abcdef012345", Trigger.DRIFT, "it drifted", NOW)
    account = jsonio.loads(aws.get(naming.run_key(SPEC.name, "abcdef012345")))
    assert (account["champion"], account["alarm"]) == ("v1", "credit--drift")


def test_a_run_that_waited_while_another_began_goes_no_further(aws: World) -> None:
    # given a version that serves for long, and a run that began while this one waited for labels
    aws.version("v1", "serving", NOW - timedelta(days=9))
    aws.serving("v1", NOW - timedelta(days=9))
    deployed.registry().begin(dataclasses.replace(RUN, started=NOW - timedelta(hours=1)))

    # then
    assert not begin(waited=timedelta(hours=2))["go"]
    assert aws.keys("training/") == []
    assert begin(waited=timedelta(minutes=30))["go"]


def test_a_model_that_nobody_onboarded_is_not_retrained(aws: World) -> None:
    with pytest.raises(RolloutError, match="start the onboarding machine"):
        begin()
