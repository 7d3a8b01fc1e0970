"""The comparison with the baseline's distribution that Model Monitor calls drift.

It is offered for the sake of teams that rely on it; it sees little (docs/data-quality.md). The drift monitor is for drift.
"""

from __future__ import annotations

from collections.abc import Iterator

from scipy import special

from watchkeeper.modelmonitor import descriptions, distance
from watchkeeper.modelmonitor.columns import Column, Unchecked
from watchkeeper.modelmonitor.constraints import CHI_SQUARED, SIMPLE, FeatureConstraints, MonitoringConfig
from watchkeeper.modelmonitor.distance import Categories, Cumulative
from watchkeeper.modelmonitor.observe import categories, cumulative
from watchkeeper.modelmonitor.statistics import Statistics
from watchkeeper.modelmonitor.violations import CheckType, Violation
from watchkeeper.profile import CategoryProfile


def check(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    """Compare a column with the baseline, or with `statistics` when there are any."""
    if not config.perform_comparison:
        return
    if column.number is not None:
        yield from _numbers(wanted, config, column, statistics)
    elif column.category is not None:
        yield from _categories(wanted, config, column, statistics)
    else:
        yield _unchecked(column, f"distributions of {column.kind} columns are not compared")


def _numbers(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    assert column.number is not None
    bins, window, own = column.number
    if statistics is None:
        reference = cumulative(bins, own)
    else:
        found = statistics.feature(column.name)
        if found is None or found.numerical is None:
            yield _unchecked(column, "the statistics file has no numerical_statistics of it")
            return
        reference = Cumulative.of_statistics(found.numerical)
    current = cumulative(bins, window)
    if reference is None or current is None:
        yield _unchecked(column, "there are no numbers to compare")
        return
    moved = distance.of_numbers(current, reference, config.comparison_method)
    if moved > config.comparison_threshold:
        yield descriptions.drift(wanted, "distance", moved, config.comparison_threshold)


def _categories(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    assert column.category is not None
    bins, window = column.category
    if statistics is None:
        assert isinstance(column.reference, CategoryProfile)
        reference = categories(bins, column.reference)
    else:
        found = statistics.feature(column.name)
        if found is None or found.string is None or found.string.counts is None:
            yield _unchecked(column, "the statistics file has no counts of its values")
            return
        reference = Categories(found.string.counts).with_rare(frozenset(bins.rare))
    current = categories(bins, window)
    if config.categorical_drift_method == CHI_SQUARED:
        yield from _chi_squared(wanted, config, column, distance.chi_squared(current, reference))
        return
    moved = distance.of_categories(current, reference, config.comparison_method)
    if moved > config.categorical_threshold:
        yield descriptions.drift(wanted, "distance", moved, config.categorical_threshold)


def _chi_squared(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column, result: tuple[float, int] | None
) -> Iterator[Violation | Unchecked]:
    """Simple compares the statistic with the threshold, robust the p-value, as Deequ returns the one or the other."""
    threshold = config.categorical_threshold
    if result is None:
        yield _unchecked(column, "fewer than two categories are frequent enough for a chi-squared test")
    elif config.comparison_method == SIMPLE:
        if result[0] > threshold:
            yield descriptions.drift(wanted, "chi-squared statistic", result[0], threshold)
    elif (p := float(special.chdtrc(result[1], result[0]))) < threshold:
        yield descriptions.drift(wanted, "p-value", p, threshold)


def _unchecked(column: Column, reason: str) -> Unchecked:
    return Unchecked(column.name, CheckType.BASELINE_DRIFT.value, reason)
