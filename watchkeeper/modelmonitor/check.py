"""Model Monitor's verdicts on a window: constraints held against our profiles instead of a second pass over the rows.

Where a profile leaves a share between bounds, a violation is reported when the whole interval breaks the constraint;
when the interval holds the threshold, or a profile cannot tell at all, the check is listed as unchecked, with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from watchkeeper.modelmonitor import columns, descriptions, drifted
from watchkeeper.modelmonitor.columns import Column, Unchecked
from watchkeeper.modelmonitor.constraints import Constraints, FeatureConstraints, MonitoringConfig
from watchkeeper.modelmonitor.observe import Bounds, category_types, domain, number_types
from watchkeeper.modelmonitor.statistics import InferredType, Statistics
from watchkeeper.modelmonitor.violations import CheckType, Violation, Violations
from watchkeeper.profile import Baseline, Profile
from watchkeeper.spec import Kind, ModelSpec

@dataclass(frozen=True)
class Report:
    """All violations of a window of `rows` rows, and what could not be checked."""

    rows: int
    violations: Violations = field(default_factory=Violations)
    unchecked: tuple[Unchecked, ...] = ()


def check(
    constraints: Constraints,
    baseline: Baseline,
    profile: Profile,
    spec: ModelSpec,
    statistics: Statistics | None = None,
    extra: Collection[str] = (),
) -> Report:
    """Hold a window against constraints.

    Parameters
    ----------
    statistics : a baseline's `statistics.json` to measure drift against, instead of the rows that `baseline` is made of
    extra : names of columns that the window has beside the model's features, where they are known
    """
    if not profile.rows:
        return Report(0, unchecked=(Unchecked(None, "all checks", "the window has no rows"),))
    results = list(_columns(constraints, profile, spec, extra))
    for wanted in constraints.features:
        config = wanted.config(constraints.config)
        column = columns.find(wanted.name, baseline, profile, spec)
        if column is None or not config.evaluate_constraints or not column.observed:
            continue
        results += _feature(wanted, config, column)
        results += drifted.check(wanted, config, column, statistics)
    return Report(
        profile.rows,
        Violations.of(one for one in results if isinstance(one, Violation)),
        tuple(one for one in results if isinstance(one, Unchecked)),
    )


def _columns(
    constraints: Constraints, profile: Profile, spec: ModelSpec, extra: Collection[str]
) -> Iterator[Violation | Unchecked]:
    """Missing and extra columns; a column without a value in any row is missing."""
    personal = {feature.name for feature in spec.features if feature.personal}
    absent = {name for name, column in profile.features.items() if column.missing == column.rows}
    current = ({feature.name for feature in spec.features} - absent) | set(extra)
    wanted = {feature.name for feature in constraints.features}
    for name in sorted(wanted & (personal | {spec.label.name})):
        reason = "a personal field is in no profile" if name in personal else "it is the label, not a part of requests"
        yield Unchecked(name, "all checks", reason)
    wanted -= {spec.label.name} - current
    for kind, names in ((CheckType.MISSING_COLUMN, wanted - current), (CheckType.EXTRA_COLUMN, current - wanted)):
        if names:
            yield descriptions.columns(kind, sorted(names), len(current), len(wanted))


def _feature(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column
) -> Iterator[Violation | Unchecked]:
    complete = 1 - column.profile.missing / column.profile.rows
    if wanted.completeness is not None and complete < wanted.completeness:
        yield descriptions.completeness(wanted, complete)
    if wanted.inferred_type is not InferredType.UNKNOWN:
        types = _types(wanted.inferred_type, column)
        yield from _verdict(
            types, config.datatype_check_threshold, wanted, CheckType.DATA_TYPE, descriptions.data_type
        )
    if wanted.domains is not None:
        category = column.category
        values = domain(*category, wanted.domains) if category else None
        yield from _verdict(
            values, config.domain_content_threshold, wanted, CheckType.CATEGORICAL_VALUES, descriptions.domain
        )


def _types(expected: InferredType, column: Column) -> Bounds | None:
    if column.kind in (Kind.TEXT, Kind.TIMESTAMP):
        given = column.profile.rows - column.profile.missing
        return Bounds.exactly(given - column.profile.invalid, given) if expected is InferredType.STRING else None
    if column.number is not None:
        return number_types(column.number[1], column.kind, expected)
    assert column.category is not None
    return category_types(*column.category, expected)


def _verdict(
    share: Bounds | None,
    threshold: float,
    wanted: FeatureConstraints,
    kind: CheckType,
    describe: Callable[[FeatureConstraints, float, Bounds], Violation],
) -> Iterator[Violation | Unchecked]:
    if share is None:
        yield Unchecked(
            wanted.name, kind.value, f"a profile of this column's type cannot tell its share of {wanted.inferred_type}"
        )
    elif share.high < threshold:
        yield describe(wanted, threshold, share)
    elif share.low < threshold:
        yield Unchecked(
            wanted.name,
            kind.value,
            f"between {share.low:.4%} and {share.high:.4%} match, and {threshold:.4%} must: rare values are counted "
            "together",
        )
