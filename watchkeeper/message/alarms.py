"""Messages of CloudWatch alarms: one for each `AlarmKind`, when it is raised and when it is over.

What an alarm is called, how urgent it is and what to do about it is data (`texts`); a monitor's look adds what it found
(`account`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from watchkeeper import naming
from watchkeeper.admission import ALARMS
from watchkeeper.durations import lasting
from watchkeeper.message import drift
from watchkeeper.message.account import Account, Evidence
from watchkeeper.message.layout import (
    Kind,
    Message,
    Severity,
    compose,
    happens_now,
    how_much,
    how_sure,
    likely_cause,
    moment,
    since,
    to_do,
    what,
    where,
)
from watchkeeper.message.texts import TEXTS
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class AlarmChange:
    """One change of an alarm's state.

    Attributes
    ----------
    raised : to ALARM; otherwise from ALARM to OK
    at : time of the change
    before : since when the alarm had been in its former state
    reason : CloudWatch's own words
    """

    kind: AlarmKind
    raised: bool
    at: datetime
    before: datetime
    reason: str


def alarm_message(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None = None) -> Message | None:
    """The message of one change of state, or None for an alarm that sends none.

    Parameters
    ----------
    evidence : of alarms over what a monitor found
    """
    if change.kind not in TEXTS:
        return None
    return _raised(spec, change, evidence) if change.raised else _resolved(spec, change)


def _raised(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    account = _without_evidence(spec, change.kind) if evidence is None else evidence.account(spec, change.kind)
    text = account.text or TEXTS[change.kind]
    beside = f" ({account.headline})" if account.headline else ""
    seen = f"; {account.seen}." if account.seen else ""
    return compose(
        Kind.ALARM,
        text.severity,
        spec.name,
        account.name or text.name + beside,
        [
            what(f"{text.what.format(model=spec.name, endpoint=spec.endpoint)} {account.meaning}"),
            how_much(*(account.lines or [change.reason])),
            since(moment(change.at) + seen),
            how_sure(account.trust),
            likely_cause(*(account.causes or [text.cause])),
            happens_now(_retraining(spec, change.kind) or text.now),
            to_do(*(account.remedies or [text.do])),
            where(*_places(spec, change, f"{account.whole}: {evidence.uri}" if evidence else "")),
        ],
    )


def _retraining(spec: ModelSpec, kind: AlarmKind) -> str:
    """What becomes of the alarm where the model's file lists it under retraining.triggers."""
    settings = spec.retraining
    if kind not in [ALARMS.get(trigger) for trigger in settings.triggers]:
        return ""
    cooldown = lasting(timedelta(hours=settings.cooldown_hours))
    return (
        f"Retraining starts, unless one has begun within {cooldown}. It waits until {settings.minimum_labels} labels "
        f"of the last {settings.window_days} days are there, and rolls a candidate out only if it passes its gates "
        "against the version that serves now, on the same labelled rows. Until then that version goes on serving."
    )


def _without_evidence(spec: ModelSpec, kind: AlarmKind) -> Account:
    return drift.account(spec, kind) if kind in drift.KINDS else Account()


def _resolved(spec: ModelSpec, change: AlarmChange) -> Message:
    text = TEXTS[change.kind]
    alarm = naming.alarm(spec.name, change.kind)
    return compose(
        Kind.RESOLVED,
        Severity.INFO,
        spec.name,
        f"{text.name}: over after {lasting(change.at - change.before)}",
        [
            what(f"The alarm {alarm} ({text.name}) is over."),
            since(f"{moment(change.at)}; it was raised on {moment(change.before)}."),
            to_do("Nothing for now."),
            where(f"CloudWatch alarm {alarm}"),
        ],
        mark="resolved",
    )


def _places(spec: ModelSpec, change: AlarmChange, look: str) -> list[str]:
    places = [f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", look]
    if change.kind is AlarmKind.UNREADABLE_CAPTURE:
        places.append(f"Quarantine: the prefix quarantine/{spec.name}/ of the data bucket")
    return places
