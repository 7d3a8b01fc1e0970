"""Violations in Model Monitor's words, as far as its reports are public: docs/data-quality.md says how far."""

from __future__ import annotations

from collections.abc import Sequence

from watchkeeper.modelmonitor.constraints import FeatureConstraints
from watchkeeper.modelmonitor.observe import Bounds
from watchkeeper.modelmonitor.violations import CheckType, Violation, percent

_COLUMNS = {CheckType.MISSING_COLUMN: "missing", CheckType.EXTRA_COLUMN: "extra"}


def data_type(wanted: FeatureConstraints, threshold: float, seen: Bounds) -> Violation:
    """Too few values are of the expected type."""
    kind = wanted.inferred_type.value
    return Violation(
        wanted.name,
        CheckType.DATA_TYPE,
        f"Data type match requirement is not met. Expected data type: {kind}, Expected match: {percent(threshold)}. "
        f"Observed: Only {percent(seen.high)} of data is {kind}.",
    )


def completeness(wanted: FeatureConstraints, seen: float) -> Violation:
    """Too many values are missing."""
    assert wanted.completeness is not None  # nothing was checked otherwise
    return Violation(
        wanted.name,
        CheckType.COMPLETENESS,
        f"Data completeness requirement is not met. Expected completeness: {percent(wanted.completeness)}. "
        f"Observed: Only {percent(seen)} of data is complete.",
    )


def domain(wanted: FeatureConstraints, threshold: float, seen: Bounds) -> Violation:
    """Too few values are of the domain."""
    return Violation(
        wanted.name,
        CheckType.CATEGORICAL_VALUES,
        f"Categorical values requirement is not met. Expected match: {percent(threshold)}. "
        f"Observed: Only {percent(seen.high)} of data is in the domain.",
    )


def columns(kind: CheckType, names: Sequence[str], current: int, wanted: int) -> Violation:
    """Columns are missing or extra; the names come after Model Monitor's own sentences."""
    word = _COLUMNS[kind]
    return Violation(
        f"{word.title()} columns",
        kind,
        f"There are {word} columns in current dataset. Number of columns in current dataset: {current}, "
        f"Number of columns in baseline constraints: {wanted}. {word.title()}: {', '.join(names)}.",
    )


def drift(wanted: FeatureConstraints, measure: str, seen: float, threshold: float) -> Violation:
    """The distribution is too far from the baseline's."""
    relation = "is below" if measure == "p-value" else "exceeds"
    return Violation(
        wanted.name, CheckType.BASELINE_DRIFT, f"Baseline drift {measure}: {seen!r} {relation} threshold: {threshold!r}"
    )
