"""Regressions: outcomes that merge to the bit, scikit-learn's metrics, and changes of the world told from shifts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from tests.unit.outcome_support import REGRESSION, drawn_numbers, given_numbers, numeric_outcomes
from watchkeeper.errors import DatasetError
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, merge_all, observe
from watchkeeper.performance import CompareSettings, Name, Performance, PerformanceFindings, Verdict, compare, measure
from watchkeeper.performance.findings import Direction

NASTY = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1e150, 1.1e150, -1e308, 5e-324, 1e-310, 10.0]
number = st.one_of(st.floats(), st.sampled_from(NASTY), st.floats(-20, 40))
row = st.tuples(number, number, st.none() | st.sampled_from(["own", "rent", "boat"]), number, number)
rows = st.lists(row, max_size=40)
REFERENCE = drawn_numbers(20_000, 0)
BINNING = OutcomeBinning.fit(REGRESSION, REFERENCE)
BASELINE = observe(BINNING, REFERENCE)


def look(made: Labelled, **changes: float) -> PerformanceFindings:
    return compare(BASELINE, observe(BINNING, made), CompareSettings(**changes))


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 7))
def test_observing_rows_in_any_split_and_order_gives_the_same_bytes(given_rows, random, parts):
    # given rows, and the same rows shuffled and split
    shuffled = random.sample(given_rows, len(given_rows))

    # when both are observed
    whole = observe(BINNING, given_numbers(given_rows))
    pieces = [observe(BINNING, given_numbers(shuffled[place::parts])) for place in range(parts)]

    # then the bytes are the same, and are read back
    assert merge_all(pieces, Outcomes.empty(BINNING)).to_json() == whole.to_json()
    assert Outcomes.from_json(whole.to_json(), BINNING) == whole
    assert OutcomeBinning.from_json(BINNING.to_json()) == BINNING


@settings(max_examples=100, deadline=None)
@given(rows)
def test_every_partition_adds_up_to_all_rows(given_rows):
    # given outcomes
    outcomes = observe(BINNING, given_numbers(given_rows))
    cells = outcomes.errors.by_segment()

    # then the cells of each feature, and of the prediction, are the whole
    for part in BINNING.segments.parts:
        assert int(cells.rows[part].sum()) == len(given_rows)
        assert int(cells.labelled[part].sum()) == outcomes.errors.n
        assert cells.error[part].sum() == pytest.approx(outcomes.errors.error)
        assert cells.squares[part].sum() == pytest.approx(outcomes.errors.squares)


@pytest.mark.parametrize("scale", [1e-140, 1e-6, 1.0, 1e9, 1e140])
@pytest.mark.parametrize("tails", [math.inf, 5.0])
def test_metrics_agree_with_scikit_learn_whatever_the_unit(scale, tails):
    # given rows in units small and large
    made = drawn_numbers(20_000, 1, tails=tails)
    truth, said = made.truth.values * scale, made.predictions["predicted value"].values * scale
    made = given_numbers([(0.0, 0.0, "own", p, t) for p, t in zip(said, truth, strict=True)])

    # when they are measured
    found = measure(numeric_outcomes(made))

    # then sums agree to the grain of their units
    assert found[Name.MAE].value == pytest.approx(sklearn.mean_absolute_error(truth, said), rel=1e-6)
    assert found[Name.RMSE].value == pytest.approx(math.sqrt(np.mean(((said - truth) / scale) ** 2)) * scale, rel=1e-6)
    assert found[Name.R2].value == pytest.approx(sklearn.r2_score(truth / scale, said / scale), abs=1e-6)
    assert found[Name.BIAS].value == pytest.approx(np.mean(said - truth), abs=1e-6 * scale)
    ratios = np.minimum(np.abs((said - truth) / truth), 512)
    assert found[Name.MAPE].value == pytest.approx(ratios.mean(), rel=1e-4)
    # and quantiles and constants to a bin's width
    quantiles = np.quantile(said - truth, found.errors.shares)
    assert np.array(found.errors.values) == pytest.approx(quantiles, abs=0.1 * scale)
    assert found[Name.RMSE].constant == pytest.approx(np.std(truth / scale) * scale, rel=1e-6)
    assert found[Name.MAE].constant == pytest.approx(np.mean(np.abs(truth - np.median(truth))), rel=1e-3)


def test_rows_with_a_label_of_zero_are_left_out_of_mape_and_counted():
    made = given_numbers([(0.0, 0.0, "own", 1.0, truth) for truth in (0.0, 2.0, 4.0, math.nan)])
    found = measure(numeric_outcomes(made))
    assert (found.labelled, found.rows) == (3, 4)
    assert found[Name.MAPE].n == 2
    assert found[Name.MAPE].value == pytest.approx((1 / 2 + 3 / 4) / 2)
    assert any("label of 0" in note for note in found.notes)


def test_predictions_that_are_missing_or_infinite_are_counted_and_the_rest_goes_on():
    made = given_numbers([(0.0, 0.0, "own", value, 2.0) for value in (1.0, 2.0, 3.0, math.nan, math.inf)])
    found = measure(observe(BINNING, made))
    assert found[Name.MAE].n == 3
    assert found[Name.MAE].value == pytest.approx(2 / 3, abs=1e-4)
    assert found[Name.R2].value is None
    assert "same" in found[Name.R2].reason
    assert any("without a prediction" in note for note in found.notes)


def test_an_error_too_far_out_is_cut_and_counted():
    made = given_numbers([*[(0.0, 0.0, "own", 10.0, 11.0)] * 99, (0.0, 0.0, "own", 1e140, 10.0)])
    found = measure(observe(BINNING, made))
    assert found[Name.RMSE].value < 1e5
    assert any("too far out" in note for note in found.notes)


def test_a_perfect_model_has_no_error_and_no_crash():
    found = measure(numeric_outcomes(given_numbers([(0.0, 0.0, "own", float(x), float(x)) for x in range(1, 50)])))
    assert [found[name].value for name in (Name.MAE, Name.RMSE, Name.R2, Name.BIAS, Name.MAPE)] == [0, 0, 1, 0, 0]
    assert Performance.from_json(found.to_json()) == found


def test_rows_without_any_label_cannot_fix_bins():
    with pytest.raises(DatasetError, match="both a label and a prediction"):
        OutcomeBinning.fit(REGRESSION, drawn_numbers(100, 0, labelled=0.0))


@pytest.mark.parametrize("tails", [math.inf, 8.0])
def test_intervals_hold_the_truth_as_often_as_they_say(tails):
    # given what metrics are over a million rows of a population
    population = measure(numeric_outcomes(drawn_numbers(1_000_000, 99, tails=tails)))
    binning = numeric_outcomes(drawn_numbers(5000, 98, tails=tails)).binning
    names = (Name.MAE, Name.RMSE, Name.R2, Name.BIAS)

    # when many small samples are measured
    held, draws = dict.fromkeys(names, 0), 300
    for seed in range(draws):
        found = measure(observe(binning, drawn_numbers(300, seed, tails=tails)))
        for name in names:
            held[name] += found[name].low <= population[name].value <= found[name].high

    # then their intervals hold the population's value about 95 times in a hundred (5 standard errors below is .887)
    for name, count in held.items():
        assert count / draws > 0.887, (name, count / draws)


def test_a_noisier_world_is_a_fall_of_what_measures_error():
    found = look(drawn_numbers(2000, 2, noise=3.0))
    assert found.verdict is Verdict.WORSE
    assert {Name.MAE, Name.RMSE, Name.R2} <= {each.name for each in found.fell}
    assert Name.BIAS not in {each.name for each in found.fell}


def test_a_flipped_slope_is_concept_drift_in_both_directions():
    # given a world in which age works the other way, while its mean and that of the truth stay
    found = look(drawn_numbers(2000, 3, slope=-3.0)).concept
    assert found is not None
    assert found.changed
    assert found.direction is Direction.MIXED
    assert found.form > 0.3
    assert any(cell.feature == "age" for cell in found.cells)


@pytest.mark.parametrize(("rent", "direction"), [(1.5, Direction.HIGHER), (-1.5, Direction.LOWER)])
def test_a_change_in_one_segment_is_named_with_its_direction(rent, direction):
    found = look(drawn_numbers(3000, 4, rent=rent))
    assert found.concept is not None
    assert found.concept.changed
    assert found.concept.direction is direction
    first = next(cell for cell in found.concept.cells if cell.feature != "prediction")
    assert (first.feature, first.cell) == ("home", "rent")
    assert PerformanceFindings.from_json(found.to_json()) == found


@pytest.mark.parametrize("moved", [0.0, 0.5, 1.0, 2.0])
def test_covariate_shift_alone_is_no_concept_drift(moved):
    # given many windows of which only P(x) has moved, each with a baseline of its own
    alarms, runs = 0, 60
    for seed in range(runs):
        reference = drawn_numbers(5000, 1000 + seed)
        binning = OutcomeBinning.fit(REGRESSION, reference)
        window = observe(binning, drawn_numbers(1000, 2000 + seed, moved=moved))
        found = compare(observe(binning, reference), window, CompareSettings(alpha=0.05)).concept
        assert found is not None
        alarms += found.corrected_p < 0.05

    # then alarms are no more than alpha allows (binomial, 1 in 1000)
    assert alarms <= 9


def test_the_worst_segments_are_those_with_larger_errors():
    # given rows of whose home "rent" the truth is all over the place
    made = drawn_numbers(6000, 5)
    truth = made.truth.values.copy()
    rents = made.features["home"].codes == 1
    truth[rents] += np.random.default_rng(0).normal(0, 6, int(rents.sum()))
    found = look(Labelled(made.rows, made.features, made.predictions, type(made.truth)(truth)))

    # then that segment leads
    for segments in (found.fallen, found.weakest):
        assert (segments[0].feature, segments[0].cell) == ("home", "rent")
        assert segments[0].harm == pytest.approx(segments[0].share * segments[0].excess)
