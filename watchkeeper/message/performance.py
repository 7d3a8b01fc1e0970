"""What the performance monitor found, in words."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.message.account import Account
from watchkeeper.message.layout import listed, moment
from watchkeeper.naming import AlarmKind
from watchkeeper.performance import PerformanceLook
from watchkeeper.performance.findings import MetricFinding
from watchkeeper.spec import ModelSpec

SHOWN = 5
HEADLINE_ROOM = 55


@dataclass(frozen=True)
class PerformanceEvidence:
    """The performance monitor's newest look, and where it is kept."""

    look: PerformanceLook
    uri: str

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What it says."""
        look = self.look
        return Account(headline(look, kind), lines=lines(look, kind), seen=window(look))


def headline(look: PerformanceLook, kind: AlarmKind) -> str:
    """What fell: the metric that stands for all, if it did, then the worst; of concept drift its name says enough."""
    if kind is not AlarmKind.PERFORMANCE:
        return ""
    fell = [f"{each.name.replace('_', ' ')} {each.before:.2f} to {each.after:.2f}" for each in _fell(look)]
    segments = [f"{each.feature} {each.cell}" for each in look.findings.fallen]
    return listed(fell or segments, HEADLINE_ROOM)


def lines(look: PerformanceLook, kind: AlarmKind) -> list[str]:
    """A line for each finding that the alarm is about."""
    if kind is AlarmKind.PERFORMANCE:
        metrics, segments = _fell(look), look.findings.fallen or look.findings.weakest
        rest = [f"and {len(metrics) - SHOWN} more metrics"] if len(metrics) > SHOWN else []
        return [*(each.summary for each in metrics[:SHOWN]), *rest, *(each.summary for each in segments[:SHOWN])]
    concept = look.findings.concept
    if concept is None:
        return []
    cells = (
        f"{each.feature} {each.cell}: {each.observed:.2f} where {each.expected:.2f} was to be expected; {each.n} labels"
        for each in concept.cells[:SHOWN]
    )
    return [concept.summary, *cells]


def _fell(look: PerformanceLook) -> list[MetricFinding]:
    """The metrics that fell: first the one that stands for all, then the worst."""
    return sorted(look.findings.fell, key=lambda each: each.name != look.primary.name)


def window(look: PerformanceLook) -> str:
    """Which predictions were looked at."""
    return (
        f"of {look.performance.rows} predictions of {look.version} from {moment(look.start)} to {moment(look.end)}, "
        f"{look.performance.labelled} have a label"
    )
