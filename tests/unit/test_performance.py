"""Metrics from counts: those of scikit-learn on the rows, with intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn

from tests.unit.outcome_support import binary_outcomes, drawn_binary, expit, from_scores, given_binary
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes import Outcomes, observe
from watchkeeper.performance import MeasureSettings, Name, Performance, measure
from watchkeeper.performance.metric import wilson


def scored(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of several sorts: calibrated, rare positives, rounded, badly calibrated, few."""
    random = np.random.default_rng(seed)
    scores = {
        "calibrated": expit(random.normal(-1, 1.5, 20_000)),
        "fraud": expit(random.normal(-8, 2, 200_000)),
        "rounded": np.round(expit(random.normal(0, 1.5, 20_000)), 2),
        "overconfident": expit(random.normal(0, 3, 20_000)),
        "few": expit(random.normal(0, 1, 80)),
    }[kind]
    chance = expit(np.log(scores / (1 - scores)) / 3) if kind == "overconfident" else scores
    return scores, (random.random(len(scores)) < chance).astype(int)


KINDS = ("calibrated", "fraud", "rounded", "overconfident", "few")


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_agree_with_scikit_learn(kind):
    # given rows and a threshold at which some are predicted positive
    scores, labels = scored(kind)
    threshold = float(np.quantile(scores, 0.8))
    said = scores >= threshold

    # when they are measured from counts
    found = measure(binary_outcomes(from_scores(scores, labels, threshold)))

    # then metrics of decisions are exact
    exact = {
        Name.ACCURACY: sklearn.accuracy_score(labels, said),
        Name.BALANCED_ACCURACY: sklearn.balanced_accuracy_score(labels, said),
        Name.PRECISION: sklearn.precision_score(labels, said),
        Name.RECALL: sklearn.recall_score(labels, said),
        Name.SPECIFICITY: sklearn.recall_score(labels, said, pos_label=0),
        Name.F_BETA: sklearn.f1_score(labels, said),
        Name.MCC: sklearn.matthews_corrcoef(labels, said),
    }
    for name, value in exact.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name
    # and those of probabilities right to the unit
    assert found[Name.LOG_LOSS].value == pytest.approx(sklearn.log_loss(labels, scores), abs=1e-7)
    assert found[Name.BRIER].value == pytest.approx(sklearn.brier_score_loss(labels, scores), abs=1e-7)
    # and those of the ranking within their tolerance, and the docs' tighter ones
    area, precision = found[Name.ROC_AUC], found[Name.PR_AUC]
    exact_area, exact_precision = sklearn.roc_auc_score(labels, scores), sklearn.average_precision_score(labels, scores)
    assert abs(area.value - exact_area) <= min(area.tolerance, 3e-4 if kind != "few" else 2e-3)
    assert abs(precision.value - exact_precision) <= min(precision.tolerance, 5e-3)
    assert sum(map(sum, found.confusion.counts)) == len(labels)


def test_f_beta_precision_at_k_and_constants_are_those_of_the_definitions():
    # given rows
    scores, labels = scored("calibrated")
    settings = MeasureSettings(beta=2.0, top_share=0.05)

    # when they are measured
    found = measure(binary_outcomes(from_scores(scores, labels)), settings)

    # then F-beta weighs recall, and precision at k looks at the top
    said, share = scores >= 0.5, labels.mean()
    assert found[Name.F_BETA].value == pytest.approx(sklearn.fbeta_score(labels, said, beta=2), abs=1e-12)
    top = labels[np.argsort(-scores)[:1000]].mean()
    assert found[Name.PRECISION_AT_K].n == 1000
    assert found[Name.PRECISION_AT_K].value == pytest.approx(top, abs=0.01)
    # and the constants are what the best constant prediction gets
    assert found[Name.ACCURACY].constant == pytest.approx(max(share, 1 - share))
    assert found[Name.LOG_LOSS].constant == pytest.approx(sklearn.log_loss(labels, np.full(len(labels), share)))
    assert found[Name.BRIER].constant == pytest.approx(share * (1 - share))
    assert found[Name.F_BETA].constant == pytest.approx(sklearn.fbeta_score(labels, np.ones(len(labels)), beta=2))
    assert found[Name.ROC_AUC].beats_constant
    assert found[Name.RECALL].beats_constant is None


def test_calibration_error_is_that_of_the_definition_over_bins_of_equal_mass():
    # given badly calibrated scores
    scores, labels = scored("overconfident")

    # when the error is computed from counts, and by sorting rows
    found = measure(binary_outcomes(from_scores(scores, labels)))[Name.CALIBRATION_ERROR]
    order = np.array_split(np.argsort(scores, kind="stable"), 15)
    exact = sum(abs(labels[part].sum() - scores[part].sum()) for part in order) / len(labels)

    # then they agree, and a calibrated model's interval begins at 0
    assert found.value == pytest.approx(exact, abs=2e-3)
    assert found.low > 0.1
    calibrated = measure(binary_outcomes(from_scores(*scored("calibrated"))))[Name.CALIBRATION_ERROR]
    assert calibrated.low < 0.003


