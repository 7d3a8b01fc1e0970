"""Messages of the state machines: what became of onboarding, retraining, rollout and rollback.

A machine hands over a kind and a few details. A message about trouble must go out even when a detail is missing, so
what is missing is called unknown, and nothing here raises for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio, naming
from watchkeeper.message.layout import (
    Kind,
    Message,
    Paragraph,
    Severity,
    compose,
    happens_now,
    how_much,
    likely_cause,
    moment,
    since,
    to_do,
    what,
    where,
)
from watchkeeper.spec import ModelSpec

UNKNOWN = "unknown"
_CAUSE_FIELDS = ("FailureReason", "ErrorMessage", "errorMessage", "Cause", "cause", "reason", "StatusDetails")
"""Where services put the reason in the JSON that a failed task leaves: SageMaker, Glue, Lambda, nested executions."""


@dataclass(frozen=True)
class Notice:
    """What a state machine hands over.

    Attributes
    ----------
    execution : name of the execution
    detail : texts and numbers; which, says each kind's function
    """

    kind: Kind
    at: datetime
    execution: str
    detail: Mapping[str, object]

    def text(self, name: str) -> str:
        """One detail, or "unknown"."""
        value = self.detail.get(name)
        return UNKNOWN if value is None or value == "" else str(value)

    def lines(self, name: str) -> tuple[str, ...]:
        """A detail of several lines; none where it is missing."""
        value = self.detail.get(name)
        return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def machine_message(spec: ModelSpec, notice: Notice) -> Message:
    """The message of one notice.

    Raises
    ------
    KeyError
        The kind is not a machine's (an alarm's).
    """
    return _MESSAGES[notice.kind](spec, notice)


def plain_cause(cause: str) -> str:
    """The reason in a failed task's cause: what the service said, out of the JSON around it."""
    try:
        document = jsonio.loads(cause)
    except ValueError:
        return cause
    if isinstance(document, Mapping):
        for name in _CAUSE_FIELDS:
            if document.get(name):
                return plain_cause(str(document[name]))
    return cause


