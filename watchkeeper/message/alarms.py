"""Messages of CloudWatch alarms: one for each `AlarmKind`, when it is raised and when it is over.

What an alarm is called, how urgent it is and what to do about it is data; alarms over drift add their evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchkeeper import naming
from watchkeeper.findings import Finding, Findings
from watchkeeper.message import quality as faults_in_words
from watchkeeper.message.evidence import causes, sizes, window
from watchkeeper.message.layout import (
    Kind,
    Message,
    Paragraph,
    Severity,
    compose,
    happens_now,
    how_much,
    lasting,
    likely_cause,
    listed,
    moment,
    since,
    to_do,
    what,
    where,
)
from watchkeeper.naming import AlarmKind
from watchkeeper.quality import Fault, Quality
from watchkeeper.spec import ModelSpec

SUBJECT_NAMES_ROOM = 45


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


@dataclass(frozen=True)
class Evidence:
    """The newest findings when the alarm changed, and where they are kept (`s3://` URI)."""

    findings: Findings
    uri: str


@dataclass(frozen=True)
class QualityEvidence:
    """The data-quality monitor's newest outcome when the alarm changed, and where it is kept (`s3://` URI)."""

    quality: Quality
    uri: str


@dataclass(frozen=True)
class _Text:
    """What there is to say of one kind of alarm.

    Attributes
    ----------
    name : in a subject
    what : "{model}" and "{endpoint}" are filled in
    """

    severity: Severity
    name: str
    what: str
    cause: str
    now: str
    do: str


