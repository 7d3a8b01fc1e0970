"""Messages of CloudWatch alarms: one for each `AlarmKind`, when it is raised and when it is over.

What an alarm is called, how urgent it is and what to do about it is data (`texts`); alarms over drift and over the
quality of data add their evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchkeeper import naming
from watchkeeper.attribution import AttributionLook, Importance
from watchkeeper.durations import lasting
from watchkeeper.estimation import EstimateLook
from watchkeeper.findings import Finding, Findings
from watchkeeper.message import attribution as attribution_in_words
from watchkeeper.message import estimation as estimates_in_words
from watchkeeper.message import performance as performance_in_words
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
    how_sure,
    likely_cause,
    listed,
    moment,
    since,
    to_do,
    what,
    where,
)
from watchkeeper.message.texts import LATE_CAPTURES, TEXTS
from watchkeeper.naming import AlarmKind
from watchkeeper.performance import PerformanceLook
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
    """The newest findings when the alarm changed, and where they are kept (`s3://` URI).

    Attributes
    ----------
    importance : what the version goes by on its baseline, if that is known
    """

    findings: Findings
    uri: str
    importance: Importance | None = None


@dataclass(frozen=True)
class QualityEvidence:
    """The data-quality monitor's newest outcome when the alarm changed, and where it is kept (`s3://` URI)."""

    quality: Quality
    uri: str


@dataclass(frozen=True)
class PerformanceEvidence:
    """The performance monitor's newest look when the alarm changed, and where it is kept (`s3://` URI)."""

    look: PerformanceLook
    uri: str


@dataclass(frozen=True)
class EstimateEvidence:
    """The newest look at estimated performance when the alarm changed, and where it is kept (`s3://` URI)."""

    look: EstimateLook
    uri: str


@dataclass(frozen=True)
class AttributionEvidence:
    """The attribution monitor's newest look when the alarm changed, and where it is kept (`s3://` URI)."""

    look: AttributionLook
    uri: str


def alarm_message(
    spec: ModelSpec,
    change: AlarmChange,
    evidence: Evidence | QualityEvidence | PerformanceEvidence | EstimateEvidence | AttributionEvidence | None = None,
) -> Message | None:
    """The message of one change of state, or None for an alarm that sends none.

    Parameters
    ----------
    evidence : for alarms over what monitors found; without it, they say that there is none
    """
    if change.kind not in TEXTS:
        return None
    if not change.raised:
        return _resolved(spec, change)
    if isinstance(evidence, QualityEvidence):
        return _faulty(spec, change, evidence)
    if isinstance(evidence, PerformanceEvidence):
        return _worse(spec, change, evidence)
    if isinstance(evidence, EstimateEvidence):
        return _probably_worse(spec, change, evidence)
    if isinstance(evidence, AttributionEvidence):
        return _goes_otherwise(spec, change, evidence)
    return _RAISED.get(change.kind, _raised)(spec, change, evidence)


def _raised(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    """A message that needs no evidence but CloudWatch's own."""
    text = TEXTS[change.kind]
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
    drifted = attribution_in_words.by_weight(evidence.findings, evidence.importance) if evidence else ()
    names = [finding.feature for finding in drifted]
    name = f"drift in {listed(names, SUBJECT_NAMES_ROOM)}" if names else "drift"
    matter = attribution_in_words.which_matter(evidence.findings, evidence.importance) if evidence else ""
    return _evident(spec, change, evidence, name, drifted, causes(drifted), _retraining(spec), matter)


def _prediction_drift(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    drifted = evidence.findings.changed_predictions if evidence else ()
    features = evidence.findings.changed_features if evidence else ()
    if features:
        cause = f"The features that drifted with them: {listed([f.feature for f in features], 60)}."
    else:
        cause = "No feature drifted: the way features go together has changed, or the model itself has."
    return _evident(spec, change, evidence, _predictions_changed(drifted), drifted, [cause], TEXTS[change.kind].now)


def _suspect(spec: ModelSpec, change: AlarmChange, evidence: Evidence | None) -> Message:
    text, drifted = TEXTS[change.kind], evidence.findings.changed_predictions if evidence else ()
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
    matter: str = "",
) -> Message:
    """A message with findings as its evidence; `matter` says what they mean to the model."""
    sizes_or_reason = [matter, *(sizes(drifted) or [change.reason])]
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
            to_do(TEXTS[change.kind].do),
            where(*_places(spec, change, evidence)),
        ],
    )


def _faulty(spec: ModelSpec, change: AlarmChange, evidence: QualityEvidence) -> Message:
    """A message with faults of the data as its evidence."""
    quality = evidence.quality
    faults: tuple[Fault, ...] = quality.faults
    if change.kind is AlarmKind.TRAIN_SERVE_SKEW:
        faults = quality.skew or ()
    text = LATE_CAPTURES if faults and faults_in_words.only_about_time(faults) else TEXTS[change.kind]
    found = faults_in_words.headline(faults)
    return compose(
        Kind.ALARM,
        text.severity,
        spec.name,
        f"{text.name} ({found})" if found else text.name,
        [
            what(text.what.format(model=spec.name, endpoint=spec.endpoint)),
            how_much(*(faults_in_words.lines(faults) or [change.reason])),
            since(f"{moment(change.at)}; {faults_in_words.window(quality)}."),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(*(faults_in_words.remedies(faults) or [text.do])),
            where(f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", f"All faults: {evidence.uri}"),
        ],
    )


def _worse(spec: ModelSpec, change: AlarmChange, evidence: PerformanceEvidence) -> Message:
    """A message with what labels say of predictions as its evidence."""
    text, look = TEXTS[change.kind], evidence.look
    found = performance_in_words.headline(look, change.kind)
    return _compose(
        spec,
        change,
        f"{text.name} ({found})" if found else text.name,
        [
            how_much(*(performance_in_words.lines(look, change.kind) or [change.reason])),
            since(f"{moment(change.at)}; {performance_in_words.window(look)}."),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(text.do),
            where(f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", f"All of the look: {evidence.uri}"),
        ],
    )


def _probably_worse(spec: ModelSpec, change: AlarmChange, evidence: EstimateEvidence) -> Message:
    """A message with what is estimated without labels as its evidence, and what estimates have been worth."""
    text, look = TEXTS[change.kind], evidence.look
    found = estimates_in_words.headline(look)
    return _compose(
        spec,
        change,
        f"{text.name} ({found})" if found else text.name,
        [
            how_much(*estimates_in_words.lines(look)),
            since(f"{moment(change.at)}; {estimates_in_words.window(look)}."),
            how_sure(look.record.summary),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(text.do),
            where(f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", f"All of the look: {evidence.uri}"),
        ],
    )


def _goes_otherwise(spec: ModelSpec, change: AlarmChange, evidence: AttributionEvidence) -> Message:
    """A message with what the model goes by as its evidence."""
    text, look = TEXTS[change.kind], evidence.look
    found = attribution_in_words.headline(look)
    return _compose(
        spec,
        change,
        f"{text.name} ({found})" if found else text.name,
        [
            how_much(*attribution_in_words.lines(look)),
            since(f"{moment(change.at)}; {attribution_in_words.window(look)}."),
            likely_cause(text.cause),
            happens_now(text.now),
            to_do(text.do),
            where(f"CloudWatch alarm {naming.alarm(spec.name, change.kind)}", f"All of the look: {evidence.uri}"),
        ],
    )


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


def _compose(spec: ModelSpec, change: AlarmChange, name: str, paragraphs: list[Paragraph]) -> Message:
    text = TEXTS[change.kind]
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
