"""Model Monitor's verdicts, from profiles: against the rows themselves, Deequ's rules and scipy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.unit.looking import BASELINE, SPEC, baseline, block, finite, raw, window
from watchkeeper.modelmonitor import (
    CheckType,
    Constraints,
    InferredType,
    MonitoringConfig,
    Report,
    Statistics,
    Violation,
    check,
    distance,
    suggest,
    summarize,
)
from watchkeeper.modelmonitor.constraints import CHI_SQUARED, ROBUST, SIMPLE
from watchkeeper.modelmonitor.distance import Categories
from watchkeeper.modelmonitor.observe import cumulative
from watchkeeper.modelmonitor.statistics import Bucket, NumericalStatistics, Sketch
from watchkeeper.profile import NumberBinning, NumberProfile
from watchkeeper.spec import Feature, Kind

N = 1000
SUGGESTED = suggest(BASELINE, SPEC)
LARGEST_BIN = 1 / 60 + 1 / N
"""Quantile bins hold a sixtieth of the baseline each; chance adds a little in a window."""


def constraints(config: MonitoringConfig | None = None, **changes: dict[str, Any]) -> Constraints:
    """The suggested constraints with some columns' changed."""
    features = tuple(replace(feature, **changes.get(feature.name, {})) for feature in SUGGESTED.features)
    return replace(SUGGESTED, features=features, config=config or SUGGESTED.config)


def report(held: Constraints = SUGGESTED, statistics: Statistics | None = None, **changes: Any) -> Report:
    return check(held, BASELINE, window(raw(N, seed=2, **changes)), SPEC, statistics)


def found(outcome: Report) -> dict[tuple[str | None, str], Violation]:
    return {(violation.feature_name, violation.check_type): violation for violation in outcome.violations.violations}


def test_healthy_rows_break_nothing() -> None:
    assert report().violations.violations == ()


@pytest.mark.parametrize(
    ("held", "changes", "feature", "kind", "description"),
    [
        (
            SUGGESTED,
            {"age": [1.5] * 500},
            "age",
            CheckType.DATA_TYPE,
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
            "Observed: Only 50.0% of data is Integral.",
        ),
        (
            SUGGESTED,
            {"income": ["many"]},
            "income",
            CheckType.DATA_TYPE,
            "Data type match requirement is not met. Expected data type: Fractional, Expected match: 100.0%. "
            "Observed: Only 99.9% of data is Fractional.",
        ),
        (
            constraints(home={"inferred_type": InferredType.INTEGRAL, "domains": None}),
            {},
            "home",
            CheckType.DATA_TYPE,
            "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
            "Observed: Only 0.0% of data is Integral.",
        ),
        (
            SUGGESTED,
            {"income": [None] * 25},
            "income",
            CheckType.COMPLETENESS,
            "Data completeness requirement is not met. Expected completeness: 100.0%. Observed: Only 97.5% of data is "
            "complete.",
        ),
        (
            SUGGESTED,
            {"home": ["hut"]},
            "home",
            CheckType.CATEGORICAL_VALUES,
            "Categorical values requirement is not met. Expected match: 100.0%. Observed: Only 99.9% of data is in the "
            "domain.",
        ),
        (
            SUGGESTED,
            {"since": None},
            "Missing columns",
            CheckType.MISSING_COLUMN,
            "There are missing columns in current dataset. Number of columns in current dataset: 4, Number of columns "
            "in baseline constraints: 5. Missing: since.",
        ),
        (
            replace(SUGGESTED, features=SUGGESTED.features[:3]),
            {},
            "Extra columns",
            CheckType.EXTRA_COLUMN,
            "There are extra columns in current dataset. Number of columns in current dataset: 5, Number of columns "
            "in baseline constraints: 3. Extra: note, since.",
        ),
    ],
)
def test_a_broken_constraint_is_reported_alone_in_model_monitors_words(
    held: Constraints, changes: dict[str, Any], feature: str, kind: CheckType, description: str
) -> None:
    # when
    without_drift = replace(held, config=replace(held.config, perform_comparison=False))
    outcome = report(without_drift, **changes)
    # then
    (violation,) = outcome.violations.violations
    assert (violation.feature_name, violation.check_type, violation.description) == (feature, kind, description)


def test_thresholds_and_switches_of_the_file_are_kept() -> None:
    # given
    rows = {"age": [1.5] * 100, "home": ["hut"] * 100}
    lenient = MonitoringConfig(datatype_check_threshold=0.9, domain_content_threshold=0.9)
    # then
    assert {kind for _, kind in found(report(**rows))} == {CheckType.DATA_TYPE, CheckType.CATEGORICAL_VALUES}
    assert report(constraints(lenient), **rows).violations.violations == ()
    assert report(constraints(MonitoringConfig(evaluate_constraints=False)), **rows).violations.violations == ()


