"""Numeric columns: where the bins go, and how far binned figures are from exact ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from watchkeeper.profile import NumberBinning, NumberProfile, fit_column, observe_column
from watchkeeper.table import NumberColumn, number_column

Values = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Values]

SHAPES: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(0, 1, n),
    "log-normal": lambda random, n: random.lognormal(0, 2, n),
    "Pareto": lambda random, n: random.pareto(1.5, n),
    "Student": lambda random, n: random.standard_t(2, n),
    "discrete": lambda random, n: random.poisson(3, n).astype(float),
    "whole numbers": lambda random, n: random.integers(0, 500, n).astype(float),
    "money": lambda random, n: np.round(random.lognormal(3, 0.5, n), 2),
    "mixture": lambda random, n: np.where(
        random.random(n) < 0.7,
        np.where(random.random(n) < 0.5, random.normal(-1000, 1, n), 0),
        random.exponential(3, n),
    ),
    "placeholder": lambda random, n: np.where(random.random(n) < 0.05, -999.0, random.random(n)),
    "large": lambda random, n: 1e15 + random.normal(0, 100, n),
    "tiny": lambda random, n: random.normal(0, 1e-309, n),
    "huge": lambda random, n: random.normal(0, 1e146, n),
}
MOVES: dict[str, Callable[[Values, float], Values]] = {
    "unmoved": lambda values, sd: values,
    "moved a little": lambda values, sd: values + 0.1 * sd,
    "moved far": lambda values, sd: values + 8 * sd,
    "ten times": lambda values, sd: values * 10,
    "turned": lambda values, sd: -100 * values,
}


def binned(values: Values) -> tuple[NumberBinning, NumberProfile]:
    binning = fit_column(NumberColumn(values))
    assert isinstance(binning, NumberBinning)
    return binning, observed(binning, values)


def observed(binning: NumberBinning, values: Values) -> NumberProfile:
    profile = observe_column(binning, NumberColumn(values))
    assert isinstance(profile, NumberProfile)
    return profile


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("shape", SHAPES)
def test_binned_statistics_are_as_near_to_the_exact_ones_as_is_stated(shape: str, move: str):
    # given a baseline, and a window of the same shape that has moved
    random = np.random.default_rng(7)
    reference = SHAPES[shape](random, 20_000)
    deviation = float(np.diff(np.quantile(reference, [0.16, 0.84]))[0]) / 2
    window = MOVES[move](SHAPES[shape](random, 4_000), deviation)
    binning, before = binned(reference)

    # when the Kolmogorov-Smirnov and the Wasserstein distance are taken of the bins
    after = observed(binning, window)
    p, q = after.counts / after.present, before.counts / before.present
    distance = np.abs(np.cumsum(p - q)).max()
    held, held_before = p > 0, q > 0
    transport = _transport(after, before, p, q)

    # then the first is at most the true one, and less by at most the largest share that both have in one bin
    exact = stats.ks_2samp(window, reference).statistic
    assert exact - np.minimum(p, q).max() - 1e-9 <= distance <= exact + 1e-9
    # and the second is off by no more than values lie from their bins' means, and values out of reach
    scale = max(deviation, np.abs(window).max() / 1e6)
    spread = _spread(binning, window, after) @ p[held] + _spread(binning, reference, before) @ q[held_before]
    assert transport == pytest.approx(_exact_transport(window, reference), abs=spread + 1e-4 * scale)


def _transport(after: NumberProfile, before: NumberProfile, p: Values, q: Values) -> float:
    return float(stats.wasserstein_distance(after.bin_means()[p > 0], before.bin_means()[q > 0], p[p > 0], q[q > 0]))


def _exact_transport(window: Values, reference: Values) -> float:
    return float(stats.wasserstein_distance(window, reference))


def _spread(binning: NumberBinning, values: Values, profile: NumberProfile) -> Values:
    """Mean distance of each bin's values from the mean kept of them."""
    bins = np.searchsorted(binning.cuts, values, side="right")
    means = profile.bin_means()
    far = np.bincount(bins, weights=np.abs(values - means[bins]), minlength=binning.bins)
    return (far / np.maximum(profile.counts, 1))[profile.counts > 0]


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "discrete"])
def test_bins_hold_about_equal_shares_between_thin_tails(shape: str):
    # given a column of many values
    values = SHAPES[shape](np.random.default_rng(3), 50_000)

    # when bins are fitted
    binning, profile = binned(values)
    shares = profile.counts / profile.present

    # then there are about 60, none holds more than two shares unless it is one value's, and none of its own is outside
    assert binning.bins <= 64
    assert (profile.below, profile.above) == (0, 0)
    bins = np.searchsorted(binning.cuts, values, side="right")
    for place in np.flatnonzero(shares > 2.2 / 60):
        assert len(np.unique(values[bins == place])) == 1
    assert profile.present == len(values)


