"""Models of several classes: outcomes that merge to the bit, and scikit-learn's metrics where answers allow them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from tests.unit.outcome_support import MULTICLASS, SPECIES, class_outcomes, drawn_classes
from watchkeeper.capture.block import predicted
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, merge_all, observe
from watchkeeper.performance import CompareSettings, Name, Verdict, compare, measure
from watchkeeper.spec import Task
from watchkeeper.table import CategoryColumn, NumberColumn

REFERENCE = drawn_classes(20_000, 0)
BINNING = OutcomeBinning.fit(MULTICLASS, REFERENCE)
BASELINE = observe(BINNING, REFERENCE)
OF_PROBABILITIES = (Name.ROC_AUC, Name.WEIGHTED_ROC_AUC, Name.PR_AUC, Name.LOG_LOSS, Name.BRIER)
name = st.sampled_from([None, *SPECIES, "newt", "eel"])
share = st.one_of(st.floats(), st.floats(0, 1), st.just(0.25))
rows = st.lists(st.tuples(name, name, share, share), max_size=40)


def given_classes(made: list[tuple]) -> Labelled:
    """Truth, predicted class, confidence and one probability for all classes."""
    truth, said, confidence, each = zip(*made, strict=True) if made else ((),) * 4
    n = len(made)
    return Labelled(
        rows=n,
        features={
            "age": NumberColumn(np.zeros(n)),
            "income": NumberColumn(np.zeros(n)),
            "home": CategoryColumn.of(["own"] * n),
        },
        predictions=predicted(Task.MULTICLASS, CategoryColumn.of(said), np.array(confidence, float)),
        truth=CategoryColumn.of(truth),
        shares=dict.fromkeys(SPECIES, np.array(each, float)),
    )


@settings(max_examples=150, deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 7))
def test_observing_rows_in_any_split_and_order_gives_the_same_bytes(given_rows, random, parts):
    # given rows, and the same rows shuffled and split
    shuffled = random.sample(given_rows, len(given_rows))

    # when both are observed
    whole = observe(BINNING, given_classes(given_rows))
    pieces = [observe(BINNING, given_classes(shuffled[place::parts])) for place in range(parts)]

    # then the bytes are the same, and are read back
    assert merge_all(pieces, Outcomes.empty(BINNING)).to_json() == whole.to_json()
    assert Outcomes.from_json(whole.to_json(), BINNING) == whole
    assert OutcomeBinning.from_json(BINNING.to_json()) == BINNING


@settings(max_examples=100, deadline=None)
@given(rows)
def test_right_and_wrong_are_those_of_a_naive_count(given_rows):
    outcomes = observe(BINNING, given_classes(given_rows))
    both = [(truth, said) for truth, said, *_ in given_rows if truth is not None and said is not None]
    found = measure(outcomes)[Name.ACCURACY]
    assert (found.hits or 0, found.n) == (sum(truth == said for truth, said in both), len(both))
    assert int(outcomes.classes.confusion.sum()) == len(both)


def test_metrics_agree_with_scikit_learn():
    # given rows
    made = drawn_classes(20_000, 1)
    truth, said = made.truth.values, made.predictions["predicted label"].values
    chances = np.stack([made.shares[each] for each in SPECIES], axis=1)

    # when they are measured
    found = measure(observe(BINNING, made))

    # then metrics of decisions are exact
    exact = {
        Name.ACCURACY: sklearn.accuracy_score(truth, said),
        Name.BALANCED_ACCURACY: sklearn.balanced_accuracy_score(truth, said),
        Name.MACRO_PRECISION: sklearn.precision_score(truth, said, average="macro", zero_division=0),
        Name.MACRO_F1: sklearn.f1_score(truth, said, average="macro", zero_division=0),
        Name.MCC: sklearn.matthews_corrcoef(truth, said),
    }
    for each, value in exact.items():
        assert found[each].value == pytest.approx(value, abs=1e-12), each
    # and those of probabilities right to their units, and to their cells
    assert found[Name.LOG_LOSS].value == pytest.approx(sklearn.log_loss(truth, chances, labels=SPECIES), abs=1e-7)
    hot = np.array(SPECIES) == np.array(truth)[:, None]
    assert found[Name.BRIER].value == pytest.approx(np.square(chances - hot).sum(axis=1).mean(), abs=1e-7)
    area = sklearn.roc_auc_score(truth, chances, multi_class="ovr", average="macro", labels=SPECIES)
    precision = np.mean([sklearn.average_precision_score(hot[:, k], chances[:, k]) for k in range(4)])
    assert found[Name.ROC_AUC].value == pytest.approx(area, abs=3e-3)
    weighted = sklearn.roc_auc_score(truth, chances, multi_class="ovr", average="weighted", labels=SPECIES)
    assert found[Name.WEIGHTED_ROC_AUC].value == pytest.approx(weighted, abs=3e-3)
    assert found[Name.PR_AUC].value == pytest.approx(precision, abs=5e-3)
    confusion = sklearn.confusion_matrix(truth, said, labels=found.confusion.classes)
    assert found.confusion.counts == tuple(tuple(row) for row in confusion.tolist())


def test_without_a_probability_of_every_class_metrics_are_absent_and_say_so():
    # given answers of label and confidence only
    found = measure(class_outcomes(drawn_classes(500, 2, shares=False)))

    # then nothing is made up
    for each in (*OF_PROBABILITIES, Name.CLASS_CALIBRATION_ERROR):
        assert found[each].value is None
        assert "for every class" in found[each].reason
    assert found[Name.CALIBRATION_ERROR].value is not None
    assert found[Name.ACCURACY].value is not None


def test_a_window_whose_answers_lost_their_probabilities_still_has_its_decisions():
    found = measure(observe(BINNING, drawn_classes(500, 3, shares=False)))
    assert "no labelled row has one" in found[Name.LOG_LOSS].reason
    assert found[Name.MACRO_F1].value is not None


def test_classes_that_the_baseline_never_had_are_taken_together_and_told():
    made = given_classes([("newt", "cat", 0.5, 0.5), ("cat", "cat", 0.9, 0.9), ("eel", "newt", 0.5, 0.5)] * 5)
    found = measure(observe(BINNING, made))
    assert found.confusion.classes[-1] == "other"
    assert found[Name.ACCURACY].value == pytest.approx(1 / 3)
    assert any("other" in note for note in found.notes)


def test_of_more_classes_than_are_counted_one_by_one_losses_are_still_exact():
    # given sixty classes, each with its probability
    random = np.random.default_rng(0)
    names = tuple(f"class {place:02}" for place in range(60))
    chances = random.dirichlet(np.full(60, 0.3), 3000)
    truth = (random.random(3000)[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    said = CategoryColumn.coded(chances.argmax(axis=1), names)
    empty = given_classes([(None, None, 0.5, 0.5)] * 3000)
    made = Labelled(
        rows=3000,
        features=empty.features,
        predictions=predicted(Task.MULTICLASS, said, chances.max(axis=1)),
        truth=CategoryColumn.coded(truth, names),
        shares=dict(zip(names, chances.T, strict=True)),
    )

    # when they are measured
    found = measure(class_outcomes(made))

    # then accuracy and losses are those of all sixty
    expected = sklearn.log_loss([names[place] for place in truth], np.clip(chances, 1e-15, 1), labels=names)
    assert found[Name.LOG_LOSS].value == pytest.approx(expected, rel=1e-6)
    assert found[Name.ACCURACY].value == np.mean(chances.argmax(axis=1) == truth)
    assert len(found.confusion.classes) == 51


def test_a_true_class_that_the_answers_do_not_know_had_no_chance():
    # given labels of a class for which answers hold no probability
    found = measure(observe(BINNING, given_classes([("newt", "cat", 0.5, 0.25)] * 5)))

    # then its probability was 0: the log loss is the clipped one, the squared error 4/16 + 1
    assert found[Name.LOG_LOSS].value == pytest.approx(34.538776, abs=1e-6)
    assert found[Name.BRIER].value == pytest.approx(1.25)


def test_the_calibration_error_of_classes_is_the_mean_of_theirs_against_the_rest():
    # given a calibrated model, and the same whose probabilities of owls and yaks are each other's
    made = drawn_classes(20_000, 8)
    turned = replace(made, shares={**made.shares, "owl": made.shares["yak"], "yak": made.shares["owl"]})

    # when they are measured
    good, bad = (measure(observe(BINNING, rows))[Name.CLASS_CALIBRATION_ERROR] for rows in (made, turned))

    # then the first claims what is so, within noise, and the second is off by as much as sorted rows say
    assert good.value < 0.01
    expected = []
    for each in SPECIES:
        claimed, own = turned.shares[each], np.array(made.truth.values) == each
        bins = np.array_split(np.argsort(claimed, kind="stable"), 15)
        expected.append(sum(abs(own[rows].sum() - claimed[rows].sum()) for rows in bins) / 20_000)
    assert bad.value == pytest.approx(np.mean(expected), abs=3e-3)
    assert bad.low < bad.value < bad.high


@pytest.mark.parametrize(
    "wrong", [math.nan, -0.1, 1.2, math.inf, 0.3], ids=["missing", "negative", "above 1", "infinite", "sum above 1"]
)
def test_probabilities_that_are_none_are_counted_told_and_left_out(wrong: float):
    # given rows, a tenth of which have an owl's probability that cannot be one
    made = drawn_classes(2000, 6)
    some = np.arange(2000) % 10 == 0
    odd = {**made.shares, "owl": np.where(some, made.shares["owl"] + wrong, made.shares["owl"])}

    # when they are measured
    found = measure(observe(BINNING, replace(made, shares=odd)))
    expected = measure(observe(BINNING, made.taken(np.flatnonzero(~some))))

    # then metrics of probabilities are those of the other rows, and the look says of how many
    for each in (*OF_PROBABILITIES, Name.CLASS_CALIBRATION_ERROR):
        assert found[each] == expected[each]
    assert found[Name.ACCURACY].n == 2000
    (note,) = found.notes
    assert note.startswith("200 labelled row(s) without probabilities of every class")


def test_confidence_that_means_less_in_one_segment_is_concept_drift():
    # given a world in which half the labels of those who rent are arbitrary
    found = compare(BASELINE, observe(BINNING, drawn_classes(4000, 4, rent=0.5)))

    # then answers are less often right than their confidence says, there above all
    assert found.verdict is Verdict.WORSE
    assert found.concept is not None
    assert found.concept.changed
    assert "right answers" in found.concept.summary
    first = next(cell for cell in found.concept.cells if cell.feature != "prediction")
    assert (first.feature, first.cell) == ("home", "rent")
    assert (found.fallen[0].feature, found.fallen[0].cell) == ("home", "rent")


@pytest.mark.parametrize("moved", [0.0, 1.0])
def test_covariate_shift_alone_is_no_concept_drift(moved):
    alarms, runs = 0, 40
    for seed in range(runs):
        reference = drawn_classes(5000, 1000 + seed, shares=False)
        binning = OutcomeBinning.fit(MULTICLASS, reference)
        window = observe(binning, drawn_classes(1000, 2000 + seed, moved=moved, shares=False))
        found = compare(observe(binning, reference), window, CompareSettings(alpha=0.05)).concept
        assert found is not None
        alarms += found.corrected_p < 0.05
    assert alarms <= 7  # binomial at .05, 1 in 1000


def test_intervals_hold_the_truth_as_often_as_they_say():
    # given what metrics are over a million rows of a population
    population = measure(class_outcomes(drawn_classes(500_000, 99)))
    names = [each.name for each in population.metrics]

    # when many small samples are measured
    held, draws = dict.fromkeys(names, 0), 300
    for seed in range(draws):
        found = measure(observe(BINNING, drawn_classes(500, seed)))
        for each in names:
            held[each] += found[each].low <= population[each].value <= found[each].high

    # then their intervals hold the population's value about 95 times in a hundred (5 standard errors below is .887)
    for each, count in held.items():
        assert count / draws > 0.887, (each, count / draws)


def test_labels_of_one_class_leave_rankings_out():
    made = drawn_classes(300, 5)
    same = replace(made, truth=CategoryColumn.of(["cat"] * 300))
    found = measure(observe(BINNING, same))
    assert found[Name.ROC_AUC].value is None
    assert "one class" in found[Name.ROC_AUC].reason