def test_whole_numbers_in_a_column_of_numbers_cannot_be_told_and_that_is_said() -> None:
    # when
    outcome = report(constraints(income={"inferred_type": InferredType.INTEGRAL}))
    # then
    (missed,) = (missed for missed in outcome.unchecked if missed.check == "data_type_check")
    assert missed.feature == "income"
    assert "cannot tell its share of Integral" in missed.reason


def test_where_rare_categories_are_counted_together_a_verdict_is_given_only_if_all_bounds_agree() -> None:
    # given 200 categories, of which 64 are counted apart and the rest together
    homes = [f"c{min(int(place), 199)}" for place in np.random.default_rng(5).exponential(40, 3000)]
    base = baseline(raw(3000, seed=1, home=homes))
    bins = base.binning.features["home"]
    frequent, rare = bins.levels[0], bins.rare[0]  # type: ignore[union-attr]
    everything = {*bins.levels, *bins.rare}  # type: ignore[union-attr]

    def verdict(domain: set[str]) -> tuple[int, int]:
        held = constraints(home={"domains": tuple(sorted(domain))})
        config = replace(held.config, perform_comparison=False)
        outcome = check(replace(held, config=config), base, base.reference, SPEC)
        return len(outcome.violations.violations), len(outcome.unchecked)

    # then
    assert verdict(everything) == (0, 0)
    assert verdict(everything - {frequent}) == (1, 0)
    assert verdict(everything - {rare}) == (0, 1)


def test_personal_fields_and_the_label_are_not_called_missing() -> None:
    # given
    features = (*SPEC.features, Feature("name", Kind.CATEGORY, personal=True))
    spec = replace(SPEC, features=features)
    extra = [replace(SUGGESTED.features[2], name=name) for name in ("name", spec.label.name)]
    held = replace(SUGGESTED, features=(*SUGGESTED.features, *extra))
    # when
    outcome = check(held, BASELINE, window(raw(N, seed=2)), spec)
    # then
    assert outcome.violations.violations == ()
    assert {(missed.feature, missed.check) for missed in outcome.unchecked} == {
        ("name", "all checks"),
        ("defaulted", "all checks"),
        ("note", "baseline_drift_check"),  # neither texts nor times are compared
        ("since", "baseline_drift_check"),
    }


def test_an_empty_window_gets_no_verdict() -> None:
    # when
    outcome = check(SUGGESTED, BASELINE, BASELINE.empty(), SPEC)
    # then
    assert outcome.violations.violations == ()
    assert outcome.unchecked[0].reason == "the window has no rows"


def drifted(outcome: Report) -> dict[str | None, float]:
    """The distance that each drift violation names."""
    violations = found(outcome).items()
    return {
        name: float(violation.description.split(": ")[1].split()[0])
        for (name, kind), violation in violations
        if kind == CheckType.BASELINE_DRIFT
    }


@pytest.mark.parametrize("method", [ROBUST, SIMPLE])
def test_drift_of_numbers_and_categories_is_the_distance_of_the_rows_within_one_bin(method: str) -> None:
    # given
    before, after = raw(3000, seed=1), raw(N, seed=2, home=["own"] * 500)
    after["income"] = [value * 2 for value in after["income"]]
    # when
    held = constraints(MonitoringConfig(comparison_method=method))
    outcome = drifted(check(held, BASELINE, window(after), SPEC))
    # then
    off = 0.0 if method == SIMPLE else 1.8 * ((3000 + N) / (3000 * N)) ** 0.5
    exact = stats.ks_2samp(before["income"], after["income"]).statistic - off
    assert outcome.keys() == {"income", "home"}
    assert exact - LARGEST_BIN <= outcome["income"] <= exact + 1e-9
    shares = [abs(before["home"].count(name) / 3000 - after["home"].count(name) / N) for name in ("own", "rent")]
    assert outcome["home"] == pytest.approx(max(shares) - off)


