"""Every encoding and shape of data capture, and what happens to records that cannot be read."""

from __future__ import annotations

import base64
import json
import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import FEATURES, capture_record, model_spec
from watchkeeper import jsonio
from watchkeeper.capture import PREDICTED_LABEL, PREDICTED_SCORE, PREDICTED_VALUE, Block, CaptureReader
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.errors import CaptureError
from watchkeeper.refusal import Reason
from watchkeeper.spec import Feature, Kind, Output, Task
from watchkeeper.table import CategoryColumn, NumberColumn


def read(*lines: bytes, **changes: object) -> Block:
    blocks = list(CaptureReader(model_spec(**changes)).blocks([b"\n".join(lines)]))
    assert len(blocks) == 1
    return blocks[0]


def values(block: Block, name: str) -> list[object]:
    column = block.features.get(name) or block.predictions[name]
    if isinstance(column, CategoryColumn):
        return list(column.values)
    return [None if math.isnan(value) else value for value in column.values]


INSTANCES = {"instances": [{"age": 31, "income": 5.5, "home": "rent"}, {"home": "own", "age": None}]}
SHAPES = [
    ("31,5.5,rent\n,,own", "CSV", "text/csv"),
    ("31,5.5,rent\r\n?, NA ,own\r\n", "CSV", "text/csv"),
    ('31,5.5,"rent"\n,,"own"', "CSV", "text/csv"),
    (base64.b64encode(b"31,5.5,rent\n,null,own").decode(), "BASE64", "application/octet-stream"),
    (base64.b64encode(json.dumps(INSTANCES).encode()).decode(), "BASE64", "application/json"),
    (base64.b64encode(json.dumps(INSTANCES).encode()).decode(), "BASE64", "application/x-unknown"),
    (json.dumps(INSTANCES), "JSON", "application/json"),
    (json.dumps(INSTANCES["instances"]), "JSON", "application/json"),
    (json.dumps({"inputs": [[31, 5.5, "rent"], [None, None, "own"]]}), "JSON", "application/json"),
    (json.dumps([[31, 5.5, "rent"], [None, "", "own"]]), "JSON", "application/json"),
    ('{"age":31,"income":5.5,"home":"rent"}\n{"home":"own"}', "JSON", "application/jsonlines"),
    ('{"features":[31,5.5,"rent"]}\n{"features":[null,NaN,"own"]}', "JSON", "application/jsonlines"),
]


@pytest.mark.parametrize(("data", "encoding", "content_type"), SHAPES)
def test_two_rows_are_read_from_every_shape_of_request(data: str, encoding: str, content_type: str):
    # given a request of two rows, the second with missing values, in one of the shapes
    line = capture_record(data, "0.25\n0.75", encoding=encoding, content_type=content_type)

    # when it is read
    block = read(line)

    # then all shapes give the same columns
    assert not block.unreadable
    assert block.rows == 2
    assert values(block, "age") == [31.0, None]
    assert values(block, "income") == [5.5, None]
    assert values(block, "home") == ["rent", "own"]
    assert values(block, PREDICTED_SCORE) == [0.25, 0.75]
    assert values(block, PREDICTED_LABEL) == ["negative", "positive"]


ANSWERS = [
    ("0.93", "CSV", ["positive", 0.93]),
    ("1,0.93", "CSV", ["positive", 0.93]),
    ("0.3,no", "CSV", ["negative", 0.3]),
    ("0.07,0.93\n", "CSV", ["positive", 0.93]),
    ("1", "CSV", ["positive", 1.0]),
    ("0.93", "JSON", ["positive", 0.93]),
    ("[0.93]", "JSON", ["positive", 0.93]),
    ("[0.07, 0.93]", "JSON", ["positive", 0.93]),
    ("[[0.07, 0.93]]", "JSON", ["positive", 0.93]),
    ('{"predictions":[{"score":0.93}]}', "JSON", ["positive", 0.93]),
    ('{"predictions":[{"score":0.43,"predicted_label":1}]}', "JSON", ["positive", 0.43]),
    ('{"predictions":[[0.93]]}', "JSON", ["positive", 0.93]),
    ('{"label":"1","probability":0.93}', "JSON", ["positive", 0.93]),
    ('{"probabilities":[0.07,0.93]}', "JSON", ["positive", 0.93]),
    ('{"prediction":0}', "JSON", ["negative", None]),
    (base64.b64encode(b"0.93").decode(), "BASE64", ["positive", 0.93]),
]


