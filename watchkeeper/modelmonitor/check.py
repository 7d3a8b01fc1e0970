"""Model Monitor's verdicts on a window: constraints held against our profiles instead of a second pass over the rows.

Where a profile leaves a share between bounds, a violation is reported when the whole interval breaks the constraint.
When the interval holds the threshold, or a profile cannot tell at all, the check is listed as unchecked, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from watchkeeper.modelmonitor import descriptions, drifted
from watchkeeper.modelmonitor.columns import Column, Unchecked, columns
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
    extra : names of columns that the window has beside the model's features and the unknown keys in its profile
    """
    if not profile.rows:
        return Report(0, unchecked=(Unchecked(None, "all checks", "the window has no rows"),))
    held = columns(baseline, profile, spec)
    results = list(_present(constraints, held, spec, {*extra, *profile.captures.keys}))
    for wanted in constraints.features:
        config = wanted.config(constraints.config)
        column = held.get(wanted.name)
        if column is None or not column.given or not config.evaluate_constraints:
            continue
        results += _feature(wanted, config, column)
        results += drifted.check(wanted, config, column, statistics)
    return Report(
        profile.rows,
        Violations.of(one for one in results if isinstance(one, Violation)),
        tuple(one for one in results if isinstance(one, Unchecked)),
    )


def _present(
    constraints: Constraints, held: Mapping[str, Column], spec: ModelSpec, extra: Collection[str]
) -> Iterator[Violation | Unchecked]:
    """Missing and extra columns; a column without a value in any row is missing."""
    personal = {feature.name for feature in spec.features if feature.personal}
    absent = {name for name, column in held.items() if not column.given}
    current = ({feature.name for feature in spec.features} - absent) | set(extra)
    wanted = {feature.name for feature in constraints.features}
    for name in sorted(wanted & (personal | {spec.label.name})):
        reason = "a personal field is in no profile" if name in personal else "it is the label, not a part of requests"
        yield Unchecked(name, "all checks", reason)
    wanted -= {spec.label.name} - current
    for kind, names in ((CheckType.MISSING_COLUMN, wanted - current), (CheckType.EXTRA_COLUMN, current - wanted)):
        if names:
            yield descriptions.columns(kind, sorted(names), len(current), len(wanted))


def _feature(wanted: FeatureConstraints, config: MonitoringConfig, column: Column) -> Iterator[Violation | Unchecked]:
    complete = column.given / column.window.rows
    if wanted.completeness is not None and complete < wanted.completeness:
        yield descriptions.completeness(wanted, complete)
    if wanted.inferred_type is not InferredType.UNKNOWN:
        types = _types(wanted.inferred_type, column)
        yield from _verdict(types, config.datatype_check_threshold, wanted, CheckType.DATA_TYPE, descriptions.data_type)
    if wanted.domains is not None:
        found = column.categories
        values = domain(found.bins, found.window, wanted.domains) if found else None
        yield from _verdict(
            values, config.domain_content_threshold, wanted, CheckType.CATEGORICAL_VALUES, descriptions.domain
        )


def _types(expected: InferredType, column: Column) -> Bounds | None:
    if column.kind in (Kind.TEXT, Kind.TIMESTAMP):
        texts = Bounds.exactly(column.given - column.window.invalid, column.given)
        return texts if expected is InferredType.STRING else None
    if (numbers := column.numbers) is not None:
        return number_types(numbers.window, column.kind, expected)
    found = column.categories
    return category_types(found.bins, found.window, expected) if found else None


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
