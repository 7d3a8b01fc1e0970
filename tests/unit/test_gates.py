"""The gate: metrics as scikit-learn has them, and verdicts that a lucky draw does not decide."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score

from tests.support import model_spec
from watchkeeper.errors import DatasetError
from watchkeeper.gates import accuracy, judge, rmse, roc_auc
from watchkeeper.holdout import answer_numbers, canonical_truth, read_answers, truth_numbers
from watchkeeper.spec import Gate, Label, ModelSpec, Output, Retraining, Task
from watchkeeper.trainingset import Manifest, Split, problem

AUC = Gate("roc_auc", 0.0, 0.01, 0.95)


def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = (random.random(n) < 0.3).astype(float)
    return labels, np.round(labels + random.normal(0, 1, n), 1)  # rounded: with ties


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
    better, worse = judge(AUC, labels, poor, good), judge(AUC, labels, good, poor)

    # then the verdicts and the reasons tell them apart
    assert better.passed
    assert better.low > 0
    assert better.low < better.gain < better.high
    assert not worse.passed
    assert "gain is below the minimum" in worse.reason
    assert f"{better.challenger:.4f}" in better.reason


def test_an_equal_candidate_passes_when_no_gain_is_asked_for():
    # given one model twice; when judged; then nothing is lost
    labels, scores = sample(500, 5)
    result = judge(AUC, labels, scores, scores)
    assert result.passed
    assert result.gain == result.low == result.high == 0


def test_a_gain_that_may_be_luck_does_not_pass():
    # given few rows, and two models as good as each other, of which one happens to look better
    random = np.random.default_rng(15)
    labels, one = sample(60, 14)
    other = labels + random.normal(0, 1, 60)
    first, second = sorted((one, other), key=lambda scores: roc_auc_score(labels, scores))

    # when judged
    result = judge(AUC, labels, first, second)

    # then the loss that cannot be ruled out is the reason
    assert result.gain >= 0
    assert not result.passed
    assert "cannot be ruled out" in result.reason


def test_lower_is_better_for_rmse():
    # given errors of two sizes
    random = np.random.default_rng(7)
    labels = random.normal(0, 1, 1000)
    near, far = labels + random.normal(0, 0.1, 1000), labels + random.normal(0, 0.3, 1000)
    gate = Gate("rmse", 0.0, 0.05, 0.95)

    # when judged; then the smaller error wins
    assert judge(gate, labels, far, near).passed
    assert judge(gate, labels, far, near).gain == pytest.approx(0.2, abs=0.03)
    assert not judge(gate, labels, near, far).passed


def test_the_same_seed_gives_the_same_verdict():
    # given one comparison; when made twice and with another seed
    labels, scores = sample(300, 8)
    other = scores + np.random.default_rng(9).normal(0, 1, 300)
    results = [judge(AUC, labels, scores, other, seed) for seed in (1, 1, 2)]

    # then the seed alone decides the draws
    assert results[0] == results[1]
    assert results[0].low != results[2].low


@pytest.mark.parametrize(
    ("labels", "champion", "challenger", "words"),
    [
        ([0, 1], [0.1, 0.2], [0.1], "2 labels"),
        ([], [], [], "holdout is empty"),
        ([0, 1], [0.1, np.nan], [0.1, 0.2], "champion left 1 of 2"),
        ([1, 1], [0.1, 0.3], [0.1, 0.2], "one class only"),
    ],
)
def test_what_cannot_be_compared_is_refused(labels, champion, challenger, words):
    # given answers that do not match; when judged; then the error says which
    with pytest.raises(DatasetError, match=words):
        judge(AUC, np.array(labels, float), np.array(champion, float), np.array(challenger, float))


def spec_of(task: Task, metric: str) -> ModelSpec:
    base = model_spec(task=task, label=Label("y", ">50K"))
    values = {**vars(base.retraining), "gate": Gate(metric, 0.0, 0.01, 0.95)}
    return model_spec(task=task, label=Label("y", ">50K"), retraining=Retraining(**values))


def test_transform_outputs_become_numbers_for_each_task():
    # given labels and outputs of the three tasks; when read; then they are on one scale
    binary = spec_of(Task.BINARY, "accuracy")
    assert [canonical_truth(binary, text) for text in (">50K", "<=50K", None)] == ["1", "0", None]
    answers = read_answers(binary, ["0.9\n0.2\n", "0.4"], 3)
    assert answer_numbers(binary, ["1", "0", "0"], answers).tolist() == [1, 0, 0]
    assert answer_numbers(spec_of(Task.BINARY, "roc_auc"), ["1"], answers).tolist() == [0.9, 0.2, 0.4]
    multi = spec_of(Task.MULTICLASS, "accuracy")
    labels = ["cat", "dog", "cat"]
    outputs = ['{"predictions":[{"label":"cat","score":0.5},{"label":"dog","score":0.5},{"label":"cow","score":1}]}']
    assert truth_numbers(multi, labels).tolist() == [0, 1, 0]
    assert answer_numbers(multi, labels, read_answers(multi, outputs, 3)).tolist() == [0, 1, 2]
    regression = spec_of(Task.REGRESSION, "rmse")
    assert [canonical_truth(regression, text) for text in ("1.50", "inf", "x")] == ["1.5", None, None]
    assert answer_numbers(regression, [], read_answers(regression, ["1.5\n2"], 2)).tolist() == [1.5, 2.0]
    # and a vector is the likeliest class, where the model's file names the classes
    named = model_spec(task=Task.MULTICLASS, output=Output(classes=("low", "mid", "top")), retraining=multi.retraining)
    vectors = read_answers(named, ["0.2,0.1,0.7\n0.6,0.3,0.1\n"], 2)
    assert answer_numbers(named, ["low", "mid", "top"], vectors).tolist() == [2, 0]
    with pytest.raises(DatasetError, match="answered 2 of 3"):
        read_answers(regression, ["1.5\n2"], 3)


def manifest(**changes) -> Manifest:
    values = {
        "rows": 1000,
        "train_rows": 750,
        "holdout_rows": 250,
        "split": Split.RECENT,
        "columns": ("y", "age"),
        "classes": {"0": 600, "1": 150},
        "holdout_classes": {"0": 200, "1": 50},
    }
    return Manifest(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"train_rows": 99}, "99 rows to train on"),
        ({"holdout_rows": 29}, "29 to judge by"),
        ({"classes": {"0": 750}}, "training set holds one class only"),
        ({"holdout_classes": {"0": 250}}, "holdout holds one class only"),
        ({"holdout_classes": {"0": 241, "1": 9}}, "9 rows of its rarer class"),
    ],
)
def test_a_training_set_that_cannot_work_is_found_before_it_is_paid_for(changes, words):
    # given a manifest; when looked at
    found = problem(model_spec(), manifest(**changes))

    # then the reason is given, or there is none
    assert (found is None) if words is None else (words in found)


def test_a_manifest_survives_the_round_trip():
    # given a manifest; when written and read; then it is the same
    assert Manifest.from_json(manifest().to_json()) == manifest()
    with pytest.raises(DatasetError, match="assemble the training set again"):
        Manifest.from_json(b"{}")