@pytest.mark.parametrize(("answer", "encoding", "expected"), ANSWERS)
def test_binary_answers_are_read_from_every_shape(answer: str, encoding: str, expected: list[object]):
    # given one row, answered in one of the shapes
    line = capture_record("31,5.5,rent", answer, answer_encoding=encoding)

    # when it is read
    block = read(line)

    # then label and score come out alike
    assert not block.unreadable
    assert [values(block, PREDICTED_LABEL)[0], values(block, PREDICTED_SCORE)[0]] == expected


@pytest.mark.parametrize(
    ("task", "answer", "label", "score"),
    [
        (Task.MULTICLASS, "cat,0.7", "cat", 0.7),
        (Task.MULTICLASS, "cat", "cat", None),
        (Task.MULTICLASS, "0.1,0.7,0.2", "1", 0.7),
        (Task.MULTICLASS, "2,0.5", "2", 0.5),
        (Task.REGRESSION, "12.5", None, 12.5),
    ],
)
def test_answers_of_other_tasks(task: Task, answer: str, label: str | None, score: float | None):
    # given an answer of a multiclass or regression model; when it is read
    block = read(capture_record("31,5.5,rent", answer), task=task)

    # then its columns are those of the task
    if task is Task.REGRESSION:
        assert values(block, PREDICTED_VALUE) == [score]
    else:
        assert values(block, PREDICTED_LABEL) == [label]
        assert values(block, PREDICTED_SCORE) == [score]


def test_named_places_of_label_and_score_are_taken_before_any_guess():
    # given a model that says where its label and score are
    output = Output(label=2, score=0)

    # when an answer is read
    block = read(capture_record("31,5.5,rent", "0.2,ignored,1"), output=output)

    # then those places are taken
    assert values(block, PREDICTED_LABEL) == ["positive"]
    assert values(block, PREDICTED_SCORE) == [0.2]


def test_answers_on_one_line_belong_to_the_rows_of_the_request():
    # given three rows answered as one line of three values; when read
    block = read(capture_record("1,1,a\n2,2,b\n3,3,c", "0.1,0.2,0.9"))

    # then each row has its answer
    assert values(block, PREDICTED_SCORE) == [0.1, 0.2, 0.9]


def test_batch_transform_and_requests_without_an_answer_are_read():
    # given a batch transform's record, and one whose answer was not captured
    batch = capture_record("31,5.5,rent", "0.4", answer_place="batchTransformOutput")
    silent = capture_record("32,6.5,own", None)

    # when both are read
    answered, unanswered = CaptureReader(model_spec()).blocks([batch + b"\n" + silent])

    # then both rows are there, but never rows with and without an answer in one block
    assert (values(answered, "age"), values(answered, PREDICTED_SCORE)) == ([31.0], [0.4])
    assert (values(unanswered, "age"), values(unanswered, PREDICTED_SCORE)) == ([32.0], [])


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        (b"{broken", Reason.NOT_JSON, ["not JSON", "cut short"]),
        (b"[1]", Reason.NO_RECORD, ["holds a list"]),
        (b"{}", Reason.NO_RECORD, ["captureData"]),
        (capture_record("1,2", "0.1"), Reason.TOO_FEW_VALUES, ["row 1: 2 values where 3 are expected"]),
        (
            capture_record("1,2,x\n1,2,x,9", "0.1\n0.2"),
            Reason.TOO_MANY_VALUES,
            ["row 2: 4 values where 3 are expected"],
        ),
        (
            capture_record("1,2,x", "0.1", encoding="XML"),
            Reason.ENCODING,
            ["endpointInput.encoding", "'XML'", "BASE64"],
        ),
        (capture_record("%%%", "0.1", encoding="BASE64"), Reason.ENCODING, ["base64", "CaptureContentTypeHeader"]),
        (capture_record("{", "0.1", encoding="JSON"), Reason.MALFORMED, ["endpointInput.data is not JSON"]),
        (capture_record('{"age":1}\n{', "0.1", encoding="JSON"), Reason.MALFORMED, ["line 2"]),
        (capture_record('{"instances":[]}', "0.1", encoding="JSON"), Reason.NO_ROW, ["holds no row"]),
        (capture_record('[{"salary":5}]', "0.1", encoding="JSON"), Reason.NO_FEATURE, ["no known feature", "age"]),
        (capture_record("1,2,x\n1,2,y", "0.1"), Reason.ROWS_AND_ANSWERS, ["1 answers to 2 rows"]),
        (capture_record("1,2,x", "a,b,c,d"), Reason.ANSWER_FORM, ["no known form", "output section"]),
        (capture_record('1,2,"x', "0.1"), Reason.MALFORMED, ["CSV text is malformed"]),
        (
            json.dumps({"captureData": {}, "eventMetadata": {}}).encode(),
            Reason.NO_BODY,
            ["capture both Input and Output"],
        ),
    ],
)
def test_an_unreadable_record_costs_only_itself_and_says_why(line: bytes, kind: Reason, words: list[str]):
    # given a bad record between two good ones
    good = capture_record("31,5.5,rent", "0.4")

    # when the three are read
    block = read(good, line, good)

    # then the good ones are there, and the bad one has its line, its bytes and a reason that quotes no value of a row
    assert block.rows == 2
    assert [(item.line, item.raw, item.kind) for item in block.unreadable] == [(2, line, kind)]
    for word in words:
        assert word in block.unreadable[0].reason