_PIPELINE = "Captures are kept, so nothing is lost: they are profiled when this is mended."
_TEXTS: Mapping[AlarmKind, _Text] = {
    AlarmKind.DRIFT: _Text(
        Severity.WARNING,
        "drift",
        "The requests to {model} no longer look like the data its version was judged on.",
        "",
        "",
        "Look whether the named features changed at their source. If the change is a fault, mend it there: a model "
        "trained on faulty data learns the fault. If it is real, hand in labels, for retraining needs them.",
    ),
    AlarmKind.PREDICTION_DRIFT: _Text(
        Severity.WARNING,
        "predictions changed",
        "The predictions of {model} no longer look like those of its version on the data it was judged on.",
        "",
        "Nothing is changed by this alarm alone; the alarms over drift and over a suspect version act.",
        "Ask whether the decisions that rest on these predictions are still sound; hand in labels to find out.",
    ),
    AlarmKind.SUSPECT_VERSION: _Text(
        Severity.CRITICAL,
        "new version suspect",
        "The version of {model} that took over lately predicts unlike what it did when it was judged, though the "
        "requests have not changed by as much.",
        "The version itself: a fault in its code or data that no test before its rollout could see.",
        "The last good version is restored, unless rollback.automatic is off in the model's file. A message follows.",
        "Find the fault before the next training. To keep the version, roll it out again once it is explained.",
    ),
    AlarmKind.DATA_QUALITY: _Text(
        Severity.WARNING,
        "faulty data",
        "The requests to {model} are not what the model's file and its baseline say they must be.",
        "A client or a pipeline that writes requests in another way than before, or fails to fill them.",
        "Nothing is changed by itself: a model trained on faulty data learns the fault.",
        "Mend the source of the named columns. If the data are right, correct the model's file and its baseline.",
    ),
    AlarmKind.TRAIN_SERVE_SKEW: _Text(
        Severity.WARNING,
        "serving differs from training",
        "The first requests to this version of {model} do not look like the data that it was trained on.",
        "Serving computes features otherwise than training did, or the training data were not like the requests. It "
        "was so from the first row: time has not brought it.",
        "Nothing is changed by itself. This is looked at once, when a version is first seen.",
        "Compare how training and serving compute the named features, before the version is trusted.",
    ),
    AlarmKind.UNREADABLE_CAPTURE: _Text(
        Severity.WARNING,
        "captured records unreadable",
        "More captured records of {model} than usual cannot be read. They are not in any profile.",
        "A client sends another format or other columns than the model's file says, or the model answers differently.",
        "The records and the reason for each are kept in quarantine; all others are profiled.",
        "Read the reasons in quarantine. Correct the client, or input and output in the model's file.",
    ),
    AlarmKind.MISSING_CAPTURE: _Text(
        Severity.CRITICAL,
        "no captures arrive",
        "Endpoint {endpoint} is called, but no captures arrive. {model} is not being watched.",
        "Data capture stops without a word when the disk of an instance is over 75 percent full. Otherwise it was "
        "switched off, or the endpoint's role may no longer write to the bucket.",
        "The endpoint goes on serving, and nobody is watching it.",
        "Look at the disk utilization of the endpoint's instances and at its data capture settings. Rolling the "
        "version out again starts new instances.",
    ),
    AlarmKind.DEAD_LETTERS: _Text(
        Severity.WARNING,
        "messages in a dead-letter queue",
        "Messages of {model}'s pipeline failed again and again, and wait in a dead-letter queue.",
        "A fault in a function, or a permission that it lacks: its log says which.",
        _PIPELINE,
        "Read the function's log, mend the cause, then send the messages back with SQS's redrive.",
    ),
    AlarmKind.FUNCTION_ERRORS: _Text(
        Severity.WARNING,
        "functions fail",
        "Functions that watch {model} end in errors.",
        "A fault in a function, a permission that it lacks, or a service that did not answer.",
        "Failed work is tried again, then goes to a dead-letter queue. " + _PIPELINE,
        "Read the functions' logs. If it goes on, look into the dead-letter queues too.",
    ),
    AlarmKind.AUTOMATION_FAILED: _Text(
        Severity.CRITICAL,
        "automation failed",
        "A state machine of {model} (onboarding, retraining, rollout or rollback) failed or timed out.",
        "The message of that machine, sent when it failed, names the cause.",
        "The endpoint serves what it served before, and the lock is released.",
        "Open the failed execution in Step Functions, mend its cause and start it again.",
    ),
    AlarmKind.SERVER_ERRORS: _Text(
        Severity.CRITICAL,
        "server errors",
        "Endpoint {endpoint} answers requests to {model} with server errors (5xx).",
        "The model's code fails on some requests, or its instances are short of memory.",
        "Nothing is changed by itself, but for a version that is being rolled out: its canary alarm undoes that.",
        "Read the endpoint's log. If a new version is at fault, start the rollback machine.",
    ),
}
"""`AlarmKind.ATTENTION` has none: it sums up the others, each of which has sent its own message."""

SEVERITIES: Mapping[AlarmKind, Severity] = {kind: text.severity for kind, text in _TEXTS.items()}
"""How urgent each kind of alarm is; those without a message are missing."""


def alarm_message(
    spec: ModelSpec, change: AlarmChange, evidence: Evidence | QualityEvidence | None = None
) -> Message | None:
    """The message of one change of state, or None for an alarm that sends none.

    Parameters
    ----------
    evidence : for alarms over drift and over the quality of data; without it, they say that there is none
    """
    if change.kind not in _TEXTS:
        return None
    if not change.raised:
        return _resolved(spec, change)
    if isinstance(evidence, QualityEvidence):
        return _faulty(spec, change, evidence)
    return _RAISED.get(change.kind, _raised)(spec, change, evidence)


