"""Train-serve skew: whether the first window of a version looks like the data that it was trained on.

Drift asks what has changed since; this asks once, when a version is first seen, whether serving computes its features
as training did. A difference that is there from the first row was not brought by time.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.modelmonitor import distance
from watchkeeper.modelmonitor.columns import Categories, Column, Numbers
from watchkeeper.modelmonitor.constraints import ROBUST
from watchkeeper.modelmonitor.observe import categories, cumulative
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault
from watchkeeper.quality.shares import at_least, told
from watchkeeper.quality.values import severity

LIMIT = 0.1
"""Difference of cumulative shares, or of one category's shares, beyond what chance explains."""

_REMEDY = (
    "Compare how training and serving compute this feature (units, defaults, encodings, joins, time of the look-up), "
    "and whether the training data were filtered. Drift alarms judge against the same data, and will speak of it again."
)


def skew(look: Look, column: Column) -> Iterator[Fault]:
    """A column of the window that differs from the training data."""
    window, reference = column.window, column.reference
    before, share = reference.missing / max(reference.rows, 1), window.missing / max(window.rows, 1)
    if at_least(window.missing, window.rows) > before + look.limits.missing:
        yield _fault(column, share - before, look.limits.missing, f"missing {told(before)} → {told(share)}")
        return
    moved, change = 0.0, ""
    if (numbers := column.numbers) is not None:
        moved, change = _of_numbers(numbers)
    elif (found := column.categories) is not None:
        moved, change = _of_categories(found)
    if moved > LIMIT:
        yield _fault(column, moved, LIMIT, change)


def _of_numbers(column: Numbers) -> tuple[float, str]:
    """Distance and change of a column of numbers."""
    window, reference = column.window, column.reference
    ours, theirs = cumulative(column.bins, window), cumulative(column.bins, reference)
    if ours is None or theirs is None:
        return 0.0, ""
    change = (
        f"mean {reference.mean:.4g} → {window.mean:.4g}, standard deviation {reference.deviation:.4g} → "
        f"{window.deviation:.4g}"
    )
    return distance.of_numbers(ours, theirs, ROBUST), change


def _of_categories(column: Categories) -> tuple[float, str]:
    """Distance and change of a column of categories."""
    before, after = categories(column.bins, column.reference), categories(column.bins, column.window)
    if not before.size or not after.size:
        return 0.0, ""
    shares = {
        name: (before.counts.get(name, 0) / before.size, after.counts.get(name, 0) / after.size)
        for name in sorted(before.counts.keys() | after.counts.keys())
    }
    most = max(shares, key=lambda name: abs(shares[name][1] - shares[name][0]), default="")
    change = f"share of {most!r} {told(shares[most][0])} → {told(shares[most][1])}" if shares else ""
    return distance.of_categories(after, before, ROBUST), change


def _fault(column: Column, observed: float, limit: float, change: str) -> Fault:
    return Fault(
        Check.SKEW,
        severity(observed),
        column.name,
        observed,
        limit,
        column.window.rows,
        f"{column.name} differs from the training data at first sight: {change}",
        _REMEDY,
    )
