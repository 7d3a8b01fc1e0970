"""Sampled Shapley values: the axioms hold exactly, the values hold within the errors that are told."""

from __future__ import annotations

import numpy as np
import pytest
from attribution_support import ask, exact, sampled, tangled
from hypothesis import given, settings
from hypothesis import strategies as st

from watchkeeper.attribution import PlanSettings, Scale, attributions, plan, requests_at_most, rows_within
from watchkeeper.errors import ExplanationError

RANDOM = np.random.default_rng(7)
BACKGROUND = RANDOM.normal(size=(40, 6))
ROWS = RANDOM.normal(size=(5, 6))
tables = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(size=(12, 5)).round(1))


@pytest.mark.parametrize("features", [3, 6, 8])
def test_sampling_agrees_with_going_through_all_coalitions(features):
    random = np.random.default_rng(features)
    background, row = random.normal(size=(30, features)), random.normal(size=(1, features))

    found = sampled(tangled, row, background, pairs=600)

    away = (found.values[0] - exact(tangled, row[0], background)) / found.errors[0]
    assert np.abs(away).max() < 4
    assert found.errors.max() < 0.15


def test_standard_errors_say_how_far_values_are_from_the_exact_ones():
    true = exact(tangled, ROWS[0], BACKGROUND)

    found = [sampled(tangled, ROWS[:1], BACKGROUND, pairs=8, seed=seed) for seed in range(300)]

    away = np.array([each.values[0] for each in found]) - true
    told = np.sqrt(np.mean([np.square(each.errors[0]) for each in found], axis=0))
    assert np.abs(away.mean(axis=0) / told).max() < 4 / np.sqrt(300)
    ratios = np.sqrt(np.square(away).mean(axis=0)) / told
    assert 0.7 < ratios.min() <= ratios.max() < 1.15  # dealing out a finite background is better than drawing from it


@given(tables)
@settings(max_examples=25, deadline=None)
def test_contributions_of_each_row_sum_to_its_prediction_less_its_base(table):
    found = sampled(tangled, table[:4], table[4:], pairs=3)

    np.testing.assert_allclose(found.values.sum(axis=1), found.predictions - found.base, atol=1e-12)
    np.testing.assert_allclose(found.predictions, tangled(table[:4]), atol=1e-12)


def test_the_base_is_the_mean_answer_to_the_background_when_every_row_of_it_was_dealt_out():
    found = sampled(tangled, ROWS, BACKGROUND, pairs=40)

    np.testing.assert_allclose(found.base, tangled(BACKGROUND).mean())


@given(tables)
@settings(max_examples=25, deadline=None)
def test_a_feature_that_the_model_ignores_contributes_nothing(table):
    found = sampled(lambda x: x[:, 0] * x[:, 1] + x[:, 2], table[:4], table[4:], pairs=2)

    assert np.abs(found.values[:, 3:]).max() < 1e-12
    assert np.abs(found.values[:, :3]).max() > 0


def test_a_linear_model_is_explained_exactly_by_its_weights():
    weights = np.array([3.0, -2.0, 1.0, 0.5, 0.0, 0.1])

    found = sampled(lambda x: x @ weights + 5, ROWS, BACKGROUND, pairs=40)

    np.testing.assert_allclose(found.values, weights * (ROWS - BACKGROUND.mean(axis=0)), atol=1e-12)


