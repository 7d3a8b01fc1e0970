"""Expectations of the columns as a whole: none missing, none extra, none in another's place.

A CSV row with another number of values than features is unreadable, and its reason says so; the reasons are counted
here. A JSON object that lacks a feature reads as a missing value, so a feature that no row has is a missing column.
Columns that changed places are suspected from their values: what one sends is what another had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from watchkeeper.profile import CategoryProfile, NumberProfile
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told

FOREIGN_SHARE = 0.5
"""A column most of whose values are no values of its own may be holding another's."""

_COUNTED = re.compile(r"(?P<found>\d+) values for (?P<wanted>\d+) features")


def missing(look: Look) -> Iterator[Fault]:
    """Features without a value in any row, though the baseline has them."""
    enough = look.profile.rows >= look.spec.drift.minimum_rows
    for name, column in look.profile.features.items():
        reference = look.baseline.reference.features[name]
        if enough and column.missing == column.rows and reference.missing < reference.rows:
            yield Fault(
                Check.MISSING_COLUMN,
                Severity.CRITICAL,
                name,
                1.0,
                look.limits.missing,
                column.rows,
                f"No row has a value for {name}",
                "Send this feature again under the name in the model's file, or take it out of the model.",
            )


def miscounted(look: Look) -> Iterator[Fault]:
    """Rows with more or fewer values than there are features; they are unreadable, for no value's place is known."""
    records = look.profile.rows + look.profile.unreadable
    for more, check in ((False, Check.MISSING_COLUMN), (True, Check.EXTRA_COLUMN)):
        counts = miscounts(look.capture.reasons, more=more)
        hits = min(sum(counts.values()), look.profile.unreadable)
        if at_least(hits, records) > look.limits.unreadable:
            share = hits / records
            found = ", ".join(str(number) for number in sorted(counts))
            wanted = len(look.spec.features)
            yield Fault(
                check,
                Severity.CRITICAL if share >= FOREIGN_SHARE else Severity.WARNING,
                None,
                share,
                look.limits.unreadable,
                records,
                f"{told(share)} of the records hold rows with {'more' if more else 'fewer'} values than the {wanted} "
                f"features ({found}); they are in no profile",
                "Send the features in the order of the model's file, all of them and nothing else, or correct that "
                "list and build the baseline anew.",
            )


def miscounts(reasons: Mapping[str, int], *, more: bool) -> dict[int, int]:
    """Records by the number of values that they hold, of those with more (or fewer) than there are features."""
    counts: dict[int, int] = {}
    for reason, records in reasons.items():
        match = _COUNTED.search(reason)
        if match and int(match["found"]) != int(match["wanted"]) and (match["found"] != "0"):
            found = int(match["found"])
            if (found > int(match["wanted"])) is more:
                counts[found] = counts.get(found, 0) + records
    return counts


def order(look: Look) -> Iterator[Fault]:
    """At least two columns whose values are foreign to them, and known to one another."""
    foreign = {name: share for name in look.profile.features if (share := _foreign(look, name)) > FOREIGN_SHARE}
    pairs = {
        name: holds
        for name in foreign
        if (holds := [other for other in foreign if other != name and _fits(look, name, other)])
    }
    if len(pairs) < 2:
        return
    told_pairs = ", ".join(f"{name} looks like {others[0]}" for name, others in sorted(pairs.items()))
    yield Fault(
        Check.COLUMN_ORDER,
        Severity.CRITICAL,
        None,
        float(len(pairs)),
        1.0,
        look.profile.rows,
        f"Columns seem to have changed places: {told_pairs}",
        "Compare the order of the columns that the client sends with input.features in the model's file.",
    )


def _foreign(look: Look, name: str) -> float:
    """Share of a column's values that are none of its own: of the wrong type, out of range, or unknown."""
    column = look.profile.features[name]
    given = column.rows - column.missing
    if given < look.spec.drift.minimum_rows:
        return 0.0
    if isinstance(column, NumberProfile):
        return float(column.invalid + column.below + column.above) / given
    if isinstance(column, CategoryProfile):
        return float(column.invalid + column.new) / given
    return 0.0


def _fits(look: Look, name: str, other: str) -> bool:
    """Whether the window's values of `name` could be the baseline's values of `other`."""
    window, reference = look.profile.features[name], look.baseline.reference.features[other]
    bins = look.baseline.binning.features[other]
    if isinstance(window, NumberProfile) and isinstance(reference, NumberProfile):
        if window.least is None or window.greatest is None or reference.least is None or reference.greatest is None:
            return False
        middle = window.mean if window.mean is not None else window.least
        reach = reference.greatest - reference.least
        return (
            reference.least <= middle <= reference.greatest
            and window.least >= reference.least - reach
            and window.greatest <= reference.greatest + reach
        )
    if isinstance(window, NumberProfile):
        return window.invalid > FOREIGN_SHARE * (window.rows - window.missing) and isinstance(
            reference, CategoryProfile
        )
    if not isinstance(window, CategoryProfile):
        return False
    known = getattr(bins, "levels", ()) + getattr(bins, "rare", ())
    if known:
        return bool(window.names) and set(window.names) <= set(known)
    return bool(window.names) and all(_numeric(text) for text in window.names)


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
