"""Train-serve skew: whether the first window of a version looks like the data that it was trained on.

Drift asks what has changed since; this asks once, when a version is first seen, whether serving computes its features
as training did. A difference that is there from the first row was not brought by time.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.modelmonitor import distance
from watchkeeper.modelmonitor.constraints import ROBUST
from watchkeeper.modelmonitor.observe import categories, cumulative
from watchkeeper.profile import CategoryBinning, CategoryProfile, NumberBinning, NumberProfile
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told

LIMIT = 0.1
"""Difference of cumulative shares, or of one category's shares, beyond what chance explains."""
CRITICAL = 0.5

_REMEDY = (
    "Compare how training and serving compute this feature (units, defaults, encodings, joins, time of the look-up), and "
    "whether the training data were filtered. Drift alarms judge against the same data, and will speak of it again."
)


def skew(look: Look) -> Iterator[Fault]:
    """Columns of the window that differ from the training data."""
    for name, column in look.profile.features.items():
        reference = look.baseline.reference.features[name]
        before = reference.missing / max(reference.rows, 1)
        share = column.missing / max(column.rows, 1)
        if at_least(column.missing, column.rows) > before + look.limits.missing:
            yield _fault(
                name, share - before, look.limits.missing, column.rows, f"missing {told(before)} → {told(share)}"
            )
            continue
        moved = _distance(look, name)
        if moved is not None and moved > LIMIT:
            yield _fault(name, moved, LIMIT, column.rows, _change(look, name))


def _distance(look: Look, name: str) -> float | None:
    bins, column = look.baseline.binning.features[name], look.profile.features[name]
    reference = look.baseline.reference.features[name]
    if isinstance(bins, NumberBinning) and isinstance(column, NumberProfile) and isinstance(reference, NumberProfile):
        ours, theirs = cumulative(bins, column), cumulative(bins, reference)
        return None if ours is None or theirs is None else distance.of_numbers(ours, theirs, ROBUST)
    if (
        isinstance(bins, CategoryBinning)
        and isinstance(column, CategoryProfile)
        and isinstance(reference, CategoryProfile)
    ):
        return distance.of_categories(categories(bins, column), categories(bins, reference), ROBUST)
    return None


def _change(look: Look, name: str) -> str:
    bins, column = look.baseline.binning.features[name], look.profile.features[name]
    reference = look.baseline.reference.features[name]
    if isinstance(column, NumberProfile) and isinstance(reference, NumberProfile):
        return f"mean {reference.mean:.4g} → {column.mean:.4g}" + (
            f", standard deviation {reference.deviation:.4g} → {column.deviation:.4g}"
        )
    assert isinstance(bins, CategoryBinning)
    assert isinstance(column, CategoryProfile)
    assert isinstance(reference, CategoryProfile)
    before, after = categories(bins, reference), categories(bins, column)
    shares = {
        name: (before.counts.get(name, 0) / before.size, after.counts.get(name, 0) / after.size)
        for name in before.counts.keys() | after.counts.keys()
    }
    most = max(sorted(shares), key=lambda name: abs(shares[name][1] - shares[name][0]))
    return f"share of {most!r} {told(shares[most][0])} → {told(shares[most][1])}"


def _fault(name: str, observed: float, limit: float, n: int, change: str) -> Fault:
    return Fault(
        Check.SKEW,
        Severity.CRITICAL if observed >= CRITICAL else Severity.WARNING,
        name,
        observed,
        limit,
        n,
        f"{name} differs from the training data at first sight: {change}",
        _REMEDY,
    )