@given(tables, st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_values_of_a_sum_of_models_are_the_sum_of_their_values(table, a, b):
    def other(x):
        return np.abs(x[:, 0]) * x[:, 4] - x[:, 1]

    both = sampled(lambda x: a * tangled(x) + b * other(x), table[:2], table[2:], pairs=4)

    apart = [sampled(model, table[:2], table[2:], pairs=4).values for model in (tangled, other)]
    np.testing.assert_allclose(both.values, a * apart[0] + b * apart[1], atol=1e-10)


def test_features_that_do_the_same_contribute_the_same():
    background = np.repeat(RANDOM.normal(size=(30, 1)), 4, axis=1)
    row = np.ones((1, 4))

    found = sampled(lambda x: np.tanh(x.prod(axis=1) + x.sum(axis=1)), row, background, pairs=900)

    spread = found.values[0] - found.values[0].mean()
    assert np.abs(spread / found.errors[0]).max() < 4
    assert found.values[0].mean() > 0.05


def test_a_product_of_two_features_is_shared_exactly_by_one_pair_of_walks_from_each_background_row():
    background = BACKGROUND[:, :2]

    found = sampled(lambda x: x[:, 0] * x[:, 1], ROWS[:1, :2], background, pairs=40)

    np.testing.assert_allclose(found.values[0], exact(lambda x: x[:, 0] * x[:, 1], ROWS[0, :2], background), atol=1e-12)


def test_rows_are_asked_once_and_never_more_than_stated():
    made = plan(
        ["a", "b", "c"], [[1, "x", None], [2, "x", None]], [[1, "x", 0.5], [3, "y", None]], PlanSettings(pairs=9)
    )

    asked = list(made.requests())

    assert len(asked) == len(made) == len({repr(row) for row in asked})
    assert len(made) < requests_at_most(2, 3, 9)
    assert {row[1] for row in asked} == {"x", "y"}


def test_with_values_that_all_differ_the_bound_on_requests_is_nearly_reached():
    made = plan(
        [f"x{i}" for i in range(12)],
        RANDOM.normal(size=(3, 12)).tolist(),
        RANDOM.normal(size=(12, 12)).tolist(),
        PlanSettings(pairs=4),
    )

    assert 0.95 * requests_at_most(3, 12, 4) < len(made) <= requests_at_most(3, 12, 4)
    assert rows_within(requests_at_most(3, 12, 4), 12, 4) == 3


def test_values_of_every_kind_come_back_as_they_were_given():
    row = [1.5, 7, "red", 'long text, with "quotes"', "2026-11-01T00:00:00Z", True, None, [1, 2], {"k": 1}]
    other = ["1.5", 7.0, "blue", "", 1_700_000_000, 1, float("nan"), [2, 1], {"k": 2}]

    asked = list(plan([f"f{i}" for i in range(9)], [row], [other], PlanSettings(pairs=2)).requests())

    for values in asked:
        for value, mine, theirs in zip(values, row, other, strict=True):
            assert value is mine or value is theirs or value in (mine, theirs)
    assert {type(values[0]) for values in asked} == {float, str}
    assert {type(values[5]) for values in asked} == {bool, int}
    assert tuple(row) in asked


def test_the_same_rows_and_seed_give_the_same_plan_and_another_seed_another():
    first, again, other = (
        plan("abcdef", ROWS.tolist(), BACKGROUND.tolist(), PlanSettings(pairs=3, seed=seed)) for seed in (1, 1, 2)
    )

    assert list(first.requests()) == list(again.requests())
    assert list(first.requests()) != list(other.requests())


def test_a_request_without_an_answer_leaves_out_its_walks_and_no_others():
    made = plan("abcdef", ROWS.tolist(), BACKGROUND.tolist(), PlanSettings(pairs=5))
    answers = ask(made, tangled)
    answers[made.paths[0, 2, 0, 3]] = np.nan
    answers[made.paths[1, 0, 0, -1]] = np.inf

    found = attributions(made, answers)

    assert found.unanswered == 2
    assert found.explained.tolist() == [True, False, True, True, True]
    np.testing.assert_allclose(found.values[0].sum(), found.predictions[0] - found.base[0])


def test_of_several_classes_each_row_has_the_one_explained_that_was_asked_for():
    made = plan("abcdef", ROWS.tolist(), BACKGROUND.tolist(), PlanSettings(pairs=3))
    answers = ask(made, tangled)

    found = attributions(made, np.stack([answers, -answers], axis=1), outputs=[0, 1, 0, 1, 0])

    signs = np.array([[1], [-1], [1], [-1], [1]])
    np.testing.assert_allclose(found.values, signs * attributions(made, answers).values, atol=1e-12)


def test_probabilities_can_be_explained_on_the_scale_of_log_odds():
    made = plan("abcdef", ROWS.tolist(), BACKGROUND.tolist(), PlanSettings(pairs=40))
    weights = np.array([1.0, -2.0, 1.0, 0.5, 0.0, 0.1])

    found = attributions(made, 1 / (1 + np.exp(-ask(made, lambda x: x @ weights))), scale=Scale.LOG_ODDS)

    np.testing.assert_allclose(found.values, weights * (ROWS - BACKGROUND.mean(axis=0)), atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "background", "message"),
    [
        ([], [[1, 2]], "give at least one of each"),
        ([[1, 2]], [], "give at least one of each"),
        ([[1, 2, 3]], [[1, 2]], "Row 0 has 3 values, the model takes 2"),
        ([[1, 2]], [[1, 2], [1]], "Background row 1 has 1 values"),
        ([[1, 2]] * 20, [[1, 2]], "explain 2 rows, or take fewer pairs"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_remedy(rows, background, message):
    with pytest.raises(ExplanationError, match=message):
        plan(["a", "b"], rows, background, PlanSettings(pairs=2, most_requests=14))


def test_answers_that_are_not_those_of_the_plan_are_refused():
    made = plan(["a", "b"], [[1, 2]], [[3, 4]], PlanSettings(pairs=2))

    with pytest.raises(ExplanationError, match="There are 3 answers to 4 rows"):
        attributions(made, np.zeros(3))
    with pytest.raises(ExplanationError, match="Each answer has 2 values"):
        attributions(made, np.zeros((4, 2)))
    with pytest.raises(ExplanationError, match="tells nothing of its error"):
        PlanSettings(pairs=1)


def test_values_that_are_held_are_asked_with_their_row_and_are_credited_nothing():
    # given a model whose answer a held value shifts and turns
    held = [[place] for place in range(len(ROWS))]

    made = plan(list("abcdef"), ROWS.tolist(), BACKGROUND.tolist(), PlanSettings(pairs=16), held)
    asked = np.array(list(made.requests()), float)
    found = attributions(made, (1 + asked[:, 6]) * tangled(asked[:, :6]) + 10 * asked[:, 6])

    plain = sampled(tangled, ROWS, BACKGROUND, pairs=16)
    turned = 1 + np.arange(len(ROWS))
    assert found.features == tuple("abcdef")
    np.testing.assert_allclose(found.values, plain.values * turned[:, None])
    np.testing.assert_allclose(found.predictions - found.base, found.values.sum(axis=1))