def test_each_of_few_values_has_a_bin_of_its_own():
    # given a column of five values, of which two lie close together
    values = np.array([0.0, 0.1, 0.3, 5.0, 1e6] * 20)

    # when it is profiled
    binning, profile = binned(values)

    # then each has its count, its name and its mean
    assert binning.single
    assert profile.counts.tolist() == [0, 20, 20, 20, 20, 20, 0]
    assert [binning.label(place) for place in range(7)] == ["< 0", "0", "0.1", "0.3", "5", "1e+06", "> 1e+06"]
    assert profile.bin_means()[1:-1] == pytest.approx([0.0, 0.1, 0.3, 5.0, 1e6], rel=1e-6)


@pytest.mark.parametrize(
    ("values", "bins"),
    [
        ([7.0] * 60, 3),
        ([0.0] * 60, 3),
        ([np.nan] * 60, 1),
        ([np.inf, -np.inf], 1),
        ([], 1),
        ([5e-324, 0.0], 4),
        ([3.5], 3),
    ],
)
def test_a_column_with_next_to_nothing_in_it_is_profiled(values: list[float], bins: int):
    # given a column that is constant, empty or hardly there
    binning, profile = binned(np.array(values, float))
    assert binning.bins == bins

    # when another value comes
    other = observed(binning, np.array([*values, 9.0, -9.0]))

    # then it is counted apart from those there were
    assert other.present == profile.present + 2
    if profile.present:
        assert (other.below, other.above) == (1, 1)
        assert other.counts[1:-1].tolist() == profile.counts[1:-1].tolist()
        assert profile.mean == pytest.approx(values[0], rel=1e-5, abs=1e-300)


def test_a_numeric_profile_counts_what_is_not_a_usual_number():
    # given bins over 0..99, and odd values
    binning, _ = binned(np.arange(100.0))
    column = number_column(["", "x", "inf", "-1", "1000", "1e200", "4", "-0.0"])

    # when they are observed
    profile = observe_column(binning, column)
    assert isinstance(profile, NumberProfile)

    # then each is counted as what it is
    assert (profile.missing, profile.invalid, profile.infinite) == (1, 1, 2)
    assert (profile.below, profile.above, profile.present, profile.rows) == (1, 1, 4, 8)
    assert (profile.least, profile.greatest) == (-1.0, 1000.0)
    assert profile.mean == 1003 / 4


@pytest.mark.parametrize("shape", ["normal", "money", "whole numbers", "placeholder", "large"])
def test_mean_and_deviation_agree_with_numpy(shape: str):
    # given many values
    values = SHAPES[shape](np.random.default_rng(1), 20_000)

    # when profiled
    _, profile = binned(values)

    # then the figures are numpy's, also where naive sums of squares lose all digits
    assert profile.mean == pytest.approx(values.mean(), abs=1e-5 * values.std() + np.spacing(values.max()))
    assert profile.deviation == pytest.approx(values.std(), rel=1e-3)


def test_means_of_whole_numbers_are_exact():
    # given whole numbers
    values = np.random.default_rng(1).integers(300, 850, 10_001).astype(float)

    # when profiled; then nothing is lost
    _, profile = binned(values)
    assert profile.mean == values.mean()
    assert profile.deviation == pytest.approx(values.std(), rel=1e-14)


def test_a_value_beyond_all_reason_does_not_hide_the_others():
    # given a healthy baseline, and a window with one value of 1e149
    random = np.random.default_rng(1)
    binning, _ = binned(random.normal(0, 1, 10_000))

    # when profiled
    profile = observed(binning, np.append(random.normal(0, 1, 999), 1e149))

    # then it counts as 1,024 central ranges out, and the greatest value tells
    assert profile.greatest == 1e149
    assert profile.above >= 1
    assert profile.mean is not None
    assert 1 < profile.mean < 20


@pytest.mark.parametrize("columns", [1, 300])
def test_any_number_of_columns_is_profiled(columns: int):
    # given a table; when each column is profiled; then each has all rows
    random = np.random.default_rng(2)
    for values in random.normal(0, 1, (columns, 60)):
        _, profile = binned(values)
        assert profile.present == 60
