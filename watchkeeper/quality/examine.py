"""One look of the data-quality monitor: every expectation, held against one window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from watchkeeper.modelmonitor import Constraints, Report, Unchecked, check
from watchkeeper.quality import captures, schema, values
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Quality, Severity, Verdict
from watchkeeper.quality.skew import skew

EXPECTATIONS: tuple[Callable[[Look], Iterable[Fault]], ...] = (
    schema.missing,
    schema.miscounted,
    schema.order,
    values.types,
    values.ranges,
    values.domains,
    values.completeness,
    values.uniqueness,
    values.infinite,
    captures.unreadable,
    captures.gaps,
    captures.lag,
)
_ALWAYS = (schema.miscounted, captures.unreadable, captures.gaps, captures.lag)
"""What needs no rows to be told."""
_UNTELLABLE = (
    Unchecked(
        None, Check.UNIQUENESS.value, "Repeated rows and repeated ids do not show in a profile, which holds no rows."
    ),
    Unchecked(
        None,
        Check.EXTRA_COLUMN.value,
        "Keys of JSON requests beyond the features are not counted; extra values in CSV rows are.",
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
    enough = look.profile.rows >= look.spec.drift.minimum_rows
    report = _report(look) if enough else None
    faults = [fault for one in (EXPECTATIONS if enough else _ALWAYS) for fault in one(look)]
    faults += _broken(report) if report else ()
    skewed = tuple(skew(look)) if enough and look.first else None
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
            (1 - column.missing / column.rows for column in look.profile.features.values() if column.rows), default=1.0
        ),
        faults=tuple(sorted(faults, key=_urgency)),
        skew=None if skewed is None else tuple(sorted(skewed, key=_urgency)),
        reasons=dict(look.capture.reasons) or None,
        unchecked=(*_UNTELLABLE, *(report.unchecked if report else ())),
    )
    return Examination(quality, report)


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
