"""Answers with a probability for each class: which class they name, what is kept of them, and what is refused."""

from __future__ import annotations

import json
import math

import pytest

from tests.support import capture_record, model_spec
from watchkeeper.capture import PREDICTED_LABEL, PREDICTED_SCORE, Block, CaptureReader
from watchkeeper.refusal import Reason
from watchkeeper.spec import Output, Task
from watchkeeper.table import CategoryColumn, NumberColumn

CLASSES = ("cat", "dog", "2")


def read(answer: str, *, identified: bool = True, **output: object) -> Block:
    """One row, answered as CSV or JSON."""
    spec = model_spec(task=Task.MULTICLASS, output=Output(**{"classes": CLASSES, **output}))
    encoding = "JSON" if answer[:1] in ("{", "[") else "CSV"
    line = capture_record("31,5.5,rent", answer, answer_encoding=encoding)
    (block,) = CaptureReader(spec, identified=identified).blocks([line])
    return block


def told(block: Block) -> tuple[str | None, float | None]:
    """Label and score of the one row."""
    label, score = block.predictions[PREDICTED_LABEL], block.predictions[PREDICTED_SCORE]
    assert isinstance(label, CategoryColumn)
    assert isinstance(score, NumberColumn)
    return label.values[0], None if math.isnan(score.values[0]) else float(score.values[0])


def shares(block: Block) -> list[float | None]:
    """The probabilities of the one row, in the order of the classes."""
    assert list(block.shares) == list(CLASSES)
    return [None if math.isnan(each[0]) else float(each[0]) for each in block.shares.values()]


@pytest.mark.parametrize(
    "answer",
    [
        "0.1,0.7,0.2",
        "0.1,0.7,0.2\n",
        "[0.1, 0.7, 0.2]",
        '{"predictions": [[0.1, 0.7, 0.2]]}',
        '{"probabilities": [0.1, 0.7, 0.2]}',
        '{"prediction": [0.1, 0.7, 0.2]}',
        '{"predictions": [{"label": "dog", "scores": ["0.1", "0.7", "0.2"]}]}',
        '{"score": 0.7, "probabilities": {"2": 0.2, "cat": 0.1, "dog": 0.7}}',
        '{"2.0": 0.2, "cat": 0.1, "dog": 0.7}',
    ],
)
def test_the_likeliest_class_is_named_and_every_probability_is_kept(answer: str):
    block = read(answer)
    assert not block.unreadable
    assert told(block) == ("dog", 0.7)
    assert shares(block) == [0.1, 0.7, 0.2]


@pytest.mark.parametrize(
    ("answer", "label", "score"),
    [
        ('{"label": "cat", "probabilities": [0.1, 0.7, 0.2]}', "cat", 0.1),
        ('{"predicted_label": 2, "probabilities": [0.1, 0.7, 0.2]}', "2", 0.2),
        ('{"label": "newt", "probabilities": [0.1, 0.7, 0.2]}', "newt", None),
    ],
)
def test_a_label_that_is_answered_counts_with_its_own_probability(answer: str, label: str, score: float | None):
    block = read(answer)
    assert told(block) == (label, score)
    assert shares(block) == [0.1, 0.7, 0.2]


def test_the_keys_that_the_model_s_file_names_are_taken():
    answer = {"top": "cat", "odds": {"cat": 0.3, "dog": 0.3, "2": 0.4}, "scores": [1, 0, 0]}
    block = read(json.dumps(answer), label="top", score="odds")
    assert told(block) == ("cat", 0.3)
    assert shares(block) == [0.3, 0.3, 0.4]


@pytest.mark.parametrize(
    ("answer", "label", "score"),
    [("dog,0.7", "dog", 0.7), ("0.7,dog", "dog", 0.7), ("dog", "dog", None), ("2,0.7", "2", 0.7)],
)
def test_an_answer_of_label_and_score_has_no_probabilities(answer: str, label: str, score: float | None):
    block = read(answer)
    assert told(block) == (label, score)
    assert shares(block) == [None, None, None]


@pytest.mark.parametrize(
    ("answer", "label", "score", "kept"),
    [
        (",0.7,0.2", "dog", 0.7, [None, 0.7, 0.2]),
        ("nan,0.2,0.3", "2", 0.3, [None, 0.2, 0.3]),
        (",,", None, None, [None, None, None]),
        ("-0.5,0.7,0.8", "2", 0.8, [-0.5, 0.7, 0.8]),
        ("3,1,-2", "cat", 3.0, [3.0, 1.0, -2.0]),
        ('{"cat": null, "dog": 0.7, "2": 0.2}', "dog", 0.7, [None, 0.7, 0.2]),
    ],
)
def test_probabilities_that_are_none_are_kept_as_they_are(
    answer: str, label: str | None, score: float | None, kept: list[float | None]
):
    block = read(answer)
    assert told(block) == (label, score)
    assert shares(block) == kept


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0.3,0.7", "2 probabilities where 3 classes are expected"),
        ("0.1,0.2,0.3,0.4", "4 probabilities where 3 classes are expected"),
        ("[[0.1, 0.2, 0.3, 0.4]]", "4 probabilities where 3 classes are expected"),
        ('{"probabilities": []}', "0 probabilities where 3 classes are expected"),
        ('{"probabilities": {"cat": 0.1, "dog": 0.9}}', "of 2 classes that are not the 3 expected"),
        ('{"probabilities": {"cat": 0.1, "dog": 0.2, "owl": 0.7}}', "of 3 classes that are not the 3 expected"),
    ],
)
def test_probabilities_of_other_classes_are_refused_as_such(answer: str, words: str):
    (refused,) = read(answer).unreadable
    assert refused.kind is Reason.OTHER_CLASSES
    assert words in refused.reason
    assert "output section" in refused.reason


@pytest.mark.parametrize("answer", ["a,b,c", '{"probabilities": [0.1, "x", 0.9]}', '{"probabilities": [[1], 0, 0]}'])
def test_what_is_no_number_is_an_answer_of_no_known_form(answer: str):
    (refused,) = read(answer).unreadable
    assert refused.kind is Reason.ANSWER_FORM


def test_profiling_alone_keeps_no_probabilities():
    block = read("0.1,0.7,0.2", identified=False)
    assert told(block) == ("dog", 0.7)
    assert block.shares == {}


def test_without_classes_in_the_model_s_file_a_vector_names_a_position():
    block = read("0.1,0.7,0.2", classes=())
    assert told(block) == ("1", 0.7)
    assert block.shares == {}


def test_rows_without_an_answer_have_no_probabilities():
    # given a request that was answered, and one whose answer was not captured
    spec = model_spec(task=Task.MULTICLASS, output=Output(classes=CLASSES))
    lines = [capture_record("31,5.5,rent", answer) for answer in ("0.1,0.7,0.2", None)]

    # when
    answered, silent = CaptureReader(spec, identified=True).blocks([b"\n".join(lines)])

    # then
    assert shares(answered) == [0.1, 0.7, 0.2]
    assert [len(each) for each in silent.shares.values()] == [0, 0, 0]
