"""Faults of the data in words: what is wrong, how much, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from watchkeeper.message.account import Account
from watchkeeper.message.layout import listed, moment
from watchkeeper.message.texts import LATE_CAPTURES
from watchkeeper.naming import AlarmKind
from watchkeeper.quality import Check, Fault, Quality
from watchkeeper.quality.shares import told
from watchkeeper.spec import ModelSpec

SHOWN = 10
HEADLINE_ROOM = 55
ABOUT_TIME = frozenset({Check.CAPTURE_GAP, Check.CAPTURE_LAG})
"""What is wrong with when captures come, and not with what is in them; measured in hours."""
_WITHOUT_SIZE = frozenset({Check.COLUMN_ORDER, Check.UNIQUENESS, Check.CONSTRAINT})


@dataclass(frozen=True)
class QualityEvidence:
    """The data-quality monitor's newest outcome, and where it is kept."""

    quality: Quality
    uri: str

    def account(self, spec: ModelSpec, kind: AlarmKind) -> Account:
        """What it says."""
        quality = self.quality
        faults = (quality.skew or ()) if kind is AlarmKind.TRAIN_SERVE_SKEW else quality.faults
        return Account(
            headline(faults),
            lines=lines(faults),
            seen=window(quality),
            remedies=remedies(faults),
            text=LATE_CAPTURES if faults and only_about_time(faults) else None,
            whole="All faults",
        )


def headline(faults: Iterable[Fault]) -> str:
    """What the faults are, the most urgent first: of which column, of which kind, how large."""
    return listed(list(dict.fromkeys(map(_brief, faults))), HEADLINE_ROOM)


def only_about_time(faults: Iterable[Fault]) -> bool:
    """Whether nothing is wrong but when captures come."""
    return {fault.check for fault in faults} <= ABOUT_TIME


def _brief(fault: Fault) -> str:
    if fault.check is Check.SKEW and fault.feature is not None:
        return fault.feature  # the headline says that it is skew
    name = f"{fault.feature} {fault.check}" if fault.feature else fault.check.value
    if fault.check in ABOUT_TIME:
        return f"{name} {fault.observed:.0f} h"
    return name if fault.check in _WITHOUT_SIZE else f"{name} {told(fault.observed)}"


def lines(faults: Iterable[Fault]) -> list[str]:
    """A line for each fault, most urgent first, and one for those that are not shown."""
    found = list(faults)
    shown = [f"{fault.check} ({fault.severity}): {fault.summary}; {fault.n} rows" for fault in found[:SHOWN]]
    return shown + ([f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else [])


def remedies(faults: Iterable[Fault]) -> list[str]:
    """What to do about the faults, each once."""
    return list(dict.fromkeys(fault.remedy for fault in faults))[:SHOWN]


def window(quality: Quality) -> str:
    """The rows that were looked at."""
    return (
        f"seen in the {quality.rows} rows of version {quality.version} from {moment(quality.start)} to "
        f"{moment(quality.end)}; held against baseline {quality.baseline}"
    )
