"""Training sets and what models answer to them, as retraining reads them."""

from __future__ import annotations

import pytest

from tests.support import model_spec
from watchkeeper.errors import DatasetError
from watchkeeper.holdout import canonical_truth, read_answers
from watchkeeper.spec import Label, ModelSpec, Output, Task
from watchkeeper.trainingset import Manifest, Split, problem


def spec_of(task: Task) -> ModelSpec:
    return model_spec(task=task, label=Label("y", ">50K"))


def test_labels_have_one_spelling_whatever_the_data_write():
    # given labels of two tasks; when made canonical; then what is missing or wrong is told apart
    assert [canonical_truth(spec_of(Task.BINARY), text) for text in (">50K", "<=50K", None)] == ["1", "0", None]
    assert [canonical_truth(spec_of(Task.REGRESSION), text) for text in ("1.50", "inf", "x")] == ["1.5", None, None]


def test_transform_outputs_are_read_a_line_a_row_or_several_rows_a_line():
    # given outputs of three tasks; when read; then there is an answer for each row
    binary = read_answers(spec_of(Task.BINARY), ["0.9\n0.2\n", "0.4"], 3)
    assert [answer.label for answer in binary] == ["positive", "negative", "negative"]
    outputs = ['{"predictions":[{"label":"cat","score":0.5},{"label":"dog","score":0.5},{"label":"cow","score":1}]}']
    assert [answer.label for answer in read_answers(spec_of(Task.MULTICLASS), outputs, 3)] == ["cat", "dog", "cow"]
    named = model_spec(task=Task.MULTICLASS, output=Output(classes=("low", "mid", "top")))
    vectors = read_answers(named, ["0.2,0.1,0.7\n0.6,0.3,0.1\n"], 2)
    assert [answer.label for answer in vectors] == ["top", "low"]  # the likeliest, where the file names the classes
    regression = spec_of(Task.REGRESSION)
    assert [answer.score for answer in read_answers(regression, ["1.5\n2"], 2)] == [1.5, 2.0]
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
