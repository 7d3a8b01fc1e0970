"""The gates: statistics as their oracles have them, and verdicts that a lucky draw does not decide."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score

from tests.support import model_spec
from tests.unit.gate_support import GATE, contest, numbers_contest, sensitive, spec_with
from watchkeeper.errors import DatasetError
from watchkeeper.gates import Judgement, Status, judge
from watchkeeper.gates.calibration import calibration, error
from watchkeeper.gates.decisions import decisions, mcnemar
from watchkeeper.gates.draws import accuracy, rmse, roc_auc, whole
from watchkeeper.gates.fairness import fairness
from watchkeeper.gates.performance import performance
from watchkeeper.gates.segments import segments
from watchkeeper.spec import FairnessOf, Gate, Task
from watchkeeper.table import CategoryColumn, NumberColumn

AUC = Gate("roc_auc", 0.0, 0.01, 0.95)


def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    return labels, np.round(labels + random.normal(0, 1, n), 1)  # rounded: with ties


# --- the metric that the file names -------------------------------------------------------------------------------


def test_metrics_agree_with_scikit_learn_on_every_draw():
    # given labels, scores with ties, and draws of the rows
    labels, scores = sample(400, 1)
    picks = np.random.default_rng(2).integers(400, size=(20, 400))
    draws = np.stack([np.bincount(pick, minlength=400) for pick in picks]).astype(float)
    classes = (scores > 0.5).astype(float)

    # when the metrics are taken; then they are scikit-learn's on the drawn rows
    for place, pick in enumerate(picks):
        one = draws[place : place + 1]
        assert roc_auc(labels, scores, one)[0] == pytest.approx(roc_auc_score(labels[pick], scores[pick]))
        assert accuracy(labels, classes, one)[0] == pytest.approx(accuracy_score(labels[pick], classes[pick]))
        assert rmse(labels, scores, one)[0] == pytest.approx(mean_squared_error(labels[pick], scores[pick]) ** 0.5)


def test_a_better_candidate_passes_and_a_worse_one_does_not():
    # given a good and a poor model's scores
    labels, good = sample(3000, 3)
    poor = good + np.random.default_rng(4).normal(0, 2, 3000)

    # when judged both ways
    better, worse = performance(AUC, contest(labels, poor, good)), performance(AUC, contest(labels, good, poor))

    # then the verdicts and the reasons tell them apart
    assert better.status is Status.PASSED
    assert 0 < better.low < better.challenger - better.champion < better.high
    assert worse.status is Status.FAILED
    assert "gain is below the minimum" in worse.reason
    assert f"{better.challenger:.4f}" in better.reason


def test_an_equal_candidate_passes_when_no_gain_is_asked_for():
    # given one model twice; when judged; then nothing is lost
    labels, scores = sample(500, 5)
    result = performance(AUC, contest(labels, scores, scores))
    assert result.status is Status.PASSED
    assert result.low == result.high == 0


def test_a_gain_that_may_be_luck_does_not_pass():
    # given few rows, and two models as good as each other, of which one happens to look better
    random = np.random.default_rng(15)
    labels, one = sample(60, 14)
    other = labels + random.normal(0, 1, 60)
    first, second = sorted((one, other), key=lambda scores: roc_auc_score(labels, scores))

    # when judged
    result = performance(AUC, contest(labels, first, second))

    # then the loss that cannot be ruled out is the reason
    assert result.challenger >= result.champion
    assert result.status is Status.FAILED
    assert "cannot be ruled out" in result.reason


def test_lower_is_better_for_rmse():
    # given errors of two sizes
    random = np.random.default_rng(7)
    labels = random.normal(0, 1, 1000)
    near, far = labels + random.normal(0, 0.1, 1000), labels + random.normal(0, 0.3, 1000)
    gate = Gate("rmse", 0.0, 0.05, 0.95)

    # when judged; then the smaller error wins
    assert performance(gate, numbers_contest(labels, far, near)).status is Status.PASSED
    assert performance(gate, numbers_contest(labels, far, near)).low == pytest.approx(0.2, abs=0.03)
    assert performance(gate, numbers_contest(labels, near, far)).status is Status.FAILED


def test_the_same_seed_gives_the_same_verdict():
    # given one comparison; when made twice and with another seed
    labels, scores = sample(300, 8)
    both = contest(labels, scores, scores + np.random.default_rng(9).normal(0, 1, 300))
    results = [performance(AUC, both, seed) for seed in (1, 1, 2)]

    # then the seed alone decides the draws
    assert results[0] == results[1]
    assert results[0].low != results[2].low


@pytest.mark.parametrize(
    ("labels", "champion", "challenger", "words"),
    [
        ([0, 1], [0.1, 0.2], [0.1], "champion answered 2 rows and the challenger 1"),
        ([], [], [], "holdout is empty"),
        ([0, 1], [0.1, np.nan], [0.1, 0.2], "champion left 1 of 2"),
        ([1, 1], [0.1, 0.3], [0.1, 0.2], "one class only"),
    ],
)
def test_what_cannot_be_compared_is_refused(labels, champion, challenger, words):
    # given answers that do not match; when judged; then the error says which
    with pytest.raises(DatasetError, match=words):
        performance(AUC, contest(labels, champion, challenger))


# --- decisions ----------------------------------------------------------------------------------------------------


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemars_p_is_the_binomial_mid_p_of_scipy(lost: int, won: int):
    # given discordant rows; when tested; then the p-value is scipy's
    n = lost + won
    expected = stats.binom.sf(lost - 1, n, 0.5) - stats.binom.pmf(lost, n, 0.5) / 2 if n else 1.0
    assert mcnemar(lost, won) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_decisions_that_get_worse_are_found_though_the_ranking_is_the_same():
    # given a challenger whose scores rank alike, but have shifted across the threshold
    labels, scores = sample(2000, 11)
    champion = 1 / (1 + np.exp(-(scores - 0.6) * 2))
    both = contest(labels, champion, champion**0.3)

    # when judged
    found = decisions(AUC, both)

    # then the decisions tell, where the metric does not
    assert performance(AUC, both).status is Status.PASSED
    assert found.status is Status.FAILED
    assert "wrong now in" in found.reason
    assert decisions(AUC, contest(labels, champion, champion)).status is Status.PASSED


def test_a_regression_decides_nothing():
    values = np.arange(50.0)
    assert decisions(AUC, numbers_contest(values, values, values)).status is Status.NOT_APPLICABLE


# --- segments -----------------------------------------------------------------------------------------------------


def harmed(seed: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, CategoryColumn]:
    """Labels, two models' scores and homes: with `share`, the challenger errs where the home is rented."""
    random = np.random.default_rng(seed)
    labels = (random.random(4000) < 0.4).astype(float)
    rented = random.random(4000) < 0.15
    wrong = random.random(4000) < 0.2
    champion = np.where(wrong, 1 - labels, labels) * 0.8 + 0.1
    challenger = np.where(rented & (random.random(4000) < share), 1 - labels, champion.round()) * 0.8 + 0.1
    return labels, champion, challenger, CategoryColumn.of(["rent" if each else "own" for each in rented])