def test_how_many_values_a_wrong_row_has_is_told_apart():
    # given rows with a value too few and too many, and a record that is wrong in another way; when they are read
    block = read(capture_record("1,2", "0.1"), capture_record("1,2,x,9", "0.1"), b"{broken")

    # then of the rows the number is told
    assert [item.values for item in block.unreadable] == [2, 4, None]


@pytest.mark.parametrize(
    ("rows", "shapes"),
    [
        ('[{"age":1,"income":2,"home":"x"}]', {((), ()): 1}),
        ('[{"age":1,"income":null,"home":"x"}]', {((), ()): 1}),
        (
            '[{"age":1,"income":2},{"home":"x","wage":2,"id":7}]',
            {(("home",), ()): 1, (("age", "income"), ("id", "wage")): 1},
        ),
        ('{"instances":[{"features":[1,2,"x"]},[1,2,"x"]]}', {}),
        ('[{"age":1,"income":2,"home":"x","' + "k" * 99 + '":1}]', {((), ("k" * 64,)): 1}),
        (r'[{"age":1,"income":2,"home":"x","\ud800":1}]', {((), ("?",)): 1}),
    ],
    ids=["as expected", "null", "absent and unknown", "lists", "a long key", "half a character"],
)
def test_absent_and_unknown_keys_of_objects_are_told_by_name(rows: str, shapes: dict[tuple, int]):
    # given a request of objects; when it is read
    answers = json.dumps([0.5] * len(next(iter(json.loads(rows).values())) if rows[0] == "{" else json.loads(rows)))
    block = read(capture_record(rows, answers, encoding="JSON", answer_encoding="JSON"))

    # then each row's keys are held against the features; an absent key is not a null
    assert not block.unreadable
    assert dict(block.keys) == shapes


@pytest.mark.parametrize(
    ("time", "second"),
    [
        ("2026-11-21T10:00:00Z", 1795255200),
        ("2026-11-21T10:00:00.999Z", 1795255200),
        ("2026-11-21T12:00:00+02:00", 1795255200),
        ("2026-11-21T10:00:00", 1795255200),
        ("1969-12-31T23:59:59.5Z", -1),
        ("", UNKNOWN_TIME),
        ("yesterday", UNKNOWN_TIME),
    ],
)
def test_the_time_of_an_inference_is_read_in_whole_seconds(time: str, second: int):
    # given a record; when it is read by each of the readers; then all know the second
    captured = [capture_record("31,5.5,rent", "0.4", time=time) for _ in range(3)]
    told = CaptureReader(model_spec()).record(captured[0]).time
    assert (UNKNOWN_TIME if told is None else told.timestamp()) == second
    assert read(*captured).times.tolist() == [second] * 3
    assert read(captured[0], capture_record('31,5.5,"rent"', "0.4", time=time)).times.tolist() == [second] * 2


