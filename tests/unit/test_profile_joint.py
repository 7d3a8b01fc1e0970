"""The joint part: exact sums of scores, and what they show that no single column does."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from watchkeeper.capture import Block
from watchkeeper.profile import Binning, JointProfile, fit_column, observe
from watchkeeper.profile.joint_fit import MOST_COLUMNS
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn


def table(n: int, seed: int, correlation: float = 0.8) -> Block:
    random = np.random.default_rng(seed)
    a = random.normal(0, 1, n)
    b = correlation * a + np.sqrt(1 - correlation**2) * random.normal(0, 1, n)
    b[::50] = np.nan
    score = 1 / (1 + np.exp(-a))
    levels = np.where(random.random(n) < score, "owner", np.where(random.random(n) < 0.5, "tenant", "guest"))
    features: dict[str, Column] = {
        "a": NumberColumn(a),
        "b": NumberColumn(np.exp(b)),
        "home": CategoryColumn.of([None if place % 40 == 0 else level for place, level in enumerate(levels.tolist())]),
        "same": NumberColumn(np.full(n, 3.0)),
        "when": TimeColumn(np.full(n, 1e9)),
    }
    return Block(n, features, {"predicted score": NumberColumn(score)})


@pytest.fixture(scope="module")
def binning() -> Binning:
    block = table(20_000, seed=1)
    return Binning.fit(block.features, block.predictions)


def joint(binning: Binning, block: Block, *, reference: bool = False) -> JointProfile:
    profile = observe(binning, block, "", reference=reference).joint
    assert profile is not None
    return profile


def scores(binning: Binning, block: Block) -> np.ndarray:
    """Every row's scores, looked up one by one."""
    assert binning.joint is not None
    found = np.zeros((len(binning.joint.columns), block.rows))
    for row, (name, table) in enumerate(zip(binning.joint.columns, binning.joint.scores, strict=True)):
        column = block.features.get(name, block.predictions.get(name))
        bins = binning.features.get(name, binning.predictions.get(name))
        for place in range(block.rows):
            if isinstance(column, CategoryColumn):
                level = column.values[place] if place < 200 else None
                found[row, place] = table[bins.levels.index(level)] if level in bins.levels else 0
            elif not np.isnan(column.values[place]):
                found[row, place] = table[np.searchsorted(bins.cuts, column.values[place], side="right")]
    return found


def test_columns_that_vary_are_looked_at_together_with_the_score(binning: Binning):
    # given a table with a constant column and one of moments; when bins are fitted
    assert binning.joint is not None

    # then those have no part, and the predicted score is the last
    assert binning.joint.columns == ("a", "b", "home", "predicted score")
    assert binning.joint.predicted


def test_sums_are_those_of_each_rows_scores(binning: Binning):
    # given 200 rows
    block = table(200, seed=2)
    expected = scores(binning, block).astype(np.int64)

    # when they are profiled as a reference
    profile = joint(binning, block, reference=True)

    # then every sum is that of the rows' own scores
    assert profile.rows == 200
    assert profile.sums.tolist() == expected.sum(axis=1).tolist()
    assert np.array_equal(profile.products, expected @ expected.T)
    assert np.array_equal(profile.squares, expected**2 @ (expected**2).T)
    assert np.array_equal(profile.cubes, expected**3 @ expected.T)


def test_a_window_has_no_fourth_order_sums(binning: Binning):
    # given a window's profile; when they are asked for; then there are none
    profile = joint(binning, table(100, seed=3))
    assert profile.squares is None
    assert profile.cubes is None


def test_scores_are_normal_whatever_the_columns_shape(binning: Binning):
    # given the scores of a normal and of a log-normal column
    assert binning.joint is not None
    for name in ("a", "b"):
        found = np.array(binning.joint.scores[binning.joint.columns.index(name)])

        # then they rise from bin to bin, and those of the quarters are the normal distribution's
        assert np.all(np.diff(found) >= 0)
        assert abs(found[len(found) // 4] - 32 * NormalDist().inv_cdf(0.25)) < 2
        assert found.min() >= -128
        assert found.max() <= 127


def test_levels_are_scored_in_the_order_of_their_names():
    # given levels that are names and numbers, all equally frequent
    levels = ["10", "9", "-1.5", "nan", "tenant", "owner"]
    features: dict[str, Column] = {
        "c": CategoryColumn.of(levels * 100),
        "x": NumberColumn(np.arange(600.0)),
    }

    # when bins are fitted
    binning = Binning.fit(features, {})

    # then numbers come by size, and names by their letters, whatever the rows hold
    assert binning.joint is not None
    by_level = dict(zip(binning.features["c"].levels, binning.joint.scores[0], strict=False))
    assert sorted(levels, key=by_level.__getitem__) == ["-1.5", "9", "10", "nan", "owner", "tenant"]
    assert sum(by_level.values()) == 0


def test_correlations_are_seen_and_their_change(binning: Binning):
    # given windows of the baseline's correlation and of none; when their correlations are taken
    found = []
    for correlation in (0.8, 0.0):
        profile = joint(binning, table(20_000, seed=4, correlation=correlation))
        mean = profile.sums / profile.rows
        covariance = profile.products / profile.rows - np.outer(mean, mean)
        found.append(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))

    # then they are the true ones
    assert found == pytest.approx([0.8, 0.0], abs=0.03)


def test_of_many_columns_the_correlated_ones_are_kept():
    # given 130 columns, of which the last two go together
    random = np.random.default_rng(5)
    columns: dict[str, Column] = {f"x{place}": NumberColumn(random.normal(0, 1, 2000)) for place in range(130)}
    columns["x129"] = NumberColumn(columns["x128"].values + random.normal(0, 0.1, 2000))
    answer: dict[str, Column] = {"predicted score": NumberColumn(random.random(2000))}

    # when bins are fitted
    joint = Binning.fit(columns, answer).joint

    # then they and the score are among those kept
    assert joint is not None
    assert len(joint.columns) == MOST_COLUMNS
    assert {"x128", "x129"} < set(joint.columns)
    assert joint.columns[-1] == "predicted score"


@pytest.mark.parametrize("columns", [0, 1])
def test_a_single_column_has_no_joint_part(columns: int):
    # given at most one column that varies; when bins are fitted; then there is no joint part
    features: dict[str, Column] = {f"x{place}": NumberColumn(np.arange(100.0)) for place in range(columns)}
    assert Binning.fit({**features, "same": NumberColumn(np.zeros(100))}, {}).joint is None


def test_the_round_trip_keeps_the_joint_part(binning: Binning):
    # given bins with a joint part; when written and read; then they are the same
    assert Binning.from_json(binning.to_json()) == binning
    assert fit_column(NumberColumn(np.arange(9.0))) == fit_column(NumberColumn(np.arange(9.0)))