def test_a_segment_that_loses_is_named_though_the_whole_does_not():
    # given a challenger that fails those who rent
    labels, champion, challenger, home = harmed(1, 0.3)

    # when judged
    found = segments(GATE, contest(labels, champion, challenger, home=home))

    # then it is named, with rows and loss
    assert found.status is Status.FAILED
    assert "home rent (" in found.reason
    assert "home own" not in found.reason


def test_equal_models_pass_in_every_segment_nearly_always():
    # given pairs of models that err alike but independently, in several segments
    failures = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        labels = (random.random(1500) < 0.4).astype(float)
        one, other = (np.where(random.random(1500) < 0.2, 1 - labels, labels) for _ in range(2))
        features = {"home": CategoryColumn.of([f"h{k}" for k in random.integers(5, size=1500)])}
        features["income"] = NumberColumn(random.normal(size=1500))
        tight = dataclasses.replace(GATE, segment_loss=0.0)
        failures += segments(tight, contest(labels, one, other, **features)).status is Status.FAILED

    # when judged without tolerance; then about one in twenty fails by chance, not one in three
    assert failures <= 8


def test_a_regression_is_judged_by_its_errors_in_each_segment():
    # given a challenger that is further off for those who rent
    random = np.random.default_rng(3)
    values, rented = random.normal(10, 3, 2000), random.random(2000) < 0.3
    champion = values + random.normal(0, 1, 2000)
    challenger = values + random.normal(0, 1, 2000) * np.where(rented, 2, 1)
    home = CategoryColumn.of(["rent" if each else "own" for each in rented])

    # when judged; then they are named
    found = segments(GATE, numbers_contest(values, champion, challenger, home=home))
    assert found.status is Status.FAILED
    assert "home rent" in found.reason
    assert segments(GATE, numbers_contest(values, values, values, home=home)).status is Status.PASSED


def test_without_rows_enough_or_switched_off_no_segment_is_looked_at():
    labels, scores = sample(90, 1)
    assert "no segment has 100" in segments(GATE, contest(labels, scores, scores)).reason
    off = dataclasses.replace(GATE, segment_loss=None)
    assert segments(off, contest(labels, scores, scores)).status is Status.NOT_APPLICABLE


# --- calibration --------------------------------------------------------------------------------------------------


def test_the_calibration_error_is_that_of_scikit_learns_bins():
    # given probabilities and what came true
    random = np.random.default_rng(5)
    scores = random.random(3000)
    hits = (random.random(3000) < scores**2).astype(float)

    # when the error is taken; then it is the mean gap of scikit-learn's quantile bins
    told, meant = calibration_curve(hits, scores, n_bins=10, strategy="quantile")
    expected = float(np.abs(told - meant).mean())  # 300 rows in each
    assert error(hits, scores, whole(3000))[0] == pytest.approx(expected, abs=1e-12)


