"""Expectations of single columns: type, range, domain, completeness, uniqueness, infinite values.

Each is a generator over one look. A share breaks its limit when its lower confidence bound does; it is critical when
most of a column's values are bad, for then the model's answers rest on nothing that it was trained on.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.quality.look import Look
from watchkeeper.quality.result import Check, Fault, Severity
from watchkeeper.quality.shares import at_least, told

CRITICAL_SHARE = 0.5
SHOWN_NAMES = 3


def severity(share: float) -> Severity:
    """How urgent a share of bad values is."""
    return Severity.CRITICAL if share >= CRITICAL_SHARE else Severity.WARNING


def types(look: Look) -> Iterator[Fault]:
    """Values of the wrong type, beyond what the baseline has of them."""
    for name, column in look.profile.features.items():
        given = column.rows - column.missing
        reference = look.baseline.reference.features[name]
        allowed = look.limits.wrong_type + reference.invalid / max(reference.rows - reference.missing, 1)
        if at_least(column.invalid, given) > allowed:
            share = column.invalid / given
            yield Fault(
                Check.TYPE,
                severity(share),
                name,
                share,
                allowed,
                given,
                f"{told(share)} of the values of {name} are not of type {_kind(look, name)}",
                "Look how the client or pipeline writes this field (a unit in the text, a comma for a point, another "
                "column in its place), or correct its type in the model's file.",
            )


def infinite(look: Look) -> Iterator[Fault]:
    """Infinite values, beyond what the baseline has of them."""
    for feature, _, column, reference in look.numbers():
        given = column.rows - column.missing
        allowed = look.limits.infinite + reference.infinite / max(reference.rows - reference.missing, 1)
        if column.infinite and at_least(column.infinite, given) > allowed:
            share = column.infinite / given
            yield Fault(
                Check.INFINITE,
                severity(share),
                feature.name,
                share,
                allowed,
                given,
                f"{told(share)} of the values of {feature.name} are infinite or beyond all measure",
                "Look for a division by zero or an overflow where this field is computed.",
            )


def ranges(look: Look) -> Iterator[Fault]:
    """Numbers outside the baseline's range."""
    for feature, _, column, reference in look.numbers():
        outside = int(column.below) + int(column.above)
        allowed = look.limits.out_of_range
        if reference.present and at_least(outside, column.present) > allowed:
            share = outside / column.present
            yield Fault(
                Check.RANGE,
                severity(share),
                feature.name,
                share,
                allowed,
                int(column.present),
                f"{told(share)} of the values of {feature.name} lie outside the baseline's range: "
                f"{reference.least:.4g} to {reference.greatest:.4g} → {column.least:.4g} to {column.greatest:.4g}",
                "Look for another unit or scale, a placeholder such as -1 or 9999, or cases of a new kind.",
            )


def domains(look: Look) -> Iterator[Fault]:
    """Categories that the baseline does not know."""
    for feature, bins, column, _ in look.categories():
        allowed = look.limits.unknown_category
        if bins.complete and at_least(column.new, column.present) > allowed:
            share = column.new / column.present
            most = sorted(column.names, key=lambda name: (-column.names[name], name))[:SHOWN_NAMES]
            yield Fault(
                Check.DOMAIN,
                severity(share),
                feature.name,
                share,
                allowed,
                int(column.present),
                f"{told(share)} of the values of {feature.name} are categories that the baseline does not know, such "
                f"as {', '.join(map(repr, most))}",
                "Look for another spelling or code at the source. What is really new needs a model trained with it.",
            )


def completeness(look: Look) -> Iterator[Fault]:
    """Missing values, beyond what the baseline has of them; a column with no value at all is `schema.missing`'s."""
    for name, column in look.profile.features.items():
        reference = look.baseline.reference.features[name]
        before = reference.missing / max(reference.rows, 1)
        allowed = before + look.limits.missing
        if column.missing < column.rows and at_least(column.missing, column.rows) > allowed:
            share = column.missing / column.rows
            yield Fault(
                Check.COMPLETENESS,
                severity(share - before),
                name,
                share,
                allowed,
                column.rows,
                f"{name} is missing in {told(share)} of the rows; in the baseline in {told(before)}",
                "Look whether the source that fills this field fails or was changed.",
            )


def uniqueness(look: Look) -> Iterator[Fault]:
    """Columns whose values differ in the baseline and are all the same in the window.

    More cannot be told from a summary: it holds no rows, so that neither repeated rows nor repeated ids show.
    """
    for feature, _, column, reference in look.numbers():
        same = column.present >= look.spec.drift.minimum_rows and column.least == column.greatest
        if same and reference.least != reference.greatest:
            yield _constant(feature.name, f"{column.least:.4g}", int(column.present))
    for feature, bins, column, reference in look.categories():
        used = [bins.levels[place] for place, count in enumerate(column.counts) if count]
        used += [*column.names] + ["(a rare category)"] * bool(column.rare)
        before = sum(bool(count) for count in reference.counts) + bool(reference.rare)
        if len(used) == 1 and before > 1 and column.present >= look.spec.drift.minimum_rows:
            yield _constant(feature.name, repr(used[0]), int(column.present))


def _constant(name: str, value: str, n: int) -> Fault:
    return Fault(
        Check.UNIQUENESS,
        Severity.CRITICAL,
        name,
        1.0,
        1.0,
        n,
        f"{name} has the same value in every row: {value}",
        "Look whether a default is sent in place of the value.",
    )


def _kind(look: Look, name: str) -> str:
    return next((feature.kind.value for feature in look.spec.features if feature.name == name), "known")
