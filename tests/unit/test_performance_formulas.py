"""Formulas of metrics from counts, against brute force, published figures and numeric slopes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from watchkeeper.performance import decisions, multiclass, ranking
from watchkeeper.performance.metric import Scale

cells = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=12).filter(
    lambda made: all(sum(side) for side in zip(*made, strict=True))
)


def counts(made: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    negatives, positives = np.array(made, float).T
    return negatives, positives


def rows(made: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Cell and label of each row."""
    places = [(cell, label) for cell, pair in enumerate(made) for label in (0, 1) for _ in range(pair[label])]
    scores, labels = np.array(places).T
    return scores, labels


@settings(max_examples=200, deadline=None)
@given(cells)
def test_the_area_is_scikit_learn_s_and_its_error_delong_s(made):
    # given rows, and the structural components of each
    scores, labels = rows(made)
    low, high = scores[labels == 0], scores[labels == 1]
    beats = np.sign(high[:, None] - low[None, :]) / 2 + 0.5

    # when the area is reckoned from cells
    found = ranking.roc_auc(*counts(made))

    # then value and error are those of the rows
    assert found.value == pytest.approx(sklearn.roc_auc_score(labels, scores))
    of_rows = [
        np.var(beats.mean(axis=axis), ddof=1 if size > 1 else 0) / size
        for axis, size in ((1, len(high)), (0, len(low)))
    ]
    assert found.error == pytest.approx(math.sqrt(sum(of_rows)), abs=1e-9)
    # and the bound is half of the pairs that share a cell
    assert found.bound == pytest.approx(np.mean(high[:, None] == low[None, :]) / 2)


def test_hanley_and_mcneil_s_error_is_exact_for_scores_that_say_nothing():
    # the variance of Mann and Whitney's statistic when both classes have one distribution: (n + m + 1)/12nm
    assert ranking.hanley(0.5, 58, 51) == pytest.approx(math.sqrt((58 + 51 + 1) / (12 * 58 * 51)))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.booleans(), min_size=2, max_size=60).filter(any))
def test_average_precision_of_rows_in_cells_of_their_own_is_scikit_learn_s(labels):
    positives = np.array(labels, float)
    found = ranking.average_precision(1 - positives, positives)
    assert found.value == pytest.approx(sklearn.average_precision_score(labels, np.arange(len(labels))))


@pytest.mark.parametrize("made", [[(2, 2)], [(1, 1), (2, 2)], [(3, 1), (0, 2), (1, 2)], [(0, 3), (4, 1)]])
def test_average_precision_of_a_cell_is_the_mean_over_all_orders_of_its_rows(made):
    # given every order of the rows within their cells
    orders = itertools.product(*(set(itertools.permutations([0] * a + [1] * b)) for a, b in made))
    values = []
    for order in orders:
        labels = [label for cell in order for label in cell]
        values.append(sklearn.average_precision_score(labels, np.arange(len(labels))))

    # then the value is their mean, and all lie within the bound
    found = ranking.average_precision(*counts(made))
    assert found.value == pytest.approx(np.mean(values))
    assert max(abs(value - found.value) for value in values) <= found.bound + 1e-12


@settings(max_examples=100, deadline=None)
@given(cells, st.integers(1, 30))
def test_the_top_rows_are_taken_from_the_highest_cells_and_of_the_last_in_proportion(made, k):
    negatives, positives = counts(made)
    taken, hits = 0.0, 0.0
    for a, b in reversed(made):
        part = min(a + b, k - taken)
        hits += part * b / (a + b) if a + b else 0
        taken += part
    assert ranking.top(negatives, positives, k) == pytest.approx(hits)


@pytest.mark.parametrize("formula", [decisions._correlation, multiclass._precisions, multiclass._f1])
def test_slopes_are_those_of_small_steps(formula):
    # given a matrix of counts
    table = np.random.default_rng(0).integers(1, 30, (4, 4)).astype(float)
    _, slopes = formula(table)

    # when each count is moved a little, then the value follows the slope
    for place in itertools.product(range(4), range(4)):
        step = np.zeros((4, 4))
        step[place] = 1e-4
        numeric = (formula(table + step)[0] - formula(table - step)[0]) / 2e-4
        assert slopes[place] == pytest.approx(numeric, abs=1e-8)


@pytest.mark.parametrize("scale", list(Scale))
def test_a_scale_leads_back_to_the_value(scale):
    for value in (0.01, 0.3, 0.999):
        assert scale.back(scale.to(value)) == pytest.approx(value)
    assert scale.to(0.2) < scale.to(0.7)