def test_overconfident_probabilities_do_not_pass():
    # given a challenger that ranks alike but exaggerates
    random = np.random.default_rng(6)
    scores = random.random(3000)
    labels = (random.random(3000) < scores).astype(float)
    bold = np.where(scores > 0.5, 1 - (1 - scores) ** 2 * 2, scores**2 * 2)

    # when judged both ways; then the one that exaggerates fails
    found = calibration(GATE, contest(labels, scores, bold))
    assert found.status is Status.FAILED
    assert found.challenger > found.champion
    assert calibration(GATE, contest(labels, bold, scores)).status is Status.PASSED


def test_scores_that_are_no_probabilities_are_not_held_against_anybody():
    labels, scores = sample(200, 7)
    found = calibration(GATE, contest(labels, scores, scores))
    assert found.status is Status.NOT_APPLICABLE
    assert "champion does not answer all rows with a probability" in found.reason


# --- fairness -----------------------------------------------------------------------------------------------------


def unlike(groups: np.ndarray, labels: np.ndarray, refused: float, seed: int) -> np.ndarray:
    """Scores that are right, but of women so many are refused in addition."""
    random = np.random.default_rng(seed)
    extra = (groups == "f") & (random.random(len(groups)) < refused)
    return np.where(extra, 0.9, labels * 0.8 + 0.1)


def test_a_candidate_that_treats_a_group_worse_does_not_pass():
    # given a fair champion and an unfair challenger
    random = np.random.default_rng(8)
    groups = np.where(random.random(6000) < 0.5, "f", "m")
    labels = (random.random(6000) < 0.2).astype(float)
    fair, unfair, worse = (unlike(groups, labels, share, 9) for share in (0.0, 0.4, 0.8))
    sex = CategoryColumn.of(groups.tolist())
    spec = sensitive()

    # when judged
    found = fairness(GATE, spec, contest(labels, fair, unfair, sex=sex))

    # then it fails, and the group is named; not so one that is as unfair as the champion, but one that is more so
    assert found.status is Status.FAILED
    assert "sex f" in found.reason
    kept = fairness(GATE, spec, contest(labels, unfair, unfair, sex=sex))
    assert kept.status is Status.PASSED
    assert "biased as they were" in kept.reason
    assert fairness(GATE, spec, contest(labels, unfair, worse, sex=sex)).status is Status.FAILED
    assert fairness(GATE, spec, contest(labels, unfair, fair, sex=sex)).status is Status.PASSED


def test_what_the_world_has_changed_is_held_against_nobody_unless_the_file_says_so():
    # given a world in which more women default, and a challenger that knows it
    random = np.random.default_rng(10)
    groups = np.where(random.random(6000) < 0.5, "f", "m")
    labels = (random.random(6000) < np.where(groups == "f", 0.4, 0.1)).astype(float)
    sex = CategoryColumn.of(groups.tolist())
    both = contest(labels, np.full(6000, 0.1), labels * 0.8 + 0.1, sex=sex)

    # when its errors, or all, are looked at
    errors, everything = (
        fairness(dataclasses.replace(GATE, fairness=of), sensitive(), both)
        for of in (FairnessOf.ERRORS, FairnessOf.ALL)
    )

    # then it is as just as it was, though it predicts them otherwise
    assert errors.status is Status.PASSED
    assert everything.status is Status.FAILED
    assert "(DPPL)" in everything.reason or "predicted positive" in everything.reason


def test_without_sensitive_attributes_nobody_is_compared():
    labels, scores = sample(200, 7)
    found = fairness(GATE, model_spec(), contest(labels, scores, scores))
    assert (found.status, "no sensitive attributes" in found.reason) == (Status.NOT_APPLICABLE, True)


# --- all of them --------------------------------------------------------------------------------------------------


def test_every_gate_is_asked_though_one_has_failed():
    # given a challenger that is worse in every way
    labels, champion, challenger, home = harmed(2, 0.9)

    # when judged
    found = judge(spec_with(GATE), contest(labels, champion, challenger, home=home))

    # then all gates have a verdict, and the reason names those against it
    assert [each.gate for each in found.gates] == ["performance", "decisions", "segments", "calibration", "fairness"]
    assert not found.passed
    assert {"performance", "decisions", "segments"} <= {each.gate for each in found.failed}
    assert "segments: " in found.reason
    assert len(found.lines) == 5


def test_several_classes_are_judged_by_their_decisions():
    # given two models of three classes, one of which says a class that no label has
    labels = ["cat", "dog", "cow"] * 100
    wrong = ["fox", *labels[1:]]
    spec = spec_with(dataclasses.replace(GATE, metric="accuracy"), task=Task.MULTICLASS)

    # when judged; then the unheard of class is wrong, and no error
    found = judge(spec, contest(labels, labels, wrong, task=Task.MULTICLASS))
    assert found.gates[0].challenger == pytest.approx(299 / 300)
    assert found.gates[0].champion == 1


def test_a_judgement_survives_the_round_trip():
    labels, scores = sample(500, 5)
    found = judge(spec_with(AUC), contest(labels, scores, scores))
    assert Judgement.from_json(found.to_json()) == found
    with pytest.raises(DatasetError, match="run the retraining again"):
        Judgement.from_json(b"{}")
