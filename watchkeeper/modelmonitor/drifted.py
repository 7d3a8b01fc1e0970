"""The comparison with the baseline's distribution that Model Monitor calls drift.

It is here for teams that rely on it, and sees little: the drift monitor is for drift.
"""

from __future__ import annotations

from collections.abc import Iterator

from watchkeeper.drift import tails
from watchkeeper.modelmonitor import descriptions, distance
from watchkeeper.modelmonitor.columns import Categories, Column, Numbers, Unchecked
from watchkeeper.modelmonitor.constraints import CHI_SQUARED, SIMPLE, FeatureConstraints, MonitoringConfig
from watchkeeper.modelmonitor.distance import Cumulative
from watchkeeper.modelmonitor.observe import categories, cumulative
from watchkeeper.modelmonitor.statistics import Statistics
from watchkeeper.modelmonitor.violations import CheckType, Violation
from watchkeeper.spec import Kind


def check(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Column, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    """Compare a column with the baseline, or with `statistics` when there are any."""
    if not config.perform_comparison:
        return
    if (numbers := column.numbers) is not None and column.kind is not Kind.TEXT:
        yield from _numbers(wanted, config, numbers, statistics)
    elif (found := column.categories) is not None:
        yield from _categories(wanted, config, found, statistics)
    else:
        yield _unchecked(wanted, f"distributions of {column.kind} columns are not compared")


def _numbers(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Numbers, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    if statistics is None:
        reference = cumulative(column.bins, column.reference)
    else:
        found = statistics.feature(wanted.name)
        if found is None or found.numerical is None:
            yield _unchecked(wanted, "the statistics file has no numerical_statistics of it")
            return
        reference = Cumulative.of_statistics(found.numerical)
    current = cumulative(column.bins, column.window)
    if reference is None or current is None:
        yield _unchecked(wanted, "there are no numbers to compare")
        return
    moved = distance.of_numbers(current, reference, config.comparison_method)
    if moved > config.comparison_threshold:
        yield descriptions.drift(wanted, "distance", moved, config.comparison_threshold)


def _categories(
    wanted: FeatureConstraints, config: MonitoringConfig, column: Categories, statistics: Statistics | None
) -> Iterator[Violation | Unchecked]:
    if statistics is None:
        reference = categories(column.bins, column.reference)
    else:
        found = statistics.feature(wanted.name)
        if found is None or found.string is None or found.string.counts is None:
            yield _unchecked(wanted, "the statistics file has no counts of its values")
            return
        reference = distance.Categories(found.string.counts).with_rare(frozenset(column.bins.rare))
    current = categories(column.bins, column.window)
    if config.categorical_drift_method == CHI_SQUARED:
        yield from _chi_squared(wanted, config, distance.chi_squared(current, reference))
        return
    moved = distance.of_categories(current, reference, config.comparison_method)
    if moved > config.categorical_threshold:
        yield descriptions.drift(wanted, "distance", moved, config.categorical_threshold)


def _chi_squared(
    wanted: FeatureConstraints, config: MonitoringConfig, result: tuple[float, int] | None
) -> Iterator[Violation | Unchecked]:
    """Simple compares the statistic with the threshold, robust the p-value, as Deequ returns the one or the other."""
    threshold = config.categorical_threshold
    if result is None:
        yield _unchecked(wanted, "fewer than two categories are frequent enough for a chi-squared test")
    elif config.comparison_method == SIMPLE:
        if result[0] > threshold:
            yield descriptions.drift(wanted, "chi-squared statistic", result[0], threshold)
    elif (p := tails.chi_squared(*result).item()) < threshold:
        yield descriptions.drift(wanted, "p-value", p, threshold)


def _unchecked(wanted: FeatureConstraints, reason: str) -> Unchecked:
    return Unchecked(wanted.name, CheckType.BASELINE_DRIFT.value, reason)
