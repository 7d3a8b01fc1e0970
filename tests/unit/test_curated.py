"""Curated predictions: read back as written, each row once, and joined with labels in any order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import capture_record, label_record, model_spec
from tests.unit.captured import cells
from watchkeeper import ids
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Predictions, Stager, from_parquet, from_stream, to_parquet
from watchkeeper.curated.columns import RESERVED, fields, share_fields
from watchkeeper.curated.columns import table as columns_of
from watchkeeper.labels import LabelReader, Labels, Source
from watchkeeper.labels.table import UNLABELLED
from watchkeeper.spec import Feature, Kind, ModelSpec, Output, Task
from watchkeeper.table import NumberColumn

HOUR = datetime(2026, 11, 21, 9, tzinfo=UTC)
ALL_KINDS = (
    Feature("Age", Kind.INTEGER),
    Feature("in come", Kind.NUMBER),
    Feature("home", Kind.CATEGORY),
    Feature("note", Kind.TEXT),
    Feature("since", Kind.TIMESTAMP),
    Feature("ssn", Kind.TEXT, personal=True),
)


def curated(spec: ModelSpec, *lines: bytes, origin: str = "a") -> Predictions:
    """Captured lines as curated predictions."""
    blocks = CaptureReader(spec, identified=True).blocks([b"\n".join(lines)])
    return Predictions.together([Predictions.of_block(block, spec.task, origin, 0) for block in blocks])


def labels(spec: ModelSpec, *lines: bytes, hour: datetime = HOUR, key: str = "a.jsonl") -> Labels:
    return LabelReader(spec).read(Source(key, hour, hour), [b"\n".join(lines)])[0]


def told(predictions: Predictions) -> dict[tuple[bytes, int], tuple[Any, ...]]:
    """All that is known of each row."""
    named = [*predictions.features.values(), *predictions.predictions.values(), predictions.truth]
    columns = [cells(column) for column in (*named, *map(NumberColumn, predictions.shares.values()))]
    own = (predictions.sizes, predictions.times, predictions.collected, predictions.orders)
    keys = list(zip(predictions.ids.tolist(), predictions.places.tolist(), strict=True))
    rows = zip(*columns, *(array.tolist() for array in own), strict=True)
    found = dict(zip(keys, rows, strict=True))
    assert len(found) == len(keys)
    return found


def truth_of(predictions: Predictions, identity: str, place: int = 0) -> Any:
    at = predictions.ids.tolist().index(ids.digest(identity).tolist()[0]) + place
    return predictions.truth.values[at]


@pytest.mark.parametrize("task", Task)
def test_rows_are_read_back_as_they_were_written(task: Task):
    # given rows with missing, infinite and odd values, an answer that is missing, and some labels
    spec = model_spec(features=ALL_KINDS, task=task)
    lines = [
        capture_record("31,5.5,own,hello,2026-01-02T03:04:05Z,x", "0.5", event_id="e1", time="2026-11-21T09:00:00Z"),
        capture_record(",inf,,,,x\n7,-1e300,rent é,å,1700000000,x", "0.25\n1", event_id="e2"),
        capture_record("7,nan,own,b,,x", None, event_id="e3", time="2026-11-21T09:59:59Z"),
    ]
    captured = curated(spec, *lines)
    rows = captured.joined(labels(spec, label_record("e2", "1\n0"))).predictions

    # when they are written and read in both forms
    stager = Stager(spec, "a")
    for block in CaptureReader(spec, identified=True).blocks([b"\n".join(lines)]):
        stager.add(block)
    streamed = Predictions.together(list(from_stream(spec, stager.content())))
    filed = from_parquet(spec, to_parquet(spec, "v1", rows))

    # then
    assert told(streamed) == told(captured)
    assert told(filed) == told(rows)
    assert len(rows) == 4
    assert b"hello" not in to_parquet(spec, "v1", rows)


def test_probabilities_of_classes_are_kept_and_read_by_specs_with_and_without_them():
    # given answers with probabilities, of a label alone, and one that is missing; a request that came twice
    spec = model_spec(task=Task.MULTICLASS, output=Output(classes=("cat", "Dog!", "2")))
    lines = [
        capture_record("31,5,own\n7,5,own", "0.1,0.7,0.2\n0.5,0.25,0.25", event_id="e1"),
        capture_record("31,5,own", "cat", event_id="e2"),
        capture_record("31,5,own", None, event_id="e3"),
        capture_record("31,5,own\n7,5,own", "0.1,0.7,0.2\n0.5,0.25,0.25", event_id="e1"),
    ]
    rows = curated(spec, *lines).joined(labels(spec, label_record("e1", "cat\n2"))).predictions

    # when they are written and read, also by the model's file as it was before it named classes
    written = to_parquet(spec, "v1", rows)
    read, before = from_parquet(spec, written), from_parquet(model_spec(task=Task.MULTICLASS), written)
    old = from_parquet(spec, to_parquet(model_spec(task=Task.MULTICLASS), "v1", before))

    # then
    assert told(read) == told(rows)
    assert len(rows) == 4
    assert list(read.shares) == ["cat", "Dog!", "2"]
    assert before.shares == {}
    assert [np.isnan(share).all() for share in old.shares.values()] == [True, True, True]
    # and each has a column, which is a double in the table
    table = pq.read_table(pa.BufferReader(written))
    assert sorted(table.column("probability_dog").to_pylist(), key=str) == [0.25, 0.7, None, None]
    assert ("probability_2", "double", "probability of the class 2") in columns_of(spec)
    assert set(table.column_names) == {name for name, _, _ in columns_of(spec)}


def test_naming_classes_leaves_the_columns_that_were_there():
    # given a model whose features are named as the columns of probabilities would be
    features = (Feature("probability_cat", Kind.NUMBER), Feature("probability cat", Kind.NUMBER))
    before = model_spec(task=Task.MULTICLASS, features=features)
    after = model_spec(task=Task.MULTICLASS, features=features, output=Output(classes=("cat", "CAT", "dog")))

    # when it names classes, two of which differ in what Athena's names cannot tell
    shared = [field.name for field in share_fields(after)]

    # then
    assert fields(after) == fields(before)
    assert shared == ["probability_cat__", "probability_cat___", "probability_dog"]


def test_a_file_is_read_by_a_spec_with_other_features():
    # given a file of an older spec
    old = model_spec(features=(Feature("gone", Kind.NUMBER), Feature("kept", Kind.CATEGORY)))
    new = model_spec(features=(Feature("kept", Kind.CATEGORY), Feature("came", Kind.TIMESTAMP)))
    written = to_parquet(old, "v1", curated(old, capture_record("1,a", "0.5", event_id="e1")))

    # when
    read = from_parquet(new, written)

    # then what it lacks is missing, and it can be written again
    assert cells(read.features["kept"]) == ["a"]
    assert cells(read.features["came"]) == ["nan"]
    assert told(from_parquet(new, to_parquet(new, "v1", read))) == told(read)


def test_columns_have_names_that_athena_takes_each_once():
    # given
    names = ["Label", "in come", "in-come", "äöü", "dt", "Predicted Label", "a" * 50]

    # when
    found = fields(model_spec(features=tuple(Feature(name, Kind.NUMBER) for name in names)))

    # then
    kept = [field.name for field in found]
    assert len(set(kept)) == len(kept)
    assert not set(kept) & set(RESERVED)
    assert all(name == name.lower() and name.replace("_", "").isalnum() and name.isascii() for name in kept)
    assert {field.source: field.name for field in found}["in come"] == "in_come"


def test_what_people_query_is_plain():
    # given a file
    spec = model_spec(features=ALL_KINDS)
    line = capture_record("31,5.5,own,hello,1700000000,x", "0.5", event_id="e1", time="2026-11-21T09:00:00Z")
    rows = curated(spec, line).joined(labels(spec, label_record("e1", "1"))).predictions

    # when
    table = pq.read_table(pa.BufferReader(to_parquet(spec, "v3", rows)))

    # then
    assert table.to_pylist() == [
        {
            "prediction_id": ids.to_hex(ids.digest("e1")).decode(),
            "request_row": 0,
            "request_rows": 1,
            "predicted_at": datetime(2026, 11, 21, 9),  # Parquet's instants, as Athena shows them
            "predicted_label": "positive",
            "predicted_score": 0.5,
            "confidence": 0.5,
            "age": 31.0,
            "in_come": 5.5,
            "home": "own",
            "note_length": 5.0,
            "since": datetime(2023, 11, 14, 22, 13, 20),
            "label": "1",
            "label_collected_at": datetime(2026, 11, 21, 9),
            "label_order": int(rows.orders[0]),
            "version": "v3",
        }
    ]


def test_a_row_that_comes_twice_is_kept_once_with_its_first_answer():
    # given a client that asks again under the same id, and records without any
    spec = model_spec()
    twice = [
        capture_record("31,5.5,own", "0.9", event_id="x", inference_id="i", time="2026-11-21T09:10:00Z"),
        capture_record("31,5.5,own", "0.1", event_id="y", inference_id="i", time="2026-11-21T09:05:00Z"),
    ]
    nameless = [capture_record("31,5.5,own", "0.3", event_id="") for _ in range(2)]

    # when
    rows = curated(spec, *twice, *nameless)
    again = Predictions.together([rows, curated(spec, *twice, *nameless)])

    # then
    assert len(rows) == 3
    assert told(again) == told(rows)
    at = rows.ids.tolist().index(ids.digest("i").tolist()[0])
    assert rows.predictions["predicted score"].values[at] == 0.1  # type: ignore[union-attr]  # a number's


def test_a_label_is_taken_when_it_is_newer_and_speaks_of_as_many_rows():
    # given two requests, one of two rows
    spec = model_spec()
    rows = curated(
        spec,
        capture_record("1,2,own", "0.9", event_id="one"),
        capture_record("1,2,own\n3,4,own", "1\n0", event_id="two"),
    )
    first = labels(spec, label_record("one", "0"), label_record("two", "1"), label_record("unheard-of", "1"))

    # when one label names too few rows, and one an id that nobody has
    joined = rows.joined(first)

    # then
    assert joined.found.sum() == 2
    assert joined.misfits.sum() == 1
    assert truth_of(joined.predictions, "one") == "0"
    assert truth_of(joined.predictions, "two") is None
    assert joined.predictions.collected.tolist().count(UNLABELLED) == 2

    # when a correction comes, an older label later, and a withdrawal
    corrected = joined.predictions.joined(labels(spec, label_record("one", "1"), hour=HOUR + timedelta(hours=2)))
    older = corrected.predictions.joined(labels(spec, label_record("one", "0"), hour=HOUR + timedelta(hours=1)))
    withdrawn = older.predictions.joined(labels(spec, label_record("one", ""), hour=HOUR + timedelta(hours=3)))

    # then
    assert (len(corrected.changed), len(older.changed), len(withdrawn.changed)) == (1, 0, 1)
    assert truth_of(older.predictions, "one") == "1"
    assert truth_of(withdrawn.predictions, "one") is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["0", "1", ""]), st.integers(0, 5)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_joining_in_any_order_and_again_comes_to_the_same(records: list[tuple[str, str, int]], shuffled: random.Random):
    # given predictions in two captures, and files of labels
    spec = model_spec()
    captures = [
        curated(spec, *(capture_record("1,2,own", "0.9", event_id=name) for name in names)) for names in ("ab", "bc")
    ]
    files = [
        labels(spec, label_record(name, value), hour=HOUR + timedelta(hours=hour), key=f"{place}.jsonl")
        for place, (name, value, hour) in enumerate(records)
    ]

    # when everything is there at once
    whole = Predictions.together(captures).joined(Labels.newest(files)).predictions if files else None

    # and when labels and captures come in any order, some of them twice
    steps: list[Predictions | Labels] = [*captures, *files, *shuffled.sample(files, len(files) // 2), captures[0]]
    shuffled.shuffle(steps)
    rows = Predictions.together(captures).taken(np.empty(0, np.intp))
    pending: list[Labels] = []
    for step in steps:
        if isinstance(step, Labels):
            pending.append(step)
        else:
            rows = Predictions.together([rows, step])
        for waiting in pending:
            rows = rows.joined(waiting).predictions

    # then
    assert whole is None or told(rows) == told(whole)
