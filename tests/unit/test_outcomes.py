"""The algebra of labelled predictions: counted in any split and order, the same integers."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.outcome_support import SPEC, drawn_binary, expit, from_scores, given_binary
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.outcomes import Calibration, Labelled, OutcomeBinning, Outcomes, fixed, grid, merge_all, observe
from watchkeeper.table import CategoryColumn

NASTY = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 5e-324, 1e-15, 1 - 1e-16, 0.5, -3.0, 1.0000001, 1e308]
row = st.tuples(
    st.one_of(st.floats(), st.floats(-3, 3)),
    st.one_of(st.floats(), st.floats(-3, 3)),
    st.none() | st.sampled_from(["own", "rent", "other", "boat"]),
    st.one_of(st.floats(), st.sampled_from(NASTY), st.floats(0, 1)),
    st.sampled_from([None, "negative", "positive"]),
    st.sampled_from([None, "0", "1"]),
)
rows = st.lists(row, max_size=40)
GOLDEN = Path(__file__).parent / "golden"
BINNING = OutcomeBinning.fit(SPEC, drawn_binary(2000, 0))


@settings(max_examples=150, deadline=None)
@given(rows, rows, rows)
def test_merging_is_associative_and_commutative_and_has_an_identity(first, second, third):
    # given outcomes of three parts
    a, b, c = (observe(BINNING, given_binary(part)) for part in (first, second, third))

    # when they are merged in different ways
    merged = a.merge(b).merge(c)

    # then every way gives the same bytes, and no rows change nothing
    assert merged.to_json() == c.merge(a.merge(b)).to_json() == merge_all([b, a, c], Outcomes.empty(BINNING)).to_json()
    assert Outcomes.empty(BINNING).merge(a) == a == a.merge(Outcomes.empty(BINNING))


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 7))
def test_observing_rows_in_any_split_and_order_gives_the_same_bytes(given_rows, random, parts):
    # given rows, and the same rows shuffled and split
    shuffled = random.sample(given_rows, len(given_rows))

    # when both are observed
    whole = observe(BINNING, given_binary(given_rows))
    pieces = [observe(BINNING, given_binary(shuffled[place::parts])) for place in range(parts)]

    # then the bytes are the same, and are read back
    assert merge_all(pieces, Outcomes.empty(BINNING)).to_json() == whole.to_json()
    assert Outcomes.from_json(whole.to_json(), BINNING) == whole


@settings(max_examples=150, deadline=None)
@given(rows)
def test_counts_are_those_of_a_naive_count(given_rows):
    # given rows
    outcomes = observe(BINNING, given_binary(given_rows))
    view = outcomes.scores
    codes = {None: 0, "0": 1, "1": 2, "negative": 1, "positive": 2}

    # when they are counted one by one
    decisions = np.zeros((3, 3), int)
    histogram = np.zeros((3, grid.PLACES), int)
    log_loss = squares = 0.0
    for _, _, _, score, predicted, truth in given_rows:
        decisions[codes[truth], codes[predicted]] += 1
        place = grid.UNSCORED if math.isnan(score) else int(np.searchsorted(grid.EDGES, score, side="right"))
        histogram[codes[truth], place] += 1
        if truth is not None and 0 <= score <= 1:
            right = score if truth == "1" else 1 - score
            log_loss -= math.log(max(right, 1e-15))
            squares += (1 - right) ** 2

    # then the counts agree exactly, and the sums to half a unit a row
    assert outcomes.rows == len(given_rows)
    assert view.decisions.tolist() == decisions.tolist()
    assert view.histogram.tolist() == histogram.tolist()
    assert view.labelled == sum(truth is not None for *_, truth in given_rows)
    assert view.log_loss == pytest.approx(log_loss, abs=1e-7 * max(len(given_rows), 1))
    assert view.squared_error == pytest.approx(squares, abs=1e-7 * max(len(given_rows), 1))


@settings(max_examples=100, deadline=None)
@given(rows)
def test_every_feature_s_cells_add_up_to_all_rows(given_rows):
    # given outcomes
    outcomes = observe(BINNING, given_binary(given_rows))
    view, cells = outcomes.scores, outcomes.scores.by_segment()

    # when the cells of each feature are added up
    for part in BINNING.segments.parts:
        # then they are the whole
        tn, fp, fn, tp = view.confusion.ravel().tolist()
        found = (cells.true_negative, cells.false_positive, cells.false_negative, cells.true_positive)
        assert [int(counts[part].sum()) for counts in found] == [tn, fp, fn, tp]
        assert int(cells.rows[part].sum()) == outcomes.rows
        assert cells.calibrated[part].sum() == pytest.approx(view.expected[1:, 1:].sum(), abs=1e-9)
        assert (cells.scored[part] <= cells.labelled[part]).all()


def test_segments_know_where_the_errors_are():
    # given rows of which only those who rent are judged wrongly
    made = [(0.0, 0.0, home, 0.9, "positive", "0" if home == "rent" else "1") for home in ("own", "rent", None, "boat")]

    # when they are observed
    cells = observe(BINNING, given_binary(made)).scores.by_segment()
    errors = dict(zip(BINNING.segments.names(), cells.errors.tolist(), strict=True))

    # then the cells with errors are those of that home and of the values that all rows share
    wrong = {name.cell for name, count in errors.items() if count and name.feature == "home"}
    assert wrong == {"rent"}
    labels = [name.cell for name in errors if name.feature == "home"]
    assert set(labels) == {"own", "rent", "other", "missing"} | {"other"}


def test_outcomes_over_other_bins_are_refused_with_the_remedy():
    # given outcomes over two binnings
    other = OutcomeBinning.fit(SPEC, drawn_binary(500, 1))
    ours, theirs = Outcomes.empty(BINNING), Outcomes.empty(other)

    # when they are merged or read with the wrong one, then they are refused
    with pytest.raises(ProfileError, match="cells differ"):
        ours.merge(theirs)
    with pytest.raises(ProfileError, match="over bins"):
        Outcomes.from_json(theirs.to_json(), BINNING)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"format": 9}', b'{"format": 1, "binning": "x", "sections": {}}'])
def test_text_that_is_no_outcomes_is_refused(text):
    with pytest.raises(ProfileError):
        Outcomes.from_json(text, BINNING)
    with pytest.raises(ProfileError):
        OutcomeBinning.from_json(text)


def test_a_binning_is_read_back_with_its_id():
    assert OutcomeBinning.from_json(BINNING.to_json()) == BINNING
    assert OutcomeBinning.from_json(BINNING.to_json()).id == BINNING.id
    assert json.loads(BINNING.to_json())["grid"] == grid.VERSION


def test_rows_without_any_label_cannot_fix_bins():
    with pytest.raises(DatasetError, match="None of the baseline's rows has a label"):
        OutcomeBinning.fit(SPEC, drawn_binary(100, 0, labelled=0.0))


def test_labels_that_are_neither_true_nor_false_are_refused_without_being_quoted():
    made = drawn_binary(3, 0)
    odd = Labelled(made.rows, made.features, made.predictions, CategoryColumn.of(["0", "secret", "1"]))
    with pytest.raises(ProfileError, match="holds 1 value") as caught:
        observe(BINNING, odd)
    assert "secret" not in str(caught.value)


def test_rows_that_lack_a_feature_are_refused_by_its_name():
    made = drawn_binary(3, 0)
    fewer = {name: column for name, column in made.features.items() if name != "income"}
    with pytest.raises(ProfileError, match="'income'"):
        observe(BINNING, Labelled(made.rows, fewer, made.predictions, made.truth))
    with pytest.raises(DatasetError, match="income"):
        OutcomeBinning.fit(SPEC, Labelled(made.rows, fewer, made.predictions, made.truth))


def test_the_grid_is_the_same_on_every_machine():
    # given the edges as bytes: a change of one bit makes counts of two versions differ
    digest = hashlib.sha256(grid.EDGES.astype("<f8").tobytes()).hexdigest()[:16]

    # then they are those of version 1, ascending, and symmetric
    assert (grid.VERSION, digest) == (1, "6abb88ca2ed186b8")
    assert (np.diff(grid.EDGES) > 0).all()
    inner = grid.EDGES[grid.PROBABILITIES.start : grid.PROBABILITIES.stop - 1]
    assert np.array_equal(1 - inner, inner[::-1])


def golden_rows() -> Labelled:
    """Rows without any number that a processor might round otherwise."""
    return given_binary(
        [
            (
                float(place % 17),
                math.nan if place % 11 == 0 else place / 8,
                (None, "own", "rent")[place % 3],
                (place * 7919 % 1000) / 1000 if place % 50 else -3.5,
                "positive" if place * 7919 % 1000 > 500 else "negative",
                (None, "0", "1", "0")[place * 31 % 4],
            )
            for place in range(1, 601)
        ]
    )


def test_outcomes_of_the_first_format_are_read_and_rows_still_count_as_they_did():
    # given bins and outcomes as they were once written, perhaps on another processor
    binning = OutcomeBinning.from_json((GOLDEN / "outcome-binning-1.json").read_bytes())
    text = (GOLDEN / "outcomes-1.json").read_bytes()

    # when the same rows are counted now, then the bytes are the same
    assert observe(binning, golden_rows()).to_json() == text
    assert Outcomes.from_json(text, binning).rows == 600


def test_raw_margins_have_places_in_their_order():
    scores = np.array([-math.inf, -50.0, -2.0, -0.1, -0.0, 0.0, 1e-9, 0.5, 1.0, 1.2, 7.0, math.inf])
    places = grid.places(scores)
    assert (np.diff(places) >= 0).all()
    assert len(np.unique(places)) == 10  # zeros and the least probability share a cell
    assert grid.is_probability(scores).tolist() == [False] * 4 + [True] * 5 + [False] * 3


def test_log_losses_are_right_to_a_billionth_and_clipped():
    p = np.concatenate([np.random.default_rng(0).random(2000), 10.0 ** -np.arange(15), 1 - 10.0 ** -np.arange(1, 16)])
    assert np.abs(fixed.log_loss(p) + np.log(p)).max() < 1e-9
    assert fixed.log_loss(np.array([0.0, 1e-300])) == pytest.approx([34.538776] * 2)


def test_calibration_learns_what_scores_mean_and_fills_empty_cells_sensibly():
    # given scores whose log-odds are half of what they should be, and none below .1
    random = np.random.default_rng(0)
    logit = random.uniform(-4, 4, 100_000)
    scores = expit(logit / 2)
    labels = (random.random(len(logit)) < expit(logit)).astype(int)
    binning = OutcomeBinning.fit(SPEC, from_scores(scores, labels))

    # when scores are calibrated
    assert binning.calibration is not None
    at = np.array([0.15, 0.3, 0.5, 0.7, 0.85])
    learned = binning.calibration.probabilities[grid.places(at)]

    # then they mean about what they should, never 0 or 1, and cells without rows carry on
    assert learned == pytest.approx(expit(2 * np.log(at / (1 - at))), abs=0.03)
    curve = binning.calibration.probabilities[: grid.CELLS]
    assert 0 < curve.min() < curve.max() < 1
    assert (np.diff(curve) >= 0).all()
    assert curve[0] < 0.03


def test_a_lone_row_at_the_low_end_does_not_lift_the_curve():
    # given scores that are right, and one negative row far below them
    scores = np.concatenate([[0.001], np.repeat([0.02, 0.05, 0.5], 10_000)])
    labels = np.concatenate([[0], *(np.arange(10_000) < 10_000 * share for share in (0.02, 0.05, 0.5))]).astype(int)
    calibration = OutcomeBinning.fit(SPEC, from_scores(scores, labels)).calibration
    assert calibration is not None
    # when they are calibrated, then they are as they were
    learned = calibration.probabilities[grid.places(np.array([0.02, 0.05, 0.5]))]
    assert learned == pytest.approx([0.02, 0.05, 0.5], rel=0.01)


def test_calibration_of_rare_positives_keeps_their_scale():
    # given frauds at about one in a thousand, and calibrated scores
    random = np.random.default_rng(1)
    scores = expit(random.normal(-7.5, 1.2, 400_000))
    labels = (random.random(len(scores)) < scores).astype(int)
    calibration = OutcomeBinning.fit(SPEC, from_scores(scores, labels)).calibration
    assert calibration is not None

    # when the rows are calibrated, then their sum is about the number of frauds
    assert calibration.probabilities[grid.places(scores)].sum() == pytest.approx(labels.sum(), rel=0.05)


def test_one_class_only_still_gives_probabilities_between_0_and_1():
    calibration = Calibration.fit(np.zeros(grid.PLACES, np.int64), np.ones(grid.PLACES, np.int64))
    assert 0 < calibration.probabilities.min() <= calibration.probabilities.max() < 1
