"""Odd windows get a defined result, and neither order nor parting of rows changes a verdict."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.drift_support import baseline, block, linked, look
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration
from watchkeeper.errors import BaselineError
from watchkeeper.findings import Findings, Share, Verdict
from watchkeeper.profile import Baseline, merge_all
from watchkeeper.spec import Kind
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn, column

NAN = np.nan


def columns(numbers: list[float], categories: list[str | None]) -> dict[str, Column]:
    return {"x": NumberColumn(np.array(numbers, np.float64)), "c": CategoryColumn.of(categories)}


@pytest.fixture(scope="module")
def base() -> Baseline:
    random = np.random.default_rng(1)
    return baseline(block(columns(random.normal(0, 1, 2000).tolist(), random.choice(list("abc"), 2000).tolist())))


@pytest.fixture(scope="module")
def linked_base() -> Baseline:
    return baseline(linked(3000, 1))


@pytest.mark.parametrize(
    ("numbers", "categories", "drifted"),
    [
        ([0.1], ["a"], set()),
        ([NAN] * 300, [None] * 300, {"x", "c"}),
        ([0.0] * 300, ["a"] * 300, {"x", "c"}),
        ([np.inf, -np.inf] * 150, ["a", "b", "c"] * 100, {"x"}),
        ([1e308, -1e308] * 150, ["a", "b", "c"] * 100, {"x"}),
        ([1e140] * 300, ["a", "b", "c"] * 100, {"x"}),
        ([5e-324] * 300, ["é", "日本", "\u202e"] * 100, {"x", "c"}),
    ],
)
def test_an_odd_window_gets_a_verdict(
    base: Baseline, numbers: list[float], categories: list[str | None], drifted: set[str]
):
    # given one row, only missing, constant, infinite, huge or strange values; when looked at
    findings = look(base, block(columns(numbers, categories)))

    # then what changed is named, every number is finite, and the findings can be kept
    assert {finding.feature for finding in findings.drifted} == drifted
    assert all(0 < f.corrected_p <= 1 and np.isfinite(f.effect) for f in (*findings.features, *findings.joint))
    assert Findings.from_json(findings.to_json()) == findings


def test_an_empty_window_is_insufficient_whatever_the_minimum(base: Baseline):
    # given no rows; when looked at; then there is no verdict, and no finding
    findings = look(base, base.empty())
    assert findings.verdict is Verdict.INSUFFICIENT_DATA
    assert not findings.features


@pytest.mark.parametrize(
    ("numbers", "categories"),
    [
        ([NAN] * 100, [None] * 100),
        ([7.0] * 100, ["a"] * 100),
        ([1.0] * 99 + [1e300], ["a"] * 99 + [None]),
    ],
)
def test_a_baseline_without_variation_finds_what_is_new(numbers: list[float], categories: list[str | None]):
    # given a baseline of one value or none, and two windows: the same, and another
    odd = baseline(block(columns(numbers, categories)))
    other = block(columns([3.0] * 200, ["b"] * 200))

    # when looked at; then the same is healthy, and the other is not
    assert look(odd, block(columns(numbers, categories))).verdict is Verdict.NO_DRIFT
    assert look(odd, other).verdict is Verdict.DRIFT


def test_a_hundred_thousand_categories_are_one_new_level_or_many(base: Baseline):
    # given a window in which every row has a category of its own; when looked at
    rows = 100_000
    random = np.random.default_rng(2)
    strange = CategoryColumn(np.arange(rows, dtype=np.int32), tuple(f"id-{place}" for place in range(rows)))
    findings = look(base, block({"x": NumberColumn(random.normal(0, 1, rows)), "c": strange}))

    # then that column alone has drifted
    assert [finding.feature for finding in findings.drifted] == ["c"]
    assert findings.drifted[0].statistic == "new categories"


def test_a_baseline_of_a_hundred_thousand_categories_takes_new_ones_as_usual():
    # given a column that is another in every row, as an id is, and other rows of its kind
    def ids(rows: int, first: int) -> Block:
        names = tuple(f"id-{place}" for place in range(first, first + rows))
        return block({"c": CategoryColumn(np.arange(rows, dtype=np.int32), names)})

    odd = baseline(ids(100_000, 0))

    # when looked at; then names that were never seen are what such a column always brings
    assert look(odd, ids(2000, 100_000)).verdict is Verdict.NO_DRIFT


def test_values_of_mixed_types_are_counted_as_wrong_and_the_rest_is_judged(base: Baseline):
    # given a number that is sometimes a word, a truth value or a list, as raw requests may hold it
    random = np.random.default_rng(4)
    raw: list[object] = random.normal(0, 1, 900).tolist() + ["n/a?", [1], {"a": 1}] * 30 + [None] * 10
    window = block({"x": column(Kind.NUMBER, raw), "c": CategoryColumn.of(["a", "b", "c", "a"] * 250)})

    # when looked at
    findings = look(base, window)

    # then the column has drifted for its types, not for its values
    x = next(finding for finding in findings.features if finding.feature == "x")
    assert (x.drifted, x.statistic) == (True, "wrong type")
    assert x.summary == "wrong type 0 % → 9 %"
    assert Findings.from_json(findings.to_json()) == findings


@pytest.mark.parametrize("level", ["é", "e\u0301", "日本", "\u202eabc", "👩‍👩‍👧", "\x00", "<b>&amp;</b>", " ", "null"])
def test_any_text_is_a_category(level: str):
    # given a baseline with that level, a window like it, and one in which it is all there is
    usual = ["a", "b", level] * 200
    odd = baseline(block({"c": CategoryColumn.of(usual)}))
    changed = look(odd, block({"c": CategoryColumn.of([level] * 300)}))

    # when looked at; then the one is healthy, and the other says that this level has grown
    assert look(odd, block({"c": CategoryColumn.of(usual[:300])})).verdict is Verdict.NO_DRIFT
    assert Share(level, pytest.approx(1 / 3), 1.0) in changed.drifted[0].shares
    assert Findings.from_json(changed.to_json()) == changed


def test_moments_out_of_order_are_the_same_window():
    # given moments in order, backwards, and with some that are none
    moments = np.append(1.8e9 + 60.0 * np.arange(500), [np.nan, np.inf, -1e300])
    odd = baseline(block({"t": TimeColumn(moments)}))
    forwards, backwards = (odd.observe(block({"t": TimeColumn(part)})) for part in (moments, moments[::-1].copy()))

    # when looked at; then order does not matter, and what is healthy stays so
    assert look(odd, forwards).to_json() == look(odd, backwards).to_json()
    assert look(odd, forwards).verdict is Verdict.NO_DRIFT


def test_a_baseline_that_is_too_small_is_refused_with_the_remedy():
    # given fewer rows than a baseline needs; when built; then the error says how many are needed
    with pytest.raises(BaselineError, match=r"would have 10 rows; at least 50 .* more training or holdout"):
        baseline(block({"x": NumberColumn(np.arange(10.0))}))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.lists(st.integers(1, 599), max_size=4))
def test_order_and_parting_of_rows_do_not_matter(linked_base: Baseline, seed: int, cuts: list[int]):
    # given a window with some drift, its rows in another order and cut into parts
    window = linked(600, seed, correlation=0.4)
    order = np.random.default_rng(seed).permutation(600)
    ends = [0, *sorted(set(cuts)), 600]
    parts = [taken(window, order[start:stop]) for start, stop in itertools.pairwise(ends)]

    # when the parts' profiles are merged backwards
    merged = merge_all((linked_base.observe(part) for part in reversed(parts)), linked_base.empty())

    # then the findings are the same to the last bit
    assert look(linked_base, merged).to_json() == look(linked_base, window).to_json()


def test_a_hundred_columns_and_one_are_looked_at_alike():
    # given 300 columns and a single one, all healthy; when looked at; then nothing is found
    random = np.random.default_rng(3)
    for width in (1, 300):
        reference, window = (
            block({f"n{place}": NumberColumn(random.normal(0, 1, rows)) for place in range(width)})
            for rows in (2000, 500)
        )
        assert look(baseline(reference), window, alpha=0.001).verdict is Verdict.NO_DRIFT


def test_calibration_of_odd_windows_is_finite(base: Baseline):
    # given a history with empty columns, constants and single rows; when learned and used
    odd = [block(columns([NAN] * 50, [None] * 50)), block(columns([0.0] * 50, ["a"] * 50))]
    calibration = Calibration.learn(base, [base.observe(odd[place % 2]) for place in range(12)])
    findings = look(base, block(columns([0.5] * 60, ["b"] * 60)), calibration=calibration)

    # then the p-values are numbers
    assert all(0 < finding.corrected_p <= 1 for finding in (*findings.features, *findings.joint))


def taken(window: Block, places: np.ndarray) -> Block:
    def part(column: Column) -> Column:
        if isinstance(column, NumberColumn):
            return NumberColumn(column.values[places])
        assert isinstance(column, CategoryColumn)
        return CategoryColumn(column.codes[places], column.levels)

    return Block(
        len(places),
        {name: part(column) for name, column in window.features.items()},
        {name: part(column) for name, column in window.predictions.items()},
    )
