"""Model Monitor's statistics and the constraints it suggests, from profiles: against the rows themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.looking import BASELINE, SPEC, baseline, finite, raw, window
from watchkeeper.modelmonitor import (
    Constraints,
    InferredType,
    MonitoringConfig,
    Statistics,
    check,
    suggest,
    summarize,
)
from watchkeeper.modelmonitor.distance import Cumulative
from watchkeeper.profile.privacy import noised

N = 1000
SUGGESTED = suggest(BASELINE, SPEC)
LARGEST_BIN = 1 / 60 + 1 / N
"""Quantile bins hold a sixtieth of the baseline each; chance adds a little in a window."""


def test_statistics_of_numbers_are_those_of_the_rows() -> None:
    # given
    rows = raw(N, seed=2, income=[None] * 10)
    values = finite(rows["income"])
    # when
    numbers = summarize(BASELINE.binning, window(rows), SPEC).features[1].numerical
    # then
    assert numbers is not None
    assert (numbers.num_present, numbers.num_missing) == (N - 10, 10)
    assert (numbers.min, numbers.max) == (values.min(), values.max())
    assert numbers.mean == pytest.approx(values.mean(), rel=1e-4)
    assert numbers.sum == pytest.approx(values.sum(), rel=1e-4)
    assert numbers.std_dev == pytest.approx(values.std(), rel=1e-2)


@pytest.mark.parametrize(("place", "name"), [(0, "age"), (1, "income")])
def test_ten_buckets_add_up_and_are_wrong_by_less_than_two_bins(place: int, name: str) -> None:
    # given
    rows = raw(20_000, seed=2)
    values = finite(rows[name])
    # when
    numbers = summarize(BASELINE.binning, window(rows), SPEC).features[place].numerical
    assert numbers is not None
    # then
    bounds = [numbers.buckets[0].lower_bound, *(bucket.upper_bound for bucket in numbers.buckets)]
    exact, _ = np.histogram(values, bounds)
    assert len(numbers.buckets) == 10
    assert bounds == pytest.approx(np.linspace(values.min(), values.max(), 11))
    assert sum(bucket.count for bucket in numbers.buckets) == 20_000
    errors = [abs(bucket.count - count) / 20_000 for bucket, count in zip(numbers.buckets, exact, strict=True)]
    assert max(errors) < 2 * LARGEST_BIN
    assert max(errors) < 0.006  # in practice


@pytest.mark.parametrize(("place", "name"), [(0, "age"), (1, "income")])
def test_the_sketch_weighs_what_the_rows_weigh_and_ranks_them_within_one_bin(place: int, name: str) -> None:
    # given
    rows = raw(5000, seed=2)
    # when
    numbers = summarize(BASELINE.binning, window(rows), SPEC).features[place].numerical
    assert numbers is not None
    assert numbers.sketch is not None
    # then
    assert sum(len(level) << height for height, level in enumerate(numbers.sketch.data)) == 5000
    assert all(list(level) == sorted(level) for level in numbers.sketch.data)
    sketched = Cumulative.of_statistics(numbers)
    assert sketched is not None
    values = np.sort(finite(rows[name]))
    places = np.quantile(values, np.linspace(0.01, 0.99, 300))
    exact = np.searchsorted(values, places, side="left") / 5000
    assert float(np.max(np.abs(sketched.at(places) - exact))) < 2 * LARGEST_BIN


def test_a_column_of_few_values_is_sketched_exactly() -> None:
    # given
    rows = raw(N, seed=2)
    values, counts = np.unique(rows["age"], return_counts=True)
    # when
    sketch = summarize(BASELINE.binning, window(rows), SPEC).features[0].numerical.sketch  # type: ignore[union-attr]
    weights: dict[float, int] = {}
    for height, level in enumerate(sketch.data):  # type: ignore[union-attr]
        for value in level:
            weights[round(value, 3)] = weights.get(round(value, 3), 0) + (1 << height)
    # then
    assert weights == dict(zip(values.tolist(), counts.tolist(), strict=True))


def test_statistics_of_categories_are_those_of_the_rows() -> None:
    # given
    rows = raw(N, seed=2, home=[None] * 5 + ["hut"] * 3)
    # when
    home = summarize(BASELINE.binning, window(rows), SPEC).features[2]
    # then
    assert home.inferred_type is InferredType.STRING
    assert home.string is not None
    assert home.string.counts == {name: rows["home"].count(name) for name in ("rent", "own", "other", "hut")}
    assert (home.string.num_present, home.string.num_missing, home.string.distinct_count) == (N - 5, 5, 4)


def test_texts_and_times_have_counts_alone_and_an_empty_column_no_type() -> None:
    # when
    features = summarize(BASELINE.binning, window(raw(N, seed=2, since=None)), SPEC).features
    # then
    note, since = features[3], features[4]
    assert note.string is not None
    assert (note.inferred_type, note.string.num_present, note.string.counts) == (InferredType.STRING, N, None)
    assert since.string is not None
    assert (since.inferred_type, since.string.num_present) == (InferredType.UNKNOWN, 0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(float("inf")) | st.none() | st.just("x"), min_size=1, max_size=80),
    st.lists(st.sampled_from(["rent", "own", None, "a", "b"]), min_size=1, max_size=80),
)
def test_any_window_is_summarized_and_written(numbers: list[Any], homes: list[Any]) -> None:
    # given
    n = min(len(numbers), len(homes))
    rows = raw(n, seed=3, income=numbers[:n], home=homes[:n])
    # when
    statistics = summarize(BASELINE.binning, window(rows), SPEC)
    # then
    assert Statistics.from_json(statistics.to_json()) == statistics
    income = statistics.features[1].numerical
    assert income is not None
    values = [value for value in rows["income"] if isinstance(value, float) and np.isfinite(value)]
    assert sum(bucket.count for bucket in income.buckets) == len(values)


def test_a_profile_with_privacy_noise_gives_what_it_has() -> None:
    # given
    noisy = noised(window(raw(N, seed=2)), 1.0, np.random.default_rng(1))
    # when
    statistics = summarize(BASELINE.binning, noisy, SPEC)
    check(SUGGESTED, BASELINE, noisy, SPEC)
    # then
    income = statistics.features[1].numerical
    assert income is not None
    assert (income.min, income.max, income.buckets) == (None, None, ())
    assert income.sketch is not None
    assert b"Infinity" not in statistics.to_json()


def test_suggested_constraints_are_those_that_model_monitor_would_suggest() -> None:
    # then
    age, income, home, note, _ = SUGGESTED.features
    assert (age.inferred_type, age.completeness, age.is_non_negative) == (InferredType.INTEGRAL, 1.0, True)
    assert (income.inferred_type, income.domains) == (InferredType.FRACTIONAL, None)
    assert set(home.domains or ()) == {"rent", "own", "other"}
    assert (home.is_non_negative, note.domains) == (None, None)
    assert SUGGESTED.config == MonitoringConfig()
    assert Constraints.from_json(SUGGESTED.to_json()) == SUGGESTED


def test_no_domain_is_suggested_for_many_categories_or_many_rare_ones() -> None:
    # given
    many = [f"c{place % 130}" for place in range(3000)]
    rare = ["rent"] * 2990 + [f"once{place}" for place in range(10)]
    # then
    for homes in (many, rare):
        assert suggest(baseline(raw(3000, seed=1, home=homes)), SPEC).features[2].domains is None


def test_a_baseline_satisfies_what_it_suggests_exactly_and_from_its_own_file() -> None:
    # given
    rows = raw(3000, seed=1)
    own = Statistics.from_json(summarize(BASELINE.binning, BASELINE.reference, SPEC).to_json())
    # then
    for statistics in (None, own):
        outcome = check(SUGGESTED, BASELINE, window(rows), SPEC, statistics)
        assert outcome.violations.violations == ()
