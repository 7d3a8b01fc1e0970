"""Expectations of the captures themselves: they come, in time and without gaps, and can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from watchkeeper.durations import lasting
from watchkeeper.profile.captures import LAG_EDGES
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told
from watchkeeper.quality.values import severity

SHOWN_REASONS = 3
LATE = 0.01
"""Share of the records that may come later than the limit: that of which a 99th percentile says nothing."""


def unreadable(look: Look) -> Iterator[Fault]:
    """Records that cannot be read, with the most frequent reasons."""
    bad, records = look.profile.unreadable, look.profile.rows + look.profile.unreadable
    if at_least(bad, records) <= look.limits.unreadable:
        return
    share = bad / records
    reasons = sorted(look.profile.captures.reasons.items(), key=lambda item: (-item[1], item[0]))[:SHOWN_REASONS]
    why = "; ".join(f"{count} × {reason}" for reason, count in reasons) or "the reasons are in quarantine"
    yield Fault(
        Check.UNREADABLE,
        severity(share),
        None,
        share,
        look.limits.unreadable,
        records,
        f"{bad} of {records} records ({told(share)}) cannot be read: {why}",
        "Read the records and their reasons in quarantine; correct the client, or input and output in the model's "
        "file.",
    )


def gaps(look: Look) -> Iterator[Fault]:
    """A long time without captures between many."""
    limit, silence = look.limits.gap_hours, look.traffic.longest_silence
    if limit and silence is not None and look.traffic.busy and silence.length >= timedelta(hours=limit):
        yield _absent(
            look,
            Check.CAPTURE_GAP,
            silence.length,
            limit,
            f"No captures for {lasting(silence.length)} from {silence.start:%Y-%m-%d %H:%M} to "
            f"{silence.end:%Y-%m-%d %H:%M} UTC, with captures before and after",
        )


def stopped(look: Look) -> Iterator[Fault]:
    """A long time without captures at the window's end, after many."""
    limit, newest = look.limits.lag_hours, look.traffic.newest
    if limit and newest is not None and look.traffic.busy and look.end - newest >= timedelta(hours=limit):
        yield _absent(
            look,
            Check.CAPTURE_LAG,
            look.end - newest,
            limit,
            f"The newest captures are of requests before {newest:%Y-%m-%d %H:%M} UTC, {lasting(look.end - newest)} ago",
        )


def late(look: Look) -> Iterator[Fault]:
    """Captures that were written long after their requests."""
    captures, limit = look.profile.captures, look.limits.lag_hours
    hits, records = captures.later(timedelta(hours=limit)), captures.timed
    if not limit or at_least(hits, records) <= LATE:
        return
    usual, most = captures.lag(0.5), captures.lag(0.99)
    assert usual is not None  # some are late
    assert most is not None
    yield Fault(
        Check.CAPTURE_LAG,
        Severity.WARNING,
        None,
        min(most.total_seconds(), LAG_EDGES[-1]) / 3600,
        float(limit),
        records,
        f"{told(hits / records)} of the records were written more than {lasting(timedelta(hours=limit))} after their "
        f"requests: half of all {_within(usual)}, 99 % {_within(most)}",
        "Verdicts on the hours of these requests were given without them. Look at the load of the endpoint's instances "
        "and at their way to S3. If captures were copied here from elsewhere, nothing is wrong.",
    )


def _within(lag: timedelta) -> str:
    return "after more than 30 days" if lag == timedelta.max else f"within {lasting(max(lag, timedelta(minutes=1)))}"


def _absent(look: Look, check: Check, length: timedelta, limit: int, summary: str) -> Fault:
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
