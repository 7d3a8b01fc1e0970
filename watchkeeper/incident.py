"""The record of one rollback: what happened when, on what evidence, and what was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.findings import Finding, Findings

FORMAT = 1
_LEFT_OUT = frozenset({"shares", "statistics"})


@dataclass(frozen=True)
class Moment:
    """One entry of the timeline."""

    at: datetime
    what: str


@dataclass(frozen=True)
class Incident:
    """One rollback.

    Attributes
    ----------
    alarm : the alarm that started it; None when a person did
    findings_key, findings : the newest look before it
    timeline : in order of time
    """

    model: str
    execution: str
    at: datetime
    reason: str
    bad_version: str
    restored_version: str
    alarm: str | None
    findings_key: str | None
    findings: Findings | None
    actions: tuple[str, ...]
    timeline: tuple[Moment, ...]

    def to_json(self) -> bytes:
        """JSON bytes; of the findings what drifted, for the whole of them is kept under `findings_key`."""
        document = {
            "format": FORMAT,
            "model": self.model,
            "execution": self.execution,
            "at": self.at.isoformat(),
            "reason": self.reason,
            "bad_version": self.bad_version,
            "restored_version": self.restored_version,
            "alarm": self.alarm,
            "evidence": _evidence(self.findings_key, self.findings),
            "actions": list(self.actions),
            "timeline": [{"at": moment.at.isoformat(), "what": moment.what} for moment in self.timeline],
        }
        return jsonio.dumps(document)


def timeline(moments: Iterable[tuple[datetime | None, str]]) -> tuple[Moment, ...]:
    """Moments in order of time, without those whose time is not known."""
    known = [Moment(at, what) for at, what in moments if at is not None]
    return tuple(sorted(known, key=lambda moment: moment.at))


def _evidence(key: str | None, findings: Findings | None) -> dict[str, object] | None:
    if findings is None:
        return None
    return {
        "findings": key,
        "version": findings.version,
        "window": [findings.start.isoformat(), findings.end.isoformat()],
        "rows": findings.rows,
        "verdict": findings.verdict.value,
        "predictions": [_short(finding) for finding in findings.drifted_predictions],
        "features": [_short(finding) for finding in findings.drifted],
        "joint": [_short(finding) for finding in findings.drifted_joint],
    }


def _short(finding: Finding) -> dict[str, object]:
    return {name: value for name, value in finding.to_document().items() if name not in _LEFT_OUT}
