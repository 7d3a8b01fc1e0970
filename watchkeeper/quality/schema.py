"""Expectations of the columns as a whole: none missing, none extra, none in another's place.

A CSV row with another number of values than features is unreadable, and profiles count how many there were of each
number. Of JSON objects they count the features whose keys are absent, and the keys that are no feature's.
Columns that changed places are suspected from their values: what one sends is what another had.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.modelmonitor.columns import Column
from watchkeeper.profile import NumberProfile
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told
from watchkeeper.quality.values import lacks_key, missing_before, severity
from watchkeeper.refusal import Reason

FOREIGN_SHARE = 0.5
"""A column most of whose values are no values of its own may be holding another's."""

MISCOUNTED = {Reason.TOO_FEW_VALUES: Check.MISSING_COLUMN, Reason.TOO_MANY_VALUES: Check.EXTRA_COLUMN}
SHOWN = 3
"""Unknown keys, or numbers of values, that a fault names."""


def missing(look: Look, column: Column) -> Iterator[Fault]:
    """A feature without a value in any row, though the baseline has it; or whose key many JSON requests lack."""
    captures = look.profile.captures
    absent = captures.absent(column.name)
    if not column.given and column.reference.missing < column.reference.rows:
        why = ": its key is absent" if absent == column.window.rows else ""
        yield _missing(look, column, 1.0, look.limits.missing, f"No row has a value of {column.name}{why}")
    elif lacks_key(look, column):
        share, before = absent / captures.objects, missing_before(column)
        summary = (
            f"{told(share)} of the rows lack the key {column.name}, rather than hold null; in the baseline "
            f"{told(before)} lack a value"
        )
        yield _missing(look, column, share, before + look.limits.missing, summary)


def _missing(look: Look, column: Column, share: float, limit: float, summary: str) -> Fault:
    return Fault(
        Check.MISSING_COLUMN,
        severity(share),
        column.name,
        share,
        limit,
        column.window.rows,
        summary,
        "Send this feature again under the name in the model's file, or take it out of the model.",
    )


def miscounted(look: Look) -> Iterator[Fault]:
    """Rows with more or fewer values than there are features; they are unreadable, for no value's place is known."""
    reasons, records = look.profile.captures.reasons, look.profile.rows + look.profile.unreadable
    for reason, check in MISCOUNTED.items():
        hits = reasons.get(reason, 0)
        if at_least(hits, records) > look.limits.unreadable:
            yield Fault(
                check,
                severity(hits / records),
                None,
                hits / records,
                look.limits.unreadable,
                records,
                f"{told(hits / records)} of the records hold rows of {_widths(look, reason)} values where "
                f"{len(look.spec.features)} are expected; they are in no profile",
                "Send the features in the order of the model's file, all of them and nothing else, or correct that "
                "list and build the baseline anew.",
            )


def _widths(look: Look, reason: Reason) -> str:
    """The most frequent numbers of values in rows that were refused for this reason."""
    widths = {int(width): records for width, records in look.profile.captures.widths.items()}
    more = reason is Reason.TOO_MANY_VALUES
    wrong = [width for width in widths if (width > len(look.spec.features)) is more]
    return " or ".join(map(str, sorted(sorted(wrong, key=lambda width: (-widths[width], width))[:SHOWN])))


def unknown_keys(look: Look) -> Iterator[Fault]:
    """Keys of JSON requests that are no feature's."""
    captures = look.profile.captures
    if at_least(captures.strange, captures.objects) <= look.limits.unknown_key:
        return
    most = sorted(captures.keys, key=lambda key: (-captures.keys[key], key))[:SHOWN]
    shown = ", ".join(f"{key!r} ({told(captures.keys[key] / captures.objects)})" for key in most)
    share = captures.strange / captures.objects
    yield Fault(
        Check.EXTRA_COLUMN,
        Severity.WARNING,
        None,
        share,
        look.limits.unknown_key,
        captures.objects,
        f"{told(share)} of the rows have keys that are no feature's, such as {shown}",
        "Look whether a feature is sent under another name: then it counts as missing. If these keys are meant to be "
        "there, raise unknown_key in the model's file; a model ignores them.",
    )


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