def test_values_of_the_wrong_type_are_counted_apart_from_missing_ones():
    # given words for numbers, a fraction for an integer, infinities, digits with underscores, and nested values
    lines = [
        capture_record("old,inf,rent", "0.1"),
        capture_record("30.5,1_000,rent", "0.1"),
        capture_record(",-Infinity,", "0.1"),
        capture_record('[{"age":true,"income":"7","home":["a"]}]', "0.1", encoding="JSON"),
    ]

    # when they are read
    block = read(*lines)

    # then each counts as what it is
    age, income, home = block.features["age"], block.features["income"], block.features["home"]
    assert (age.invalid, income.invalid, home.invalid) == (2, 1, 1)
    assert isinstance(age, NumberColumn)
    assert isinstance(income, NumberColumn)
    np.testing.assert_array_equal(age.values, [np.nan, np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(income.values, [np.inf, np.nan, -np.inf, 7.0])
    assert values(block, "home") == ["rent", "rent", None, None]


def test_personal_features_are_read_over():
    # given a model whose second field is personal
    features = (FEATURES[0], Feature("name", Kind.CATEGORY, personal=True), FEATURES[2])

    # when a record is read
    block = read(capture_record("31,Jane Doe,rent", "0.1"), features=features)

    # then the field is in no column
    assert set(block.features) == {"age", "home"}
    assert values(block, "home") == ["rent"]


def test_glue_without_orjson_reads_alike(monkeypatch: pytest.MonkeyPatch):
    # given records that strain a JSON reader
    lines = [
        capture_record('[{"age":1e400,"income":NaN,"home":"\\ud800"}]', "0.1", encoding="JSON"),
        capture_record('{"age":12345678901234567890123,"income":1.0,"home":3.0}', "0.1", encoding="JSON"),
        b"[" * 100_000,
        b'"\xff"',
    ]

    # when they are read with and without orjson
    with_orjson = read(*lines)
    monkeypatch.setattr(jsonio, "orjson", None)
    without = read(*lines)

    # then both give the same columns, and refuse the same records
    assert values(with_orjson, "home") == values(without, "home") == ["?", "3"]
    assert values(with_orjson, "age") == values(without, "age")
    assert [item.line for item in with_orjson.unreadable] == [item.line for item in without.unreadable] == [3, 4]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    data=st.text(max_size=60) | json_values.map(lambda value: json.dumps(value)),
    answer=st.text(max_size=30) | json_values.map(lambda value: json.dumps(value)),
    encoding=st.sampled_from(["CSV", "JSON", "BASE64"]),
    answer_encoding=st.sampled_from(["CSV", "JSON", "BASE64"]),
    task=st.sampled_from(Task),
)
def test_no_body_however_odd_breaks_the_reader(data, answer, encoding, answer_encoding, task):
    # given any bodies
    line = capture_record(data, answer, encoding=encoding, answer_encoding=answer_encoding)

    # when the record is read between two good ones
    good = capture_record("31,5.5,rent", "0.4")
    block = read(good, line, good, task=task)

    # then it is either read or handed back, and the good ones always are read
    assert block.rows >= 2
    assert len(block.unreadable) == (block.rows == 2)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), edits=st.integers(1, 5))
def test_no_damage_to_a_record_breaks_the_reader(seed: int, edits: int):
    # given a record with bytes changed, dropped or doubled
    generator = random.Random(seed)
    line = bytearray(capture_record("31,5.5,rent", "0.4"))
    for _ in range(edits):
        place = generator.randrange(len(line))
        line[place : place + generator.randrange(3)] = bytes(
            generator.randrange(256) for _ in range(generator.randrange(3))
        )

    # when it is read
    rows, reason = [], ""
    try:
        rows = list(CaptureReader(model_spec()).record(bytes(line)).inputs)
    except CaptureError as error:
        reason = str(error)

    # then it is a record, or the reason is given
    assert bool(rows) is not bool(reason)
