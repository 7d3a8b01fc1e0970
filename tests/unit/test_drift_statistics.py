"""The well-known statistics, from profiles against scipy on raw data, with their bounds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from tests.unit.drift_support import baseline, block
from watchkeeper.drift import statistics
from watchkeeper.drift.look import Look
from watchkeeper.table import CategoryColumn, NumberColumn

Draw = Callable[[np.random.Generator, int], np.ndarray]
SHAPES: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(0, 1, n),
    "log-normal": lambda random, n: random.lognormal(0, 1.5, n),
    "Pareto": lambda random, n: random.pareto(1.5, n),
    "Cauchy": lambda random, n: random.standard_cauchy(n),
    "mostly zero": lambda random, n: np.where(random.random(n) < 0.8, 0.0, random.lognormal(0, 2, n)),
    "counts": lambda random, n: random.poisson(3, n).astype(float),
    "rounded": lambda random, n: random.normal(0, 1, n).round(1),
    "heaped": lambda random, n: 5 * np.round(random.lognormal(2, 1, n) / 5),
    "two heaps": lambda random, n: np.where(random.random(n) < 0.5, random.normal(0, 1, n), random.normal(9, 0.5, n)),
}
MOVES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nothing": lambda x: x,
    "a little up": lambda x: x + 0.2,
    "wider": lambda x: 1.5 * x,
    "far out": lambda x: x + 50,
}


def looked_at(before: np.ndarray, after: np.ndarray) -> Look:
    base = baseline(block({"x": NumberColumn(before)}))
    return Look.of(base, base.observe(block({"x": NumberColumn(after)})))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("move", MOVES)
def test_numeric_statistics_are_those_of_the_raw_data_within_their_bounds(shape: str, move: str):
    # given two samples of one shape, the second changed
    random = np.random.default_rng(4)
    before, after = SHAPES[shape](random, 20_000), MOVES[move](SHAPES[shape](random, 3000))

    # when compared by their profiles
    seen = looked_at(before, after)
    found = statistics.of_numbers(seen.numbers)[0]

    # then Kolmogorov-Smirnov is at most the exact one, and below it by at most the error that is told
    exact = stats.ks_2samp(before, after).statistic
    assert found["kolmogorov_smirnov"] <= exact + 1e-9
    assert exact <= found["kolmogorov_smirnov"] + found["kolmogorov_smirnov_error"] + 1e-9

    # and that error is at most what the fullest bin holds
    largest = max(seen.numbers.window.counts[0].max() / 3000, seen.numbers.reference.counts[0].max() / 20_000)
    assert found["kolmogorov_smirnov_error"] <= largest + 1e-9

    # and likewise Wasserstein, but for the grain of means and deviation
    distance, grain = stats.wasserstein_distance(before, after) / before.std(), 1e-5
    assert found["wasserstein"] <= distance * (1 + grain) + grain
    assert distance <= (found["wasserstein"] + found["wasserstein_error"]) * (1 + grain) + grain
    assert distance <= found["wasserstein"] / 0.98 + 0.015
    assert found["wasserstein_error"] < 0.15


def test_values_between_a_columns_usual_ones_show_in_the_error_that_is_told():
    # given a column of whole numbers, and a window with all values a fifth higher: between the bins' edges
    random = np.random.default_rng(6)
    before, after = random.poisson(3, 20_000).astype(float), random.poisson(3, 3000) + 0.2

    # when compared
    found = statistics.of_numbers(looked_at(before, after).numbers)[0]

    # then the edges miss it, and the error says how much may be missed; without such values there is none
    assert found["kolmogorov_smirnov"] < 0.05 < 0.2 < found["kolmogorov_smirnov_error"]
    same = statistics.of_numbers(looked_at(before, random.poisson(3, 3000).astype(float)).numbers)[0]
    assert (same["kolmogorov_smirnov_error"], same["wasserstein_error"]) == pytest.approx((0, 0))


def test_statistics_over_bins_are_those_of_numpy_and_scipy_on_the_same_bins():
    # given a column of few values, which have a bin each, and a changed window
    random = np.random.default_rng(5)
    before, after = random.integers(0, 9, 5000).astype(float), random.binomial(8, 0.45, 1000).astype(float)

    # when compared
    found = statistics.of_numbers(looked_at(before, after).numbers)[0]
    p, q = (np.bincount(values.astype(int), minlength=9) / len(values) for values in (after, before))

    # then every statistic over bins is exact
    assert found["jensen_shannon"] == pytest.approx(jensenshannon(p, q))
    kept_p, kept_q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    assert found["population_stability_index"] == pytest.approx(((kept_p - kept_q) * np.log(kept_p / kept_q)).sum())
    distance = np.abs(np.cumsum(p - q)).max()
    assert found["l_infinity"] == pytest.approx(distance) == found["kolmogorov_smirnov"]
    assert found["l_infinity_robust"] == pytest.approx(max(0, distance - 1.8 * np.sqrt(6000 / 5_000_000)))
    assert found["wasserstein"] == pytest.approx(stats.wasserstein_distance(before, after) / before.std(), rel=1e-6)


def test_category_statistics_count_new_categories_as_one():
    # given categories of which the window has a new one, and missing values
    base = baseline(block({"c": CategoryColumn.of(["a"] * 60 + ["b"] * 40)}))
    window = base.observe(block({"c": CategoryColumn.of(["a"] * 5 + ["b"] * 3 + ["new"] * 2 + [None] * 10)}))

    # when compared
    found = statistics.of_categories(Look.of(base, window).categories)[0]

    # then the shares are those of the rows with a category
    assert found["l_infinity"] == pytest.approx(0.2)
    assert found["new_share"] == pytest.approx(0.2)
    assert found["missing_change"] == pytest.approx(0.5)
    assert found["jensen_shannon"] == pytest.approx(jensenshannon([0.5, 0.3, 0.2], [0.6, 0.4, 0]))


def test_what_is_not_defined_is_left_out():
    # given a column without values in the window, and a constant one
    base = baseline(block({"x": NumberColumn(np.arange(100.0)), "k": NumberColumn(np.full(100, 7.0))}))
    window = base.observe(block({"x": NumberColumn(np.full(50, np.nan)), "k": NumberColumn(np.full(50, 7.0))}))

    # when compared
    gone, constant = statistics.of_numbers(Look.of(base, window).numbers)

    # then only the missing share is known of the one, and the other has no Wasserstein distance in deviations of 0
    assert gone == {"missing_change": 1.0}
    assert "wasserstein" not in constant
    assert constant["kolmogorov_smirnov"] == 0