def test_drift_is_measured_against_a_statistics_file_by_its_sketch_or_its_buckets() -> None:
    # given a file as Model Monitor writes it, of the baseline's rows: a sketch of a sample, and ten buckets
    values = np.sort(finite(raw(3000, seed=1)["income"]))
    counts, bounds = np.histogram(values, 10)
    pairs = zip(bounds.tolist(), bounds.tolist()[1:], counts.tolist(), strict=False)
    buckets = tuple(Bucket(low, high, count) for low, high, count in pairs)
    sketch = Sketch(((), tuple(values[1::2].tolist())))
    own = summarize(BASELINE.binning, BASELINE.reference, SPEC)
    shifted = [value * 2 for value in raw(N, seed=2)["income"]]
    exact = stats.ks_2samp(values, shifted).statistic - 1.8 * ((3000 + N) / (3000 * N)) ** 0.5
    for numbers, tolerance in (
        (NumericalStatistics(3000, 0, sketch=sketch), 2 * LARGEST_BIN),
        (NumericalStatistics(3000, 0, buckets=buckets), 0.35),  # ten buckets tell little of a skewed column
    ):
        features = tuple(replace(one, numerical=numbers) if one.name == "income" else one for one in own.features)
        # when
        moved = report(statistics=replace(own, features=features), income=shifted)
        same = report(statistics=replace(own, features=features))
        # then
        assert drifted(moved).get("income", 0.0) == pytest.approx(exact, abs=tolerance)
        assert "income" not in drifted(same) or tolerance > 0.1


def test_a_statistics_file_without_a_column_leaves_it_unchecked() -> None:
    # when
    outcome = report(statistics=Statistics(10, ()))
    # then
    assert {missed.feature for missed in outcome.unchecked if missed.check == "baseline_drift_check"} == {
        "age",
        "income",
        "home",
        "note",
        "since",
    }


def test_chi_squared_compares_its_statistic_or_its_p_value() -> None:
    # given
    simple = MonitoringConfig(categorical_drift_method=CHI_SQUARED, comparison_method=SIMPLE, comparison_threshold=20.0)
    robust = MonitoringConfig(categorical_drift_method=CHI_SQUARED, comparison_threshold=0.001)
    rows = {"home": ["own"] * 300}
    # then
    for config, words in ((simple, "chi-squared statistic"), (robust, "p-value")):
        assert "home" not in drifted(report(constraints(config)))
        violation = found(report(constraints(config), **rows))["home", CheckType.BASELINE_DRIFT]
        assert words in violation.description


def test_the_chi_squared_statistic_is_scipys_and_small_categories_are_put_together() -> None:
    # given
    before, after = {"a": 500.0, "b": 300.0, "c": 200.0}, {"a": 40.0, "b": 40.0, "c": 20.0, "new": 7.0}
    # when
    result = distance.chi_squared(Categories(after), Categories(before))
    # then
    assert result is not None
    assert result == (pytest.approx(stats.chisquare([40, 40, 20], [50, 30, 20]).statistic), 2)
    tiny = Categories({"a": 500.0, "b": 495.0, "c": 3.0, "d": 2.0})
    pooled = distance.chi_squared(Categories({"a": 50.0, "b": 40.0, "c": 6.0, "d": 4.0}), tiny)
    assert pooled is not None
    assert pooled[1] == 1
    assert distance.chi_squared(Categories({"a": 5.0}), Categories({"a": 9.0})) is None
    assert distance.chi_squared(Categories({}), Categories(before)) is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["normal", "lognormal", "pareto", "poisson"]), st.floats(-3, 3))
def test_distances_on_bins_are_at_most_the_exact_one_and_short_of_it_by_at_most_a_bin(
    seed: int, shape: str, shift: float
) -> None:
    # given
    random = np.random.default_rng(seed)
    draw = {
        "normal": lambda n: random.normal(size=n),
        "lognormal": lambda n: random.lognormal(size=n),
        "pareto": lambda n: random.pareto(1.5, n),
        "poisson": lambda n: random.poisson(4, n).astype(float),
    }[shape]
    before, after = draw(2000), draw(500) + shift
    base = baseline(raw(2000, seed=1, income=before.tolist()))
    profile = base.observe(block(raw(500, seed=2, income=after.tolist())))
    bins, column = base.binning.features["income"], profile.features["income"]
    reference = base.reference.features["income"]
    assert isinstance(bins, NumberBinning)
    assert isinstance(column, NumberProfile)
    assert isinstance(reference, NumberProfile)
    ours, theirs = cumulative(bins, column), cumulative(bins, reference)
    assert ours is not None
    assert theirs is not None
    # when
    binned = distance.of_numbers(ours, theirs, SIMPLE)
    # then
    exact = stats.ks_2samp(before, after).statistic
    heaviest = max(float(np.max(column.counts)) / 500, float(np.max(reference.counts)) / 2000)
    assert binned <= exact + 1e-9
    assert binned >= exact - heaviest - 1e-9