def _onboarded(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: version."""
    version = notice.text("version")
    return _compose(
        spec,
        notice,
        Severity.INFO,
        f"version {version} has a baseline and is watched",
        [
            what(f"The baseline of {spec.name} version {version} is made."),
            happens_now(
                f"Captures that came before are profiled now. The drift monitor looks at the last "
                f"{spec.drift.window_hours} hours on the schedule {spec.drift.schedule}, with a budget of "
                f"{spec.drift.false_alarms_per_month:g} false alarms a month."
            ),
            to_do("Nothing."),
        ],
        "onboarding",
    )


def _retraining_waiting(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: labelled, needed."""
    labelled, needed = notice.text("labelled"), notice.text("needed")
    wait = spec.retraining.label_wait_minutes
    hours = wait * spec.retraining.label_wait_limit
    return _compose(
        spec,
        notice,
        Severity.WARNING,
        f"retraining waits for labels ({labelled} of {needed})",
        [
            what(f"A retraining of {spec.name} was started, but there are too few labels to train and judge on."),
            how_much(f"{labelled} labelled rows of the last {spec.retraining.window_days} days; {needed} are needed."),
            happens_now(
                f"It looks again every {wait} minutes, {spec.retraining.label_wait_limit} times ({hours // 60} h)."
            ),
            to_do("Hand in ground truth for recent predictions; the id of a label is the inference id or event id."),
        ],
        "retraining",
        f"Labels: the prefix {naming.labels_prefix(spec.name)} of the data bucket",
    )


def _retraining_failed(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: cause (a failed task's), reason (why it was started)."""
    return _compose(
        spec,
        notice,
        Severity.CRITICAL,
        "retraining failed",
        [
            what(f"The retraining of {spec.name} failed. It had been started because of: {notice.text('reason')}."),
            likely_cause(plain_cause(notice.text("cause"))),
            happens_now("The endpoint serves the same version as before. The lock is released."),
            to_do("Mend the cause, then start the retraining machine again. The next alarm starts it too."),
        ],
        "retraining",
    )


def _candidate_rejected(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: reason, rows, lines (what the gates answered)."""
    return _compose(
        spec,
        notice,
        Severity.WARNING,
        "retrained candidate rejected by its gates",
        [
            what(f"A candidate for {spec.name} was trained, and is not good enough to replace the serving version."),
            how_much(
                f"Serving version → candidate, on the same {notice.text('rows')} labelled rows:", *notice.lines("lines")
            ),
            likely_cause(plain_cause(notice.text("reason"))),
            happens_now("The serving version goes on serving; the candidate is not registered."),
            to_do("If drift goes on, hand in more labels, look at features and training script, and train again."),
        ],
        "retraining",
    )


def _version_deployed(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: version, previous_version, reason?, rows?, lines?."""
    version, previous = notice.text("version"), notice.text("previous_version")
    gates = notice.lines("lines")
    if gates:
        gates = (f"{previous} → {version}, on the same {notice.text('rows')} labelled rows:", *gates)
    return _compose(
        spec,
        notice,
        Severity.INFO,
        f"version {version} serves now",
        [
            what(f"{spec.name} is served by version {version}; it was {previous}. The baseline moved with it."),
            how_much(*gates),
            happens_now(
                f"For {spec.rollout.probation_hours} hours it is on probation: if its predictions change while the "
                f"requests do not, {previous} is restored."
            ),
            to_do("Nothing."),
        ],
        "retraining",
    )


def _rollout_failed(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: version, previous_version, reason (SageMaker's, or the verification's)."""
    version, previous = notice.text("version"), notice.text("previous_version")
    return _compose(
        spec,
        notice,
        Severity.CRITICAL,
        f"rollout of version {version} failed and was undone",
        [
            what(f"The rollout of version {version} of {spec.name} did not succeed."),
            likely_cause(plain_cause(notice.text("reason"))),
            happens_now(f"All traffic goes to version {previous}, as before. The lock is released."),
            to_do(f"Read the endpoint's log of the time, mend version {version}, and roll it out again as a new one."),
        ],
        "rollout",
    )


def _rolled_back(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: version (restored), bad_version, reason, incident (key of its record)."""
    version, bad = notice.text("version"), notice.text("bad_version")
    return _compose(
        spec,
        notice,
        Severity.CRITICAL,
        f"rolled back from {bad} to version {version}",
        [
            what(f"{spec.name} is served by version {version} again. Version {bad} is rejected."),
            likely_cause(plain_cause(notice.text("reason"))),
            happens_now(f"Requests are compared with the baseline of {version} again."),
            to_do(
                f"Find out what was wrong with {bad} before the next training: the incident's record has the evidence."
            ),
        ],
        "rollback",
        f"Incident: {notice.text('incident')}",
    )


def _rollback_impossible(spec: ModelSpec, notice: Notice) -> Message:
    """Detail: reason, bad_version?."""
    bad = notice.text("bad_version")
    return _compose(
        spec,
        notice,
        Severity.CRITICAL,
        "rollback impossible, the suspect version still serves",
        [
            what(f"{spec.name} should be rolled back from version {bad}, but that cannot be done."),
            likely_cause(plain_cause(notice.text("reason"))),
            happens_now(f"Version {bad} goes on serving. The lock is released."),
            to_do(
                "Decide whether it may go on. Otherwise register and approve a version that is good, and start the "
                "rollout machine with it."
            ),
        ],
        "rollback",
    )


_MESSAGES: Mapping[Kind, Callable[[ModelSpec, Notice], Message]] = {
    Kind.ONBOARDED: _onboarded,
    Kind.RETRAINING_WAITING: _retraining_waiting,
    Kind.RETRAINING_FAILED: _retraining_failed,
    Kind.CANDIDATE_REJECTED: _candidate_rejected,
    Kind.VERSION_DEPLOYED: _version_deployed,
    Kind.ROLLOUT_FAILED: _rollout_failed,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.ROLLBACK_IMPOSSIBLE: _rollback_impossible,
}


def _compose(
    spec: ModelSpec,
    notice: Notice,
    severity: Severity,
    headline: str,
    paragraphs: list[Paragraph],
    machine: str,
    *places: str,
) -> Message:
    """A message with its time after the first paragraph, and the execution that it is about at its end."""
    first, *rest = paragraphs
    looked = where(*places, f"Step Functions execution {notice.execution} of {spec.name}--{machine}")
    return compose(notice.kind, severity, spec.name, headline, [first, since(moment(notice.at)), *rest, looked])
