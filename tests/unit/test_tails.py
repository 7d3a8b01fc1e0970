"""Tail probabilities against scipy's: to 1e-10 of the value, from the middle to 1e-300."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy import special, stats

from watchkeeper.drift import tails

PRECISION = 1e-10


def close(ours: np.ndarray, theirs: np.ndarray) -> None:
    seen = np.asarray(theirs) > 1e-299
    assert seen.any()
    assert np.asarray(ours)[seen] == pytest.approx(np.asarray(theirs)[seen], rel=PRECISION)


def test_the_normal_tail_and_its_quantile():
    # given z from −8 to where the tail is 1e-300; when asked for; then both are scipy's
    z = np.linspace(-8, 37, 500)
    close(tails.normal(z), stats.norm.sf(z))
    p = np.array([1e-300, 1e-12, 0.025, 0.5, 0.9, 1 - 1e-12])
    assert tails.normal_quantile(p) == pytest.approx(special.ndtri(p), rel=PRECISION)
    assert tails.normal_quantile([0.0, 1.0]).tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("freedom", [1, 2, 3, 15, 63, 100, 210, 1001.5, 20_000])
def test_the_chi_squared_tail(freedom: float):
    # given statistics from far below the mean to 38 deviations above
    x = freedom + np.sqrt(2 * freedom) * np.linspace(-3, 38, 300)
    x = x[x > 0]

    # when asked for; then it is scipy's
    close(tails.chi_squared(x, freedom), special.gammaincc(freedom / 2, x / 2))


@pytest.mark.parametrize("freedom", [1, 3, 19.5, 60, 240, 10_000, 1_000_000])
def test_students_tail(freedom: float):
    # given t on both sides; when asked for; then it is scipy's
    t = np.linspace(-5, 40, 300)
    close(tails.student(t, freedom), special.stdtr(freedom, -t))


def test_students_tail_of_infinite_freedom_is_normal():
    # given t; when the freedom is infinite; then the tail is the normal one
    assert tails.student([1.0, 5.0], np.inf) == pytest.approx(stats.norm.sf([1.0, 5.0]))


@pytest.mark.parametrize(("between", "within"), [(1, 20), (20, 980), (100, 900), (100, 100_000)])
def test_fishers_tail(between: float, within: float):
    # given ratios; when asked for; then it is scipy's
    f = np.linspace(0.01, 10, 200)
    close(tails.fisher(f, between, within), special.fdtrc(between, within, f))


@pytest.mark.parametrize(("mean", "size"), [(0.05, 1.0), (3.0, 4.5), (500.0, 12.0), (10_000.0, 3000.0)])
def test_the_negative_binomial_tail(mean: float, size: float):
    # given counts around and above the mean; when asked for; then it is scipy's
    least = np.unique(np.round(mean * np.geomspace(0.1, 10, 50))) + 1
    close(tails.negative_binomial(least, mean, size), special.betainc(least, size, mean / (mean + size)))


@pytest.mark.parametrize(
    ("n", "m", "total"), [(1000, 20_000, 500), (1000, 20_000, 20_000), (50, 80, 7), (300, 300, 299), (20_000, 1000, 40)]
)
def test_fishers_exact_test(n: int, m: int, total: int):
    # given hits from one end of what is possible to the other
    law = stats.hypergeom(n + m, total, n)
    for hits in np.unique(np.linspace(max(0, total - m), min(n, total), 25).astype(int)):
        # when tested
        found = tails.fisher_exact(int(hits), n, int(total - hits), m)

        # then p is twice the tail on the side of the hits, half of its own weight included
        tail = law.cdf(hits) if hits < law.mean() else law.sf(hits - 1)
        expected = min(1.0, 2 * (tail - law.pmf(hits) / 2))
        if expected > 1e-290:
            assert found == pytest.approx(expected, rel=1e-8)  # scipy's own sums are no better
        else:
            assert 0 < found < 1e-280


def test_the_exact_test_copes_with_a_billion_rows():
    # given shares of a billion rows; when tested
    certain = tails.fisher_exact(600_000_000, 1_000_000_000, 500_000_000, 1_000_000_000)
    even = tails.fisher_exact(500_000_000, 1_000_000_000, 500_000_000, 1_000_000_000)
    between = tails.fisher_exact(500_050_000, 1_000_000_000, 500_000_000, 1_000_000_000)

    # then the evidence is total, none, and that of the normal law
    assert certain == tails.SMALLEST
    assert even == pytest.approx(1.0)
    assert between == pytest.approx(2 * stats.norm.sf(50_000 / np.sqrt(5e8)), rel=1e-3)


@pytest.mark.parametrize(("hits", "n", "before", "m"), [(0, 0, 5, 10), (3, 10, 0, 0), (0, 10, 0, 10), (10, 10, 5, 5)])
def test_a_share_without_variation_is_no_evidence(hits: int, n: int, before: int, m: int):
    # given no rows on a side, or hits nowhere or everywhere; when tested; then p is 1
    assert tails.fisher_exact(hits, n, before, m) == 1.0


def test_the_chance_that_all_extremes_are_on_one_side():
    # given k of n values beyond m others; when asked; then it is C(n, k)/C(n + m, k), also where that underflows
    assert tails.all_from_first(3, 50, 200) == pytest.approx(50 * 49 * 48 / (250 * 249 * 248))
    assert tails.all_from_first(0, 50, 200) == 1.0
    assert tails.all_from_first(50, 50, 1) == pytest.approx(1 / 51)
    assert tails.all_from_first(500_000, 1_000_000, 1_000_000) == tails.SMALLEST


def test_an_estimated_variance_makes_tails_heavier():
    # given a p-value of the normal law; when the variance was estimated; then p is Student's for the same z
    z = 4.0
    assert tails.inflated(stats.norm.sf(z), 12.0)[0] == pytest.approx(stats.t.sf(z, 12), rel=1e-9)
    assert tails.inflated(0.01, np.inf)[0] == 0.01


def test_comparing_does_not_import_scipy():
    # given a fresh interpreter; when the drift package is imported; then scipy and pandas are not
    code = "import sys, watchkeeper.drift; sys.exit(bool({'scipy', 'pandas'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