def _raised(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    """A message that needs no evidence but CloudWatch's own."""
    text = _TEXTS[change.kind]
    return _compose(
        spec,
        change,
        text.name,
        [
            how_much(change.reason),
            since(moment(change.at)),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(text.do),
            where(*_places(spec, change, evidence)),
        ],
    )


def _drift(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    drifted = evidence.findings.drifted if evidence else ()
    names = [finding.feature for finding in drifted]
    name = f"drift in {listed(names, SUBJECT_NAMES_ROOM)}" if names else "drift"
    return _evident(spec, change, evidence, name, drifted, causes(drifted), _retraining(spec))


def _prediction_drift(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    drifted = evidence.findings.drifted_predictions if evidence else ()
    features = evidence.findings.drifted if evidence else ()
    if features:
        cause = f"The features that drifted with them: {listed([f.feature for f in features], 60)}."
    else:
        cause = "No feature drifted: the way features go together has changed, or the model itself has."
    return _evident(spec, change, evidence, _predictions_changed(drifted), drifted, [cause], _TEXTS[change.kind].now)


def _suspect(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    text, drifted = _TEXTS[change.kind], evidence.findings.drifted_predictions if evidence else ()
    version = f" {evidence.findings.version}" if evidence else ""
    return _evident(spec, change, evidence, f"new version{version} suspect", drifted, [text.cause], text.now)


_RAISED: Mapping[AlarmKind, Callable[[ModelSpec, AlarmChange, Evidence | None], Message]] = {
    AlarmKind.DRIFT: _drift,
    AlarmKind.PREDICTION_DRIFT: _prediction_drift,
    AlarmKind.SUSPECT_VERSION: _suspect,
}


def _evident(
    spec: ModelSpec,
    change: AlarmChange,
    evidence: Evidence | None,
    name: str,
    drifted: tuple[Finding, ...],
    cause: list[str],
    now: str,
) -> Message:
    """A message with findings as its evidence."""
    sizes_or_reason = sizes(drifted) or [change.reason]
    seen = window(evidence.findings) if evidence else "no findings were kept for this time"
    return _compose(
        spec,
        change,
        name,
        [
            how_much(*sizes_or_reason),
            since(f"{moment(change.at)}; {seen}."),
            likely_cause(*cause),
            happens_now(now),
            to_do(_TEXTS[change.kind].do),
            where(*_places(spec, change, evidence)),
        ],
    )


def _faulty(spec: ModelSpec, change: AlarmChange, evidence: QualityEvidence) -> Message:
    """A message with faults of the data as its evidence."""
    text, quality = _TEXTS[change.kind], evidence.quality
    faults: tuple[Fault, ...] = quality.faults
    if change.kind is AlarmKind.TRAIN_SERVE_SKEW:
        faults = quality.skew or ()
    names = faults_in_words.headline(faults)
    return _compose(
        spec,
        change,
        f"{text.name} ({names})" if names else text.name,
        [
            how_much(*(faults_in_words.lines(faults) or [change.reason])),
            since(f"{moment(change.at)}; {faults_in_words.window(quality)}."),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(*(faults_in_words.remedies(faults) or [text.do])),
            where(f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", f"All faults: {evidence.uri}"),
        ],
    )


def _resolved(spec: ModelSpec, change: AlarmChange) -> Message:
    text = _TEXTS[change.kind]
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


def _compose(spec: ModelSpec, change: AlarmChange, name: str, paragraphs: list[Paragraph]) -> Message:
    text = _TEXTS[change.kind]
    told = what(text.what.format(model=spec.name, endpoint=spec.endpoint))
    return compose(Kind.ALARM, text.severity, spec.name, name, [told, *paragraphs])


def _predictions_changed(drifted: tuple[Finding, ...]) -> str:
    names = [finding.feature for finding in drifted]
    return f"predictions changed ({listed(names, SUBJECT_NAMES_ROOM)})" if names else "predictions changed"


def _retraining(spec: ModelSpec) -> str:
    if not spec.retraining.on_drift:
        return "Nothing by itself: the model's file does not list drift under retraining.triggers."
    return (
        f"Retraining starts. It waits until {spec.retraining.minimum_labels} labels of the last "
        f"{spec.retraining.window_days} days are there, and rolls a candidate out only if it does no worse than the "
        "version that serves now, on the same labelled rows. Until then that version goes on serving."
    )


def _places(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> list[str]:
    places = [f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}"]
    if evidence is not None:
        places.append(f"All findings: {evidence.uri}")
    if change.kind is AlarmKind.UNREADABLE_CAPTURE:
        places.append(f"Quarantine: the prefix quarantine/{spec.name}/ of the data bucket")
    return places