def test_hand_worked_confusion():
    # given 50 true negatives, 10 false positives, 5 false negatives, 35 true positives
    made = [
        *[(0.0, 0.0, "own", 0.2, "negative", "0")] * 50,
        *[(0.0, 0.0, "own", 0.8, "positive", "0")] * 10,
        *[(0.0, 0.0, "own", 0.2, "negative", "1")] * 5,
        *[(0.0, 0.0, "own", 0.8, "positive", "1")] * 35,
    ]

    # when they are measured
    found = measure(binary_outcomes(given_binary(made)))

    # then the figures are those worked by hand
    assert found.confusion.counts == ((50, 10), (5, 35))
    assert found[Name.ACCURACY].value == 85 / 100
    assert found[Name.PRECISION].value == 35 / 45
    assert found[Name.RECALL].value == 35 / 40
    assert found[Name.F_BETA].value == pytest.approx(70 / 85)
    assert found[Name.MCC].value == pytest.approx((35 * 50 - 10 * 5) / math.sqrt(45 * 40 * 60 * 55))
    assert found[Name.ROC_AUC].value == pytest.approx((50 * 35 + (50 * 5 + 10 * 35) / 2) / (60 * 40))
    assert found[Name.BRIER].value == pytest.approx((85 * 0.04 + 15 * 0.64) / 100, abs=1e-7)


def test_wilson_s_interval_is_the_published_one():
    # 15 of 148: Newcombe 1998, table I, method 3; and 0 of 20
    assert wilson(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(20, 20, 0.95)[1] == 1.0


@pytest.mark.parametrize("truth", ["0", "1"])
def test_one_class_only_leaves_out_what_needs_two_and_says_why(truth):
    # given labels of one class
    made = [(0.0, 0.0, "own", 0.1 * place, "positive" if place > 4 else "negative", truth) for place in range(10)]

    # when they are measured
    found = measure(binary_outcomes(given_binary(made)))

    # then rankings have a reason, and accuracy still has a value
    for name in (Name.ROC_AUC, Name.PR_AUC, Name.BALANCED_ACCURACY, Name.MCC):
        assert found[name].value is None
        assert "one class" in found[name].reason
    assert found[Name.ACCURACY].value is not None
    assert found[Name.LOG_LOSS].value is not None


def test_no_labels_leave_nothing_but_the_coverage():
    # given rows without a label, over bins of others
    binning = binary_outcomes(drawn_binary(500, 0)).binning
    found = measure(observe(binning, drawn_binary(300, 1, labelled=0.0)))

    # then every metric says why it has no value
    assert found.coverage == 0.0
    assert all(metric.value is None and metric.reason for metric in found.metrics)
    assert measure(Outcomes.empty(binning)).coverage is None


def test_raw_margins_are_ranked_but_are_no_probabilities():
    # given the margins of a model, not its probabilities
    scores, labels = scored("calibrated")
    margins = np.log(scores / (1 - scores))

    # when they are measured
    found = measure(binary_outcomes(from_scores(margins, labels, 0.0)))

    # then the ranking is that of the probabilities, and the rest says what is wrong
    area = found[Name.ROC_AUC]
    assert abs(area.value - sklearn.roc_auc_score(labels, margins)) < 2e-3
    assert "lie outside 0–1" in found[Name.BRIER].reason
    assert any("outside 0–1" in note for note in found.notes)


def test_a_perfect_ranking_has_an_interval_that_is_no_point():
    found = measure(binary_outcomes(from_scores(np.array([0.1] * 20 + [0.9] * 10), np.array([0] * 20 + [1] * 10))))
    for name in (Name.ROC_AUC, Name.PR_AUC, Name.ACCURACY, Name.MCC, Name.F_BETA, Name.BALANCED_ACCURACY):
        assert found[name].value == pytest.approx(1.0)
        assert 0.5 < found[name].low < 0.99, name


def test_performance_is_read_back_from_its_json():
    found = measure(binary_outcomes(drawn_binary(400, 0)))
    assert Performance.from_json(found.to_json()) == found
    with pytest.raises(ProfileError):
        Performance.from_json(b'{"format": 2}')


COVERED = (
    Name.ACCURACY,
    Name.BALANCED_ACCURACY,
    Name.PRECISION,
    Name.RECALL,
    Name.F_BETA,
    Name.MCC,
    Name.ROC_AUC,
    Name.PR_AUC,
    Name.LOG_LOSS,
    Name.BRIER,
)


@pytest.mark.parametrize("n", [300])
def test_intervals_hold_the_truth_as_often_as_they_say(n):
    # given what metrics are over a million rows of a population
    population = measure(binary_outcomes(drawn_binary(1_000_000, 99)))
    binning = binary_outcomes(drawn_binary(1000, 98)).binning

    # when many small samples are measured
    held = dict.fromkeys(COVERED, 0)
    draws = 400
    for seed in range(draws):
        found = measure(observe(binning, drawn_binary(n, seed)))
        for name in COVERED:
            held[name] += found[name].low <= population[name].value <= found[name].high

    # then their intervals hold the population's value about 95 times in a hundred (4 standard errors below is .906)
    for name, count in held.items():
        assert count / draws > 0.906, (name, count / draws)
