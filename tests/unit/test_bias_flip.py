"""The fliptest: neighbours as a brute-force search finds them, ties that no order of rows decides, and its verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bias_support import labelled
from sklearn.neighbors import KNeighborsClassifier

from watchkeeper.bias import (
    BiasFindings,
    BiasSettings,
    FlipSettings,
    FlipTest,
    GroupBinning,
    GroupSettings,
    Sensitive,
    Verdict,
    flip,
    flip_test,
    table,
)
from watchkeeper.outcomes import Labelled
from watchkeeper.table import CategoryColumn, NumberColumn, TimeColumn


def people(n: int, seed: int, gap: float = 0.0, *, whole: bool = False) -> Labelled:
    """People whose answer depends on their income and town and, by `gap`, on their sex."""
    random = np.random.default_rng(seed)
    sex = random.choice(["Male", "Female"], n, p=[0.6, 0.4])
    income = random.normal(size=n).round(0) if whole else random.normal(size=n)
    income[random.random(n) < 0.05] = np.nan
    town = random.choice(["north", "south", ""], n)
    score = np.nan_to_num(income) + (town == "north") - gap * (sex == "Female")
    features = {
        "sex": CategoryColumn.of(sex.tolist()),
        "income": NumberColumn(income),
        "town": CategoryColumn.of([name or None for name in town]),
        "since": TimeColumn(random.uniform(0, 1e9, n) if not whole else np.zeros(n)),
    }
    return labelled(["1"] * n, np.where(score > 0.3, "positive", "negative").tolist(), features)


def run(rows: Labelled, settings: FlipSettings | None = None) -> FlipTest:
    binning = GroupBinning.fit(GroupSettings((Sensitive("sex"),)), rows)
    return flip_test(binning, binning.facets[0].comparisons[0], rows, settings)


def by_brute_force(rows: Labelled, neighbours: int = 5) -> tuple[int, int]:
    """F⁺ and F⁻ over all pairs of rows; ties share what votes are left."""
    female = np.array([sex == "Female" for sex in rows.features["sex"].values])
    positive = np.array([answer == "positive" for answer in rows.predictions["predicted label"].values])
    others = {name: column for name, column in rows.features.items() if name != "sex"}
    points = flip.encoded(others, np.concatenate([np.flatnonzero(female), np.flatnonzero(~female)]))
    women, men = points[: female.sum()], points[female.sum() :]
    up = down = 0
    for person, own in zip(women, positive[female], strict=True):
        away = np.sqrt(((men - person) ** 2).sum(axis=1))
        furthest = np.sort(away)[neighbours - 1]
        nearer, tied = away < furthest - 1e-9, np.abs(away - furthest) <= 1e-9
        votes = positive[~female][nearer].sum()
        votes += (neighbours - nearer.sum()) * positive[~female][tied].mean()
        up += not own and votes > neighbours / 2
        down += own and votes < neighbours / 2
    return int(up), int(down)


@pytest.mark.parametrize("gap", [0.0, 0.8, -0.8])
@pytest.mark.parametrize("whole", [False, True])
def test_neighbours_are_those_of_a_brute_force_search(gap, whole):
    rows = people(700, seed=2, gap=gap, whole=whole)
    test = run(rows)
    assert (test.upward, test.downward) == by_brute_force(rows)
    assert test.value == pytest.approx((test.upward - test.downward) / test.n)


def test_without_ties_another_library_finds_the_same():
    # given
    rows = people(1500, seed=9)
    female = np.array([sex == "Female" for sex in rows.features["sex"].values])
    positive = np.array([answer == "positive" for answer in rows.predictions["predicted label"].values])
    others = {name: column for name, column in rows.features.items() if name != "sex"}
    points = flip.encoded(others, np.arange(rows.rows))

    # when
    judged = KNeighborsClassifier(n_neighbors=5).fit(points[~female], positive[~female]).predict(points[female])

    # then
    own, test = positive[female], run(rows)
    assert (test.upward, test.downward) == (np.sum(~own & judged), np.sum(own & ~judged))
    assert min(test.upward, test.downward) > 0


def test_no_order_of_rows_matters_though_many_are_equally_near():
    rows = people(600, seed=3, gap=0.5, whole=True)
    order = np.random.default_rng(4).permutation(rows.rows)
    shuffled = labelled(
        ["1"] * rows.rows,
        [rows.predictions["predicted label"].values[place] for place in order],
        {
            "sex": CategoryColumn.of([rows.features["sex"].values[place] for place in order]),
            "income": NumberColumn(rows.features["income"].values[order]),
            "town": CategoryColumn.of([rows.features["town"].values[place] for place in order]),
            "since": TimeColumn(np.zeros(rows.rows)),
        },
    )
    assert run(shuffled) == run(rows)


def test_a_group_that_is_judged_like_its_like_is_neutral_and_one_that_is_not_is_found():
    fair, unfair = run(people(3000, seed=5)), run(people(3000, seed=5, gap=0.8))
    assert fair.value == pytest.approx(0, abs=0.03)
    assert unfair.value > 0.15
    low, high = unfair.interval(1.96)
    assert 0.1 < low < unfair.value < high


def test_four_equal_neighbours_with_two_answers_flip_nobody():
    # given: everybody is at one point, and half of the men are answered positively
    sex, answers = ["Male"] * 4 + ["Female"] * 3, ["positive", "negative"] * 2 + ["negative"] * 3
    rows = labelled(["1"] * 7, answers, {"sex": CategoryColumn.of(sex)})
    assert run(rows) == FlipTest(upward=0, downward=0, n=3, against_n=4)
    # and: with one positive man more, all women would have been answered positively
    rows = labelled(["1"] * 8, [*answers, "positive"], {"sex": CategoryColumn.of([*sex, "Male"])})
    assert run(rows) == FlipTest(upward=3, downward=0, n=3, against_n=5)


def test_large_groups_are_sampled_by_seed():
    rows = people(2000, seed=6, gap=0.8)
    small = FlipSettings(most_disfavoured=200, most_favoured=500)
    assert (run(rows, small).n, run(rows, small).against_n) == (200, 500)
    assert run(rows, small) == run(rows, small)
    assert run(rows, small).value == pytest.approx(run(rows).value, abs=0.12)


def test_rows_without_an_answer_take_no_part():
    rows = people(500, seed=7)
    silent = replace(rows, predictions={})
    binning = GroupBinning.fit(GroupSettings((Sensitive("sex"),)), rows)
    comparison = binning.facets[0].comparisons[0]
    nothing = flip_test(binning, comparison, silent)
    assert (nothing.n, nothing.against_n, nothing.value) == (0, 0, 0.0)
    assert flip.measurement(nothing, comparison, BiasSettings()).verdict is Verdict.NOT_MEASURED


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        (FlipTest(200, 10, 600, 900), Verdict.BIASED),
        (FlipTest(20, 10, 600, 900), Verdict.WITHIN),
        (FlipTest(25, 10, 120, 900), Verdict.UNSURE),
        (FlipTest(60, 1, 90, 900), Verdict.TOO_SMALL),
    ],
)
def test_the_test_is_judged_as_the_other_metrics_are(test, verdict):
    # given
    rows = people(500, seed=8)
    comparison = GroupBinning.fit(GroupSettings((Sensitive("sex"),)), rows).facets[0].comparisons[0]

    # when
    found = flip.measurement(test, comparison, BiasSettings())

    # then
    assert found.verdict is verdict
    assert (found.score > 1) == (verdict is Verdict.BIASED)
    assert "judged like their neighbours among Male" in found.summary
    findings = BiasFindings("", 500, None, 0.01, 0.95, (found,))
    assert BiasFindings.from_json(findings.to_json()) == findings
    assert table(findings)[0].metric == "counterfactual fliptest (FT)"


def test_numbers_are_standardised_and_two_categories_are_one_deviation_apart():
    # given
    features = {
        "x": NumberColumn(np.array([1.0, 3.0, np.nan, 99.0])),
        "c": CategoryColumn.of(["a", "b", None, "a"]),
        "constant": NumberColumn(np.full(4, 7.0)),
    }

    # when
    points = flip.encoded(features, np.array([0, 1, 2]))

    # then: the row that is not looked at has no part in the scale
    assert points[0] @ points[0] == pytest.approx(1 + 0.5)
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(np.sqrt(2**2 + 1))
    assert np.linalg.norm(points[0] - points[2]) == pytest.approx(np.sqrt(1 + 1 + 1))


def test_many_categories_take_no_more_room_than_a_few_features_of_them():
    # given 400 features of 30 categories each, which all together would be 12,000 dimensions
    codes = np.arange(300, dtype=np.int32) % 30
    column = CategoryColumn(codes, tuple(f"level {place}" for place in range(30)))
    # when
    few, many = (flip.encoded({f"c{place}": column for place in range(n)}, np.arange(300)) for n in (3, 400))
    # then
    assert few.shape == (300, 1 + 3 * 30)
    assert many.shape[1] <= 1 + flip.MOST_DIMENSIONS
