"""Expectations of the captures themselves: they come, in time and without gaps, and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median

from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told
from watchkeeper.quality.values import severity

SHOWN_REASONS = 3
BUSY_HOUR = 50
"""Rows of a usual hour from which on an empty hour is no accident (of 50 expected, none comes once in e**50)."""


def unreadable(look: Look) -> Iterator[Fault]:
    """Records that cannot be read, with the most frequent reasons."""
    bad, records = look.profile.unreadable, look.profile.rows + look.profile.unreadable
    if at_least(bad, records) <= look.limits.unreadable:
        return
    share = bad / records
    reasons = sorted(look.capture.reasons.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_REASONS]
    why = "; ".join(f"{count} × {reason}" for reason, count in reasons) or "their reasons are in quarantine"
    yield Fault(
        Check.UNREADABLE,
        severity(share),
        None,
        share,
        look.limits.unreadable,
        records,
        f"{bad} of {records} records ({told(share)}) cannot be read: {why}",
        "Read the reasons in quarantine; correct the client, or input and output in the model's file.",
    )


def gaps(look: Look) -> Iterator[Fault]:
    """Hours without captures between hours with many."""
    hours = sorted(look.capture.rows_by_hour)
    longest, since = timedelta(0), None
    for before, after in _stretches(look, hours):
        if after is not None and after - before > longest:
            longest, since = after - before, before
    limit = look.limits.gap_hours
    if limit and since is not None and longest >= timedelta(hours=limit):
        yield _late(
            look,
            Check.CAPTURE_GAP,
            longest,
            limit,
            f"No captures for {_hours(longest)} from {since:%Y-%m-%d %H:%M} UTC, with captures before and after",
        )


def lag(look: Look) -> Iterator[Fault]:
    """Hours without captures at the window's end, after hours with many."""
    limit = look.limits.lag_hours
    for before, after in _stretches(look, sorted(look.capture.rows_by_hour)):
        late = look.end - before
        if after is None and limit and late >= timedelta(hours=limit):
            yield _late(
                look,
                Check.CAPTURE_LAG,
                late,
                limit,
                f"The newest captures are of the hour before {before:%Y-%m-%d %H:%M} UTC, {_hours(late)} ago",
            )


def _stretches(look: Look, hours: list[datetime]) -> Iterator[tuple[datetime, datetime | None]]:
    """Start and end of each stretch without captures that follows a capture; the last may have no end."""
    rows = look.capture.rows_by_hour
    busy = [rows[hour] for hour in hours if rows[hour]]
    if not busy or median(busy) < BUSY_HOUR:
        return
    start: datetime | None = None
    for hour in hours:
        if rows[hour]:
            if start is not None and start < hour:
                yield start, hour
            start = hour + timedelta(hours=1)
    if start is not None and start < look.end:
        yield start, None


def _late(look: Look, check: Check, length: timedelta, limit: int, summary: str) -> Fault:
    return Fault(
        check,
        Severity.WARNING,
        None,
        length / timedelta(hours=1),
        float(limit),
        look.profile.rows,
        summary,
        "If the endpoint was called in that time, look at its data capture (it stops when a disk is over 75 % full), "
        "and at the dead letters of the profiling queue. If it was idle, raise the limit in the model's file, or set "
        "it to 0.",
    )


def _hours(length: timedelta) -> str:
    return f"{length / timedelta(hours=1):.0f} hours"
