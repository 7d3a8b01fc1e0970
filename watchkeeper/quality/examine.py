"""One look of the data-quality monitor: every expectation, held against one window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from watchkeeper.modelmonitor import Constraints, Report, Unchecked, check
from watchkeeper.modelmonitor.columns import Column
from watchkeeper.profile.captures import LAG_EDGES
from watchkeeper.quality import captures, schema, values
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Quality, Severity, Verdict
from watchkeeper.quality.skew import skew

OF_COLUMNS: tuple[Callable[[Look, Column], Iterable[Fault]], ...] = (
    schema.missing,
    values.types,
    values.ranges,
    values.domains,
    values.completeness,
    values.uniqueness,
    values.infinite,
)
OF_CAPTURES: tuple[Callable[[Look], Iterable[Fault]], ...] = (
    schema.miscounted,
    schema.unknown_keys,
    captures.unreadable,
    captures.gaps,
    captures.stopped,
    captures.late,
)
"""What can be told of a window with few rows too."""
_UNTELLABLE = (
    Unchecked(
        None, Check.UNIQUENESS.value, "Repeated rows and repeated ids do not show in a profile, which holds no rows."
    ),
)


@dataclass(frozen=True)
class Examination:
    """The outcome of a look, and what Model Monitor would have reported; None without constraints or enough rows."""

    quality: Quality
    report: Report | None


def examine(look: Look) -> Examination:
    """Hold every expectation against one window.

    Too few rows give no verdict on columns; whether captures come and can be read is told all the same.
    """
    enough = look.profile.rows >= look.enough
    report = _report(look) if enough else None
    columns = look.columns.values() if enough else ()
    faults = [fault for holds in OF_CAPTURES for fault in holds(look)]
    faults += [fault for column in columns for holds in OF_COLUMNS for fault in holds(look, column)]
    faults += schema.order(look) if enough else ()
    faults += _broken(report) if report else ()
    skewed = [fault for column in columns for fault in skew(look, column)] if enough and look.first else None
    quality = Quality(
        model=look.spec.name,
        version=look.baseline.version,
        baseline=look.baseline.id,
        start=look.start,
        end=look.end,
        rows=look.profile.rows,
        unreadable=look.profile.unreadable,
        verdict=Verdict.FAULTY if faults else Verdict.GOOD if enough else Verdict.INSUFFICIENT_DATA,
        completeness=min(
            (column.given / column.window.rows for column in look.columns.values() if column.window.rows), default=1.0
        ),
        faults=tuple(sorted(faults, key=_urgency)),
        skew=None if skewed is None else tuple(sorted(skewed, key=_urgency)),
        reasons={reason.value: count for reason, count in look.profile.captures.reasons.items()} or None,
        lag_seconds=_lag(look),
        gap_seconds=_gap(look),
        unchecked=(*_UNTELLABLE, *(report.unchecked if report else ())),
    )
    return Examination(quality, report)


def _lag(look: Look) -> float | None:
    """Within how many seconds of their requests 99 % of the records were written."""
    lag = look.profile.captures.lag(0.99)
    return None if lag is None else min(lag.total_seconds(), LAG_EDGES[-1])


def _gap(look: Look) -> float | None:
    """Seconds of the longest time without captures between others; None when there are no captures."""
    silence = look.traffic.longest_silence
    return None if look.traffic.newest is None else 0.0 if silence is None else silence.length.total_seconds()


def _report(look: Look) -> Report | None:
    text = look.spec.quality.constraints
    if text is None:
        return None
    return check(Constraints.from_json(text.encode()), look.baseline, look.profile, look.spec)


def _broken(report: Report) -> Iterator[Fault]:
    """Model Monitor's violations as faults."""
    for violation in report.violations.violations:
        yield Fault(
            Check.CONSTRAINT,
            Severity.WARNING,
            violation.feature_name,
            1.0,
            0.0,
            report.rows,
            f"{violation.check_type}: {violation.description}",
            "Mend the source, or change the constraints file if the expectation no longer holds.",
        )


def _urgency(fault: Fault) -> tuple[bool, float]:
    """Critical faults first, then those furthest beyond their limit."""
    return fault.severity is not Severity.CRITICAL, -(fault.observed / fault.limit if fault.limit else fault.observed)
