"""What the bias monitor found, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.bias import ALL_OTHERS, BiasLook, Measurement, flip
from watchkeeper.bias.facet import BETWEEN
from watchkeeper.bias.metric import Basis, Unit
from watchkeeper.bias.metrics import BY_SHORT
from watchkeeper.bias.table import metric_name
from watchkeeper.bias.wording import told
from watchkeeper.message.account import Account
from watchkeeper.message.layout import listed, moment
from watchkeeper.message.texts import TEXTS
from watchkeeper.naming import AlarmKind
from watchkeeper.spec import ModelSpec

SHOWN = 5
HEADLINE_ROOM = 55


@dataclass(frozen=True)
class BiasEvidence:
    """The bias monitor's newest look, and where it is kept."""

    look: BiasLook
    uri: str

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What it says."""
        look = self.look
        return Account(
            headline(look, kind),
            lines=lines(look, kind),
            seen=window(look),
            meaning=meaning(look),
            causes=causes(look, kind),
            whole="The whole table",
        )


def headline(look: BiasLook, kind: AlarmKind) -> str:
    """Which groups, each with the metric that says most of it."""
    worst: dict[tuple[str, str], Measurement] = {}
    for each in _said(look, kind):
        worst.setdefault((each.facet, each.group), each)
    names = [f"{facet} {group}: {_value(each)}" for (facet, group), each in worst.items()]
    return listed(names, HEADLINE_ROOM).replace("−", "-")  # a subject is ASCII


def lines(look: BiasLook, kind: AlarmKind) -> list[str]:
    """A line for each group and for its predictions and errors."""
    found = _said(look, kind)
    rest = [f"and {len(found) - SHOWN} more in the table of the look"] if len(found) > SHOWN else []
    return [*(_line(each, kind) for each in found[:SHOWN]), *rest]


def causes(look: BiasLook, kind: AlarmKind) -> list[str]:
    """What the look itself tells of where it comes from."""
    found = _said(look, kind)
    if not found:
        return []
    of_window = [each for each in found if each.metric != flip.SHORT]
    since = _since_when(of_window or found) if kind is AlarmKind.BIAS else TEXTS[kind].cause
    return [since, *_of_labels(look, found[0])]


def window(look: BiasLook) -> str:
    """Which predictions were looked at; what is told may be of the rows alone that the version was judged on."""
    if look.biased and all(each.metric == flip.SHORT for each in look.biased):
        return f"found in the rows that {look.version} was judged on, not in those that came since"
    rows, since, until = look.findings.rows, moment(look.start), moment(look.end)
    return f"seen in {rows:,} predictions of {look.version} from {since} to {until}"


def meaning(look: BiasLook) -> str:
    """What metrics call positive."""
    return f"Positive means that {look.favourable}, which is what people would wish for."


def _said(look: BiasLook, kind: AlarmKind) -> list[Measurement]:
    """Of each group one metric of its predictions, one of its errors, and its fliptest; what is read most easily first.

    Then the worst. Groups by two attributes mostly repeat what is said of those by one.
    """
    found = look.biased if kind is AlarmKind.BIAS else look.drifted
    first: dict[tuple[str, str, str, bool], Measurement] = {}
    for each in sorted(found, key=_effort):
        first.setdefault((each.facet, each.group, each.basis, each.metric == flip.SHORT), each)
    return list(first.values())


def _effort(found: Measurement) -> tuple[bool, bool, bool]:
    hard = found.metric == flip.SHORT or BY_SHORT[found.metric].unit is Unit.COUNTS
    return BETWEEN in found.facet, found.against == ALL_OTHERS, hard


def _value(found: Measurement) -> str:
    return f"{found.metric} {told(found.value)}" if found.value is not None else found.metric


def _line(found: Measurement, kind: AlarmKind) -> str:
    metric = f"{metric_name(found.metric)} ({found.metric})"
    if kind is not AlarmKind.BIAS or found.tolerated_low is None or found.tolerated_high is None:
        return f"{found.summary}: {metric}"
    return f"{found.summary}: {metric}, tolerated {told(found.tolerated_low)} to {told(found.tolerated_high)}"


def _since_when(found: Iterable[Measurement]) -> str:
    """Whether the version was biased when it was judged."""
    old = [each for each in found if _was_outside(each)]
    if not old:
        return "It was within tolerance when the version was judged: requests, or what becomes of them, changed since."
    names = listed(list(dict.fromkeys(f"{each.facet} {each.group}" for each in old)), HEADLINE_ROOM)
    return (
        f"It was outside tolerance already when the version was judged ({names}). The model learnt it: its training "
        "data have few rows of the group, or other labels of it, or a feature that stands for it."
    )


def _was_outside(found: Measurement) -> bool:
    if found.metric == flip.SHORT:  # it is of those rows
        return True
    low, high, before = found.tolerated_low, found.tolerated_high, found.baseline
    return low is not None and high is not None and before is not None and not low <= before <= high


def _of_labels(look: BiasLook, found: Measurement) -> list[str]:
    """Whether what turned out to be true of a group differs as well."""
    same = (
        each
        for each in look.findings.measurements
        if (each.facet, each.group, each.against) == (found.facet, found.group, found.against)
    )
    labels = next((each for each in same if each.metric == "DPL" and each.basis == Basis.LABELS), None)
    if labels is None or labels.value is None:
        return ["No labels have come that would tell whether the groups differ in what becomes of them."]
    return [f"Of labels: {labels.summary}."]
