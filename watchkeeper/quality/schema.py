"""Expectations of the columns as a whole: none missing, none extra, none in another's place.

A CSV row with another number of values than features is unreadable, and its reason says so; the reasons are counted
here. A JSON object that lacks a feature reads as a missing value, so a feature that no row has is a missing column.
Columns that changed places are suspected from their values: what one sends is what another had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from watchkeeper.modelmonitor.columns import Column
from watchkeeper.profile import NumberProfile
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told

FOREIGN_SHARE = 0.5
"""A column most of whose values are no values of its own may be holding another's."""

_COUNTED = re.compile(r"(?P<found>\d+) values for (?P<wanted>\d+) features")


def missing(look: Look, column: Column) -> Iterator[Fault]:
    """A feature without a value in any row, though the baseline has it."""
    if not column.given and column.reference.missing < column.reference.rows:
        yield Fault(
            Check.MISSING_COLUMN,
            Severity.CRITICAL,
            column.name,
            1.0,
            look.limits.missing,
            column.window.rows,
            f"No row has a value of {column.name}",
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
    foreign = [column for column in look.columns.values() if _foreign(look, column) > FOREIGN_SHARE]
    pairs = {
        column.name: holds
        for column in foreign
        if (holds := [other.name for other in foreign if other is not column and _fits(column, other)])
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


def _foreign(look: Look, column: Column) -> float:
    """Share of a column's values that are none of its own: of the wrong type, out of range, or unknown."""
    bad = column.window.invalid
    if (numbers := column.numbers) is not None:
        bad += numbers.window.below + numbers.window.above
    elif (categories := column.categories) is not None:
        bad += categories.window.new
    return bad / column.given if column.given >= look.enough else 0.0


def _fits(column: Column, other: Column) -> bool:
    """Whether the window's values of `column` could be the baseline's values of `other`."""
    numbers, theirs = column.numbers, other.numbers
    if numbers is not None and theirs is not None:
        return _in_reach(numbers.window, theirs.reference)
    if numbers is not None:  # texts came where numbers are expected; which texts is not kept
        return other.categories is not None and numbers.window.invalid > FOREIGN_SHARE * column.given
    if (categories := column.categories) is None or not categories.window.names:
        return False
    names = set(categories.window.names)
    if (known := other.categories) is not None:
        return names <= {*known.bins.levels, *known.bins.rare}
    return theirs is not None and all(map(_numeric, names))


def _in_reach(window: NumberProfile, reference: NumberProfile) -> bool:
    """Whether the window's mean is within the reference's range, and its extremes not far beyond."""
    low, high, mean = reference.least, reference.greatest, window.mean
    if low is None or high is None or mean is None or window.least is None or window.greatest is None:
        return False
    reach = high - low
    return low <= mean <= high and window.least >= low - reach and window.greatest <= high + reach


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
