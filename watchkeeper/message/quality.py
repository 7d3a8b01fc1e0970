"""Faults of the data in words: what is wrong, how much, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper.message.layout import listed, moment
from watchkeeper.quality import Fault, Quality

SHOWN = 10
NAMES_ROOM = 45


def headline(faults: Iterable[Fault]) -> str:
    """What the faults are about: the columns, or the kinds of fault where no column is to blame."""
    told = dict.fromkeys(fault.feature or fault.check.value for fault in faults)
    return listed(list(told), NAMES_ROOM)


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
