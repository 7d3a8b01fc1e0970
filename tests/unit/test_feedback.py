"""Labels over HTTPS: what is taken, what it becomes, and that a mistake is told without quoting anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import model_spec
from watchkeeper.errors import FeedbackTooLargeError
from watchkeeper.feedback import (
    CLOCKS_DIFFER,
    LARGEST_BODY,
    LAST_ROW,
    LONGEST_ID,
    LONGEST_LABEL,
    MOST_LABELS,
    Batch,
    Label,
    MistakenBatchError,
    read_batch,
)
from watchkeeper.holdout import canonical_truth
from watchkeeper.labels import LabelReader, Source, read_ground_truth
from watchkeeper.spec import Label as LabelSpec
from watchkeeper.spec import ModelSpec, Task

NOW = datetime(2026, 11, 21, 10, 15, 30, 123456, tzinfo=UTC)
BINARY = model_spec()
MULTICLASS = model_spec(task=Task.MULTICLASS)
REGRESSION = model_spec(task=Task.REGRESSION)
SECRET = "hunter2"


def read(document: Any, spec: ModelSpec = BINARY) -> Batch:
    return read_batch(json.dumps(document).encode(), spec, NOW)


def mistakes(document: Any, spec: ModelSpec = BINARY) -> list[tuple[int | None, str]]:
    with pytest.raises(MistakenBatchError) as refused:
        read(document, spec)
    return [(mistake.index, mistake.problem) for mistake in refused.value.mistakes]


def test_one_label_becomes_one_ground_truth_record() -> None:
    # when
    line = read({"id": "e-1", "label": 1}).records(NOW)
    # then
    assert json.loads(line) == {
        "groundTruthData": {"data": "[1]", "encoding": "JSON"},
        "eventMetadata": {"eventId": "e-1", "collectedAt": "2026-11-21T10:15:30.123Z"},
        "eventVersion": "0",
    }


def test_a_label_for_one_row_says_which_and_when_it_became_known() -> None:
    # when
    line = read({"id": "e-1", "label": "0", "row": 7, "time": "2026-11-21T10:00:00+01:00"}).records(NOW)
    # then
    truth = read_ground_truth(line)
    assert (truth.id, truth.values, truth.row) == ("e-1", ("0",), 7)
    assert truth.collected == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_a_list_labels_every_row_of_a_request_and_null_withdraws() -> None:
    # when
    batch = read({"labels": [{"id": "a", "label": [1, None, "0"]}, {"id": "b", "label": None}]})
    # then
    first, second = map(read_ground_truth, batch.records(NOW).splitlines())
    assert (first.values, first.row) == (("1", None, "0"), None)
    assert second.values == (None,)
    assert batch.withdrawn == 1


@pytest.mark.parametrize(
    ("spec", "value", "truth"),
    [
        (BINARY, True, "1"),
        (BINARY, False, "0"),
        (BINARY, 1.0, "1"),
        (model_spec(label=LabelSpec("outcome", positive="yes")), "yes", "1"),
        (model_spec(label=LabelSpec("outcome", positive="yes")), "no", "0"),
        (MULTICLASS, "cat", "cat"),
        (MULTICLASS, 3, "3"),
        (REGRESSION, -2.5, "-2.5"),
        (REGRESSION, 10**30, "1e+30"),
    ],
)
def test_a_label_means_to_training_what_it_meant_to_its_sender(spec: ModelSpec, value: Any, truth: str) -> None:
    # when
    record = read_ground_truth(read({"id": "e", "label": value}, spec).records(NOW))
    # then
    assert canonical_truth(spec, record.values[0]) == truth


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ({"label": 1}, "id is missing: give the inference id"),
        ({"id": 7, "label": 1}, "id is a number: make it a string"),
        ({"id": " ", "label": 1}, "id is blank"),
        ({"id": "x" * (LONGEST_ID + 1), "label": 1}, f"id is longer than {LONGEST_ID} characters"),
        ({"id": "\ud800", "label": 1}, "id holds half a surrogate pair"),
        ({"id": "e"}, "label is missing: give what turned out to be true, or null"),
        ({"id": "e", "label": {}}, "label is an object: give a string, a number or a boolean"),
        ({"id": "e", "label": " "}, "label is blank"),
        ({"id": "e", "label": "x" * (LONGEST_LABEL + 1)}, f"label is longer than {LONGEST_LABEL} characters"),
        ({"id": "e", "label": "\udfff"}, "label holds half a surrogate pair"),
        ({"id": "e", "label": float("nan")}, "label is not a finite number"),
        ({"id": "e", "label": 10**400}, "label is not a finite number"),
        ({"id": "e", "label": []}, "label is an empty list"),
        ({"id": "e", "label": [1, [2]]}, "label[1] is a list"),
        ({"id": "e", "label": [1], "row": 0}, "label is a list, but row names one row"),
        ({"id": "e", "label": 1, "row": -1}, f"row is not between 0 and {LAST_ROW}"),
        ({"id": "e", "label": 1, "row": True}, "row is a boolean: make it a whole number"),
        ({"id": "e", "label": 1, "row": 1.5}, "row is a number: make it a whole number"),
        ({"id": "e", "label": 1, "time": 1763719200}, "time is a number: make it ISO 8601"),
        ({"id": "e", "label": 1, "time": "yesterday"}, "time is not ISO 8601"),
        ({"id": "e", "label": 1, "time": "2026-11-21T10:00:00"}, "time has no time zone: end it with Z"),
        ({"id": "e", "label": 1, "time": "0001-01-01T00:00:00+14:00"}, "time is not ISO 8601"),
        ({"id": "e", "label": 1, "time": "2026-11-21T10:20:31Z"}, "time is in the future"),
        ({"id": "e", "label": 1, "weight": 2}, "The label has fields beside id, label, row, time: remove them."),
        ("e", "The label is a string: make it an object"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_remedy(label: Any, problem: str) -> None:
    # when
    ((index, told),) = mistakes({"labels": [{"id": "fine", "label": 0}, label]})
    # then
    assert index == 1
    assert told.startswith(problem)


@pytest.mark.parametrize(
    ("label", "problem"),
    [
        ("3.5", "label is a string: the model predicts a number"),
        (True, "label is a boolean: the model predicts a number"),
        (float("inf"), "label is not a finite number"),
    ],
)
def test_labels_of_a_regression_model_are_finite_numbers(label: Any, problem: str) -> None:
    # when
    ((_, told),) = mistakes({"id": "e", "label": label}, REGRESSION)
    # then
    assert told.startswith(problem)


def test_a_boolean_is_refused_where_it_would_silently_count_as_negative() -> None:
    # given
    spec = model_spec(label=LabelSpec("outcome", positive="yes"))
    # when
    ((_, told),) = mistakes({"id": "e", "label": True}, spec)
    # then
    assert told.startswith("label is a boolean, but the model's file gives the positive label as another text")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "The body is not JSON"),
        (b"\xff", "The body is not JSON"),
        (b"[" * 100_000, "The body is not JSON"),
        (b'[{"id": "e", "label": 1}]', 'The body is a list: send {"labels": [\u2026]}'),
        (b'{"labels": []}', "labels is an empty list"),
        (b'{"labels": {}}', "labels is an object: make it a list"),
        (b'{"labels": [{"id": "e", "label": 1}], "model": "m"}', "The body has fields beside labels"),
    ],
)
def test_a_body_that_holds_no_labels_is_told_as_a_whole(body: bytes, problem: str) -> None:
    # when
    with pytest.raises(MistakenBatchError) as refused:
        read_batch(body, BINARY, NOW)
    # then
    (mistake,) = refused.value.mistakes
    assert (mistake.index, mistake.problem.startswith(problem)) == (None, True)


def test_all_mistakes_of_a_batch_are_told_at_once() -> None:
    # when
    told = mistakes({"labels": [{"id": 1, "row": "x"}, {"id": "e", "label": 1}, {"id": "e", "label": []}]})
    # then
    assert [index for index, _ in told] == [0, 0, 0, 2]


def test_labels_that_contradict_each_other_are_refused_unless_their_times_differ() -> None:
    # given
    said = [{"id": "e", "label": 1, "row": 2}, {"id": "e", "label": 1, "row": 2}, {"id": "e", "label": 0, "row": 2}]
    # when
    told = mistakes({"labels": said})
    # then
    assert told == [(2, "label differs from label 0 for the same row: keep one, or give each its time.")]
    # when
    said[2]["time"] = "2026-11-21T10:00:00Z"
    # then
    assert len(read({"labels": said}).labels) == 3


def test_a_clock_may_be_a_little_ahead() -> None:
    # given
    ahead = (NOW + CLOCKS_DIFFER).isoformat()
    # then
    assert read({"id": "e", "label": 1, "time": ahead}).labels[0].time == NOW + CLOCKS_DIFFER


def test_too_much_at_once_is_refused_with_the_limit() -> None:
    # given
    label = {"id": "e", "label": 1}
    # then
    assert len(read({"labels": [label] * MOST_LABELS}).labels) == MOST_LABELS
    with pytest.raises(FeedbackTooLargeError, match=f"at most {MOST_LABELS} a request"):
        read({"labels": [label] * (MOST_LABELS + 1)})
    with pytest.raises(FeedbackTooLargeError, match=f"at most {LARGEST_BODY} a request"):
        read_batch(b" " * (LARGEST_BODY + 1), BINARY, NOW)


def test_the_same_labels_in_the_same_hour_have_the_same_place() -> None:
    # given
    batch = read({"id": "e", "label": 1})
    later = read({"id": "e", "label": 1, "time": "2026-11-21T10:00:00Z"})
    # when
    key = batch.key("credit", NOW)
    # then
    assert key.startswith("labels/credit/2026/11/21/10/feedback-")
    assert key == read({"labels": [{"label": 1, "id": "e"}]}).key("credit", NOW + timedelta(minutes=44))
    assert key != batch.key("credit", NOW + timedelta(minutes=45))
    assert key != later.key("credit", NOW)
    assert key != read({"id": "e", "label": "1"}).key("credit", NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(SECRET),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("id"), inner, max_size=4),
    max_leaves=12,
)
LABEL = st.fixed_dictionaries(
    {}, optional={"id": JSON, "label": JSON, "row": JSON, "time": JSON | st.datetimes().map(str), SECRET: JSON}
)
TASKS = st.sampled_from([BINARY, MULTICLASS, REGRESSION])


def outcome(body: bytes) -> Batch | MistakenBatchError:
    try:
        return read_batch(body, BINARY, NOW)
    except MistakenBatchError as refused:
        return refused


@given(body=st.binary() | (JSON | st.fixed_dictionaries({"labels": st.lists(LABEL)})).map(json.dumps).map(str.encode))
def test_any_body_is_taken_or_refused_without_a_word_of_what_it_holds(body: bytes) -> None:
    # when
    found = outcome(body)
    # then
    if isinstance(found, Batch):
        assert len(found.records(NOW).splitlines()) == len(found.labels) > 0
    else:
        assert found.mistakes
        assert SECRET not in str([mistake.problem for mistake in found.mistakes]) + str(found)


CLASSES = st.none() | st.booleans() | st.integers() | st.text(min_size=1, max_size=9).filter(str.strip)
TIMES = st.none() | st.datetimes(datetime(2000, 1, 1), NOW.replace(tzinfo=None), timezones=st.just(UTC))
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_ID).filter(str.strip)
ONE = st.builds(Label, NAMES, st.tuples(CLASSES), st.none() | st.integers(0, LAST_ROW), TIMES)
MANY = st.builds(Label, NAMES, st.lists(CLASSES, min_size=1, max_size=5).map(tuple), st.none(), TIMES)


def sent(label: Label) -> dict[str, Any]:
    """A label as an application sends it."""
    values = list(label.values) if len(label.values) > 1 else label.values[0]
    time = label.time.isoformat() if label.time else None
    return {"id": label.id, "label": values, "row": label.row, "time": time}


@given(labels=st.lists(ONE | MANY, min_size=1, max_size=20, unique_by=lambda label: label.id))
def test_what_is_sent_is_what_is_read_back_from_the_object(labels: list[Label]) -> None:
    # when
    batch = read({"labels": [sent(label) for label in labels]}, MULTICLASS)
    lines = batch.records(NOW).splitlines()
    # then
    for label, line in zip(labels, lines, strict=True):
        truth = read_ground_truth(line)
        assert (truth.id, truth.row) == (label.id, label.row)
        assert [value is None for value in truth.values] == [value is None for value in label.values]
        known = label.time or NOW
        assert truth.collected == known.replace(microsecond=known.microsecond // 1000 * 1000)


@given(labels=st.lists(ONE | MANY, min_size=1, max_size=20, unique_by=lambda label: label.id))
def test_what_is_taken_is_what_the_reader_of_label_files_can_use(labels: list[Label]) -> None:
    # given
    batch = read({"labels": [sent(label) for label in labels]}, MULTICLASS)
    source = Source(batch.key("credit", NOW), NOW.replace(minute=0, second=0, microsecond=0), NOW)
    # when
    rows, faults = LabelReader(MULTICLASS).read(source, [batch.records(NOW)])
    # then
    assert faults.total == 0
    assert len(rows) == sum(len(label.values) for label in labels)
