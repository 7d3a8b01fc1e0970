"""Expectations of single columns: type, range, domain, completeness, uniqueness, infinite values.

Each looks at one column. A share breaks its limit when its lower confidence bound does; it is critical when most of a
column's values are bad, for then the model's answers rest on nothing that it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.modelmonitor.columns import Column
from watchkeeper.modelmonitor.observe import extremes
from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told
from watchkeeper.spec import Kind

CRITICAL_SHARE = 0.5
SHOWN_NAMES = 3


def severity(share: float) -> Severity:
    """How urgent a share of bad values is."""
    return Severity.CRITICAL if share >= CRITICAL_SHARE else Severity.WARNING


def _share_fault(
    check: Check, name: str, hits: int, n: int, limit: float, what: str, remedy: str, before: float = 0.0
) -> Iterator[Fault]:
    """A fault when more than `limit` of `n` values are certainly bad; `what` completes "12 % of the …"."""
    if at_least(hits, n) > limit:
        share = hits / n
        yield Fault(check, severity(share - before), name, share, limit, n, f"{told(share)} of {what}", remedy)


def lacks_key(look: Look, column: Column) -> bool:
    """Whether the key of a feature is absent from more rows than the baseline has without a value of it."""
    captures = look.profile.captures
    limit = missing_before(column) + look.limits.missing
    return at_least(captures.absent(column.name), captures.objects) > limit


def missing_before(column: Column) -> float:
    """Share of the baseline's rows without a value."""
    return column.reference.missing / max(column.reference.rows, 1)


def types(look: Look, column: Column) -> Iterator[Fault]:
    """Values of the wrong type, beyond what the baseline has of them."""
    before = column.reference.invalid / max(column.reference.rows - column.reference.missing, 1)
    yield from _share_fault(
        Check.TYPE,
        column.name,
        column.window.invalid,
        column.given,
        look.limits.wrong_type + before,
        f"the values of {column.name} are not of type {column.kind}",
        "Look how the client or pipeline writes this field (a unit in the text, a comma for a point, another column in "
        "its place), or correct its type in the model's file.",
        before,
    )


def infinite(look: Look, column: Column) -> Iterator[Fault]:
    """Infinite values, beyond what the baseline has of them."""
    if (numbers := column.numbers) is None:
        return
    before = numbers.reference.infinite / max(numbers.reference.rows - numbers.reference.missing, 1)
    yield from _share_fault(
        Check.INFINITE,
        column.name,
        numbers.window.infinite,
        column.given,
        look.limits.infinite + before,
        f"the values of {column.name} are infinite, or beyond all measure",
        "Look for a division by zero or an overflow where this field is computed.",
        before,
    )


def ranges(look: Look, column: Column) -> Iterator[Fault]:
    """Numbers outside the baseline's range."""
    if (numbers := column.numbers) is None or not numbers.reference.present or not numbers.window.present:
        return
    window, ends, usual = numbers.window, extremes(numbers.window), extremes(numbers.reference)
    reach = f": {usual[0]:.4g} to {usual[1]:.4g} → {ends[0]:.4g} to {ends[1]:.4g}" if ends and usual else ""
    values = "lengths (in characters)" if column.kind is Kind.TEXT else "values"
    yield from _share_fault(
        Check.RANGE,
        column.name,
        window.below + window.above,
        window.present,
        look.limits.out_of_range,
        f"the {values} of {column.name} lie outside the baseline's range{reach}",
        "Look for another unit or scale, a placeholder such as -1 or 9999, or cases of a new kind.",
    )


def domains(look: Look, column: Column) -> Iterator[Fault]:
    """Categories that the baseline does not know. Where it could not keep all its own by name, none can be told."""
    if (categories := column.categories) is None or not categories.bins.complete:
        return
    names = categories.window.names
    most = sorted(names, key=lambda name: (-names[name], name))[:SHOWN_NAMES]
    yield from _share_fault(
        Check.DOMAIN,
        column.name,
        categories.window.new,
        categories.window.present,
        look.limits.unknown_category,
        f"the values of {column.name} are categories that the baseline does not know, such as "
        f"{', '.join(map(repr, most))}",
        "Look for another spelling or code at the source. What is really new needs a model trained with it.",
    )


def completeness(look: Look, column: Column) -> Iterator[Fault]:
    """Missing values, beyond what the baseline has of them; where no value or key comes at all, `schema` speaks."""
    window, before = column.window, missing_before(column)
    if window.missing == window.rows or lacks_key(look, column):
        return
    yield from _share_fault(
        Check.COMPLETENESS,
        column.name,
        window.missing,
        window.rows,
        before + look.limits.missing,
        f"the rows lack a value of {column.name}; in the baseline {told(before)} lack one",
        "Look whether the source that fills this field fails or was changed.",
        before,
    )


def uniqueness(look: Look, column: Column) -> Iterator[Fault]:
    """A column whose values differ in the baseline and are all the same in the window.

    More cannot be told from a summary: it holds no rows, so that neither repeated rows nor repeated ids show.
    """
    value = _only_value(column)
    if value is None or column.given < look.enough:
        return
    yield Fault(
        Check.UNIQUENESS,
        Severity.CRITICAL,
        column.name,
        1.0,
        1.0,
        column.given,
        f"{column.name} is {value} in every row; in the baseline it varies",
        "Look whether a default is sent in place of the value.",
    )


def _only_value(column: Column) -> str | None:
    """The one value of a column that varies in the baseline, as text."""
    if (numbers := column.numbers) is not None:
        window, reference = numbers.window, numbers.reference
        constant = window.least is not None and window.least == window.greatest
        return f"{window.least:.6g}" if constant and reference.least != reference.greatest else None
    if (categories := column.categories) is None or categories.window.rare:
        return None
    counted = zip(categories.bins.levels, categories.window.counts.tolist(), strict=True)
    used = [level for level, count in counted if count] + list(categories.window.names)
    varied = (categories.reference.counts > 0).sum() + bool(categories.reference.rare) > 1
    return repr(used[0]) if len(used) == 1 and varied else None
