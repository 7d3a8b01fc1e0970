"""What leaves the house is noised counts, and nothing that the noise does not cover."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy import stats

from tests.unit.drift_support import look
from watchkeeper.capture import Block
from watchkeeper.errors import ProfileError
from watchkeeper.profile import Baseline, Binning
from watchkeeper.profile.privacy import noised
from watchkeeper.table import CategoryColumn, NumberColumn, TimeColumn

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def block(rows: int, seed: int, *, new: str | None = None) -> Block:
    random = np.random.default_rng(seed)
    homes = list(random.choice(["rent", "own"], rows))
    if new:
        homes[0] = new
    features = {
        "income": NumberColumn(random.normal(50, 10, rows)),
        "home": CategoryColumn.of(homes),
        "asked": TimeColumn(1.8e9 + random.uniform(0, 1e6, rows)),
    }
    return Block(rows, features, {})


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    sample = block(5000, seed=1)
    return Baseline.build("m", "v1", NOW, Binning.fit(sample.features, {}), [sample])


def test_noise_on_each_count_is_two_sided_geometric_with_its_share_of_epsilon(baseline: Baseline) -> None:
    # given large counts, so that none is cut at zero, and three columns and the number of rows to share epsilon
    profile = baseline.observe(block(200_000, seed=2))
    counts = profile.layout.sections["counts"]
    large = profile.vector[counts] > 1000
    # when
    random = np.random.default_rng(3)
    noise = np.concatenate(
        [(noised(profile, 1.0, random).vector[counts] - profile.vector[counts])[large] for _ in range(50)]
    )
    # then it is discrete Laplace with epsilon 1/4 each
    values = np.arange(-8, 9)
    shares = stats.dlaplace.pmf(values, 1 / 4)
    observed = [np.count_nonzero(noise == value) for value in values]
    found = [*observed, len(noise) - sum(observed)]
    due = np.append(shares, 1 - shares.sum()) * len(noise)
    assert stats.chisquare(found, due).pvalue > 1e-4


def test_nothing_else_of_the_rows_is_in_it(baseline: Baseline) -> None:
    # given a row with a rare value and a telling name
    plain = block(500, seed=4, new="the house of Jane Doe")
    # when
    private = noised(baseline.observe(plain), 1.0)
    # then
    assert b"Jane" not in private.to_json()
    assert private.features["income"].tally.extremes.tolist() == [np.inf, -np.inf]
    assert private.joint is None or not private.joint.products.any()
    assert private.unreadable == 0


def test_extremes_that_are_kept_back_are_unknown_and_a_look_says_what_it_can(baseline: Baseline) -> None:
    # given rows far outside the baseline's range, with noise
    far = {
        "income": NumberColumn(np.full(2000, 1e6)),
        **{k: block(2000, seed=7).features[k] for k in ("home", "asked")},
    }
    private = noised(baseline.observe(Block(2000, far, {})), 1.0)
    # when
    findings = look(baseline, private)
    # then the extremes are not infinite numbers but unknown, and the words do without them
    income, asked = private.features["income"], private.features["asked"]
    assert (income.least, income.greatest, asked.earliest, asked.latest) == (None, None, None, None)
    words = {finding.feature: finding.summary for finding in findings.drifted}
    assert "outside the baseline's range" in words["income"]
    assert not {"inf", "None", "nan"} & set(words["income"].replace("(", " ").replace(")", " ").split())


def test_it_merges_with_other_profiles_and_still_describes_them(baseline: Baseline) -> None:
    # given
    rows = block(50_000, seed=5)
    # when
    merged = baseline.read(noised(baseline.observe(rows), 1.0).to_json()).merge(baseline.observe(block(100, seed=6)))
    # then
    income = merged.features["income"]
    assert income.mean == pytest.approx(50, abs=0.5)
    assert income.deviation == pytest.approx(10, rel=0.1)
    assert merged.rows == pytest.approx(50_100, abs=100)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan"), float("inf")])
def test_a_privacy_loss_that_means_nothing_is_refused(baseline: Baseline, epsilon: float) -> None:
    with pytest.raises(ProfileError, match="give a positive number"):
        noised(baseline.empty(), epsilon)
