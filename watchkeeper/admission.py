"""May a retraining begin? An alarm that flaps, or an event that comes twice, must not make a storm of trainings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from watchkeeper.durations import lasting
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import Retraining, Trigger

ALARMS = {
    Trigger.DRIFT: AlarmKind.DRIFT,
    Trigger.PERFORMANCE: AlarmKind.PERFORMANCE,
    Trigger.CONCEPT_DRIFT: AlarmKind.CONCEPT_DRIFT,
    Trigger.ESTIMATED_PERFORMANCE: AlarmKind.ESTIMATED_PERFORMANCE,
    Trigger.BIAS: AlarmKind.BIAS,
}
"""The triggers that are alarms."""


@dataclass(frozen=True)
class Run:
    """One retraining that has begun.

    Attributes
    ----------
    name : twelve hex characters, also of its folder in `training/<model>/`
    reason : in words, of the alarm or the person
    started : when it had waited long enough, for labels and for the lock
    alarm, alarm_time : of an alarm that started it, and when it fired (ISO); else empty
    execution : name of the state machine's execution
    """

    name: str
    trigger: Trigger
    reason: str
    started: datetime
    execution: str
    alarm: str = ""
    alarm_time: str = ""

    def to_document(self) -> dict[str, str]:
        """The fields as texts."""
        return {**asdict(self), "trigger": self.trigger.value, "started": self.started.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, str]) -> Run:
        """Read what `to_document` wrote, among other things."""
        return cls(
            name=document["name"],
            trigger=Trigger(document["trigger"]),
            reason=document["reason"],
            started=datetime.fromisoformat(document["started"]),
            execution=document["execution"],
            alarm=document["alarm"],
            alarm_time=document["alarm_time"],
        )


def event_key(trigger: Trigger, alarm: str, time: str) -> str | None:
    """What tells an event from others, however often it is delivered; None of a person, who may ask again."""
    return None if trigger is Trigger.PERSON or not time else f"{trigger}#{alarm}#{time}"


def refusal(settings: Retraining, trigger: Trigger, now: datetime, last: Run | None, new_labels: int) -> str | None:
    """Why a run must not begin now, or None when it may; a person is never refused.

    Parameters
    ----------
    last : the run that began last
    new_labels : labelled rows that came since it, counted up to `settings.new_labels`; of the trigger `labels`
    """
    if trigger is Trigger.PERSON:
        return None
    cooldown = timedelta(hours=settings.cooldown_hours)
    if last is not None and now - last.started < cooldown:
        return (
            f"run {last.name} began {lasting(now - last.started)} ago, and retraining.cooldown is {lasting(cooldown)}: "
            "a person may start the machine all the same"
        )
    if trigger is Trigger.LABELS and new_labels < settings.new_labels:
        return f"{new_labels} labelled rows came since the last run; retraining.new_labels is {settings.new_labels}"
    return None


def superseded(run: str, since: datetime, last: Run | None, serving_since: datetime) -> bool:
    """Whether another run began, or another version took over, while this one waited for labels since a time."""
    other = last is not None and last.name != run and last.started > since
    return other or serving_since > since
