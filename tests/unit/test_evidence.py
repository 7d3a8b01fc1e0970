"""The tests on counts: against scipy, and uniform p-values when nothing has changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from watchkeeper.drift import budget, effect, evidence, tails

COUNTS = st.lists(st.integers(0, 500), min_size=4, max_size=12)


def counts(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float64)


def kolmogorov_limit(n: int, alpha: float = 1e-4) -> float:
    """What the distance of n uniform values from uniform exceeds once in 1/alpha."""
    return float(stats.kstwo.ppf(1 - alpha, n))


def test_chi_squared_is_scipys():
    # given two samples' counts in two columns, one shorter
    random = np.random.default_rng(5)
    window, reference = random.poisson(80, (2, 12)).astype(float), random.poisson(900, (2, 12)).astype(float)
    window[1, 8:] = reference[1, 8:] = 0

    # when tested
    found = tails.chi_squared(*evidence.chi_squared(window, reference))

    # then p is that of scipy's contingency table without correction
    for row, width in enumerate((12, 8)):
        expected = stats.chi2_contingency([window[row, :width], reference[row, :width]], correction=False)[1]
        assert found[row] == pytest.approx(expected)


def test_location_and_spread_scores_are_orthonormal_under_the_reference():
    # given reference counts with an empty bin
    reference = counts([5, 0, 30, 40, 20, 5])
    share = reference / reference.sum()

    # when scores are made
    first, second = evidence.normal_scores(reference)

    # then each has mean 0 and variance 1, and they do not overlap; no change gives z of 0
    for scores in (first, second):
        assert (share * scores).sum() == pytest.approx(0, abs=1e-12)
        assert (share * scores**2).sum() == pytest.approx(1)
    assert (share * first * second).sum() == pytest.approx(0, abs=1e-12)
    assert evidence.linear(reference * 2, reference, first)[0] == pytest.approx(0, abs=1e-9)


def test_the_saddle_point_is_right_where_the_normal_law_is_not():
    # given a rare event, scored as location, in a window where it came 26 times instead of 10
    reference, window = counts([19_800, 200]), counts([974, 26])
    scores, _ = evidence.normal_scores(reference)

    # when tested
    z = float(evidence.linear(window, reference, scores)[0])
    before = np.arange(100, 320)
    weights = stats.binom.pmf(before, 20_000, 0.01)
    least = 1000 * (0.016 + before / 20_000)
    tail = stats.binom.sf(least, 1000, 0.01) + stats.binom.pmf(least, 1000, 0.01) / 2
    exact = float(weights @ tail)

    # then its tail is the exact one to a quarter, where that of the plain z is forty times too small
    plain = 0.016 / np.sqrt(0.01 * 0.99 * (1 / 1000 + 1 / 20_000))
    assert stats.norm.sf(z) == pytest.approx(exact, rel=0.25)
    assert stats.norm.sf(plain) < exact / 10


def test_p_values_are_uniform_when_nothing_has_changed():
    # given 3,000 healthy columns of 16 skewed bins, references drawn anew
    random = np.random.default_rng(17)
    share = np.geomspace(1, 20, 16)
    share /= share.sum()
    window = random.multinomial(1000, share, 3000).astype(float)
    reference = random.multinomial(20_000, share, 3000).astype(float)
    first, second = evidence.normal_scores(reference)

    # when tested
    p = {
        "location": evidence.two_sided(evidence.linear(window, reference, first)),
        "spread": evidence.two_sided(evidence.linear(window, reference, second)),
        "shape": tails.chi_squared(*evidence.shape(window, reference)),
        "mix": tails.chi_squared(*evidence.chi_squared(window, reference)),
        "share": np.array(
            [tails.fisher_exact(a, 1000, b, 20_000) for a, b in zip(window[:, 9], reference[:, 9], strict=True)]
        ),
    }

    # then their distribution is uniform, within what chance allows once in 10,000
    for name, values in p.items():
        assert stats.kstest(values, "uniform").statistic < kolmogorov_limit(3000), name


def test_the_largest_level_keeps_its_level():
    # given 2,000 healthy columns of 30 categories; when the largest change is tested
    random = np.random.default_rng(3)
    share = 1 / np.arange(1, 31)
    share /= share.sum()
    window, reference = (random.multinomial(n, share, 2000).astype(float) for n in (1000, 20_000))
    p = evidence.largest_level(window, reference, np.ones((2000, 30)), np.full((2000, 30), np.inf))

    # then at 5 % and 1 % no more are significant than chance allows once in 1,000
    for alpha in (0.05, 0.01):
        assert (p < alpha).sum() <= stats.binom.ppf(0.999, 2000, alpha)


def test_unseen_categories_are_a_negative_binomial_count():
    # given a reference with 6 categories seen once and 3 twice
    size, mean = 49 / (7 + 6), 500 * 7 / 20_000

    # when four of 500 rows are unseen; then p is the tail of Good and Turing's count
    expected = stats.nbinom(size, size / (size + mean)).sf(3)
    assert evidence.unseen_test(4, 500, 6, 3, 20_000) == pytest.approx(expected)
    assert evidence.unseen_test(0, 500, 6, 3, 20_000) == 1.0


def test_the_combination_follows_the_strongest_test():
    # given tests of equal weight; when combined
    def combined(*p: float) -> float:
        return budget.p_value(float(np.mean(budget.tangent(p))))

    # then one alone is itself, equal ones stay, and a strong one costs as many times as there are
    assert combined(0.02) == pytest.approx(0.02)
    assert combined(0.5, 0.5) == pytest.approx(0.5)
    assert combined(1e-8, 1.0, 1.0) == pytest.approx(3e-8, rel=1e-2)
    assert combined(1e-290) == pytest.approx(1e-290)
    assert sum(budget.SHARES.values()) == pytest.approx(1)


def test_the_distance_of_equal_samples_is_debiased_to_about_zero():
    # given pairs of samples of one distribution
    random = np.random.default_rng(6)
    a, b = (random.multinomial(n, [0.05] * 20, 200).astype(float) for n in (1000, 5000))

    # when measured; then the distance left is small against the 0.02 that matter, and that of disjoint ones the largest
    assert np.sqrt(np.mean(effect.jensen_shannon(a, b) ** 2)) < 0.02
    assert effect.jensen_shannon(counts([10, 0]), counts([0, 1e9]))[0] == pytest.approx(np.sqrt(np.log(2)), rel=0.05)
    assert effect.jensen_shannon(counts([0, 0]), counts([3, 4]))[0] == 0


@given(COUNTS, COUNTS)
def test_whatever_the_counts_p_values_are_probabilities(first: list[int], second: list[int]):
    # given any counts, zeros and single rows among them
    width = min(len(first), len(second))
    window, reference = counts(first[:width]), counts(second[:width])

    # when tested
    scores = evidence.normal_scores(reference)
    p = [
        *tails.chi_squared(*evidence.chi_squared(window, reference)),
        *tails.chi_squared(*evidence.shape(window, reference)),
        *(evidence.two_sided(evidence.linear(window, reference, s))[0] for s in scores),
        *evidence.largest_level(window, reference, np.ones_like(window), np.full_like(window, np.inf)),
    ]

    # then all are above 0 and at most 1 (corrected ones may exceed it), and sizes are finite
    assert all(0 < value <= 1 for value in p[:-1])
    assert p[-1] > 0
    assert np.isfinite(effect.jensen_shannon(window, reference)).all()
    assert np.isfinite(effect.single_levels(window, reference)).all()
