"""Labels of rows: read from every form of file, and the newest of each row whatever the order of files."""

from __future__ import annotations

import io
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import label_record, model_spec
from watchkeeper import ids
from watchkeeper.errors import LabelError
from watchkeeper.jsonio import dumps
from watchkeeper.labels import Fault, LabelReader, Labels, Source
from watchkeeper.spec import Label, Task

HOUR = datetime(2026, 11, 21, 9, tzinfo=UTC)


def source(name: str = "a.jsonl", *, hour: datetime = HOUR, written: datetime | None = None) -> Source:
    """A file, written when its hour began unless it is said otherwise."""
    return Source(f"labels/credit/2026/11/21/09/{name}", hour, written or hour)


def told(labels: Labels) -> dict[tuple[bytes, int], tuple[Any, int]]:
    """Each row's label and how many rows it says its request has."""
    truth = labels.truth.values if isinstance(labels.truth.values, list) else labels.truth.values.tolist()
    keys = zip(labels.ids.tolist(), labels.places.tolist(), strict=True)
    return {key: (value, size) for key, value, size in zip(keys, truth, labels.sizes.tolist(), strict=True)}


def row(text: str, place: int = 0) -> tuple[bytes, int]:
    return ids.digest(text).tolist()[0], place


def one_row(identity: str, place: Any, data: str, collected: str | None = None) -> bytes:
    """A ground truth record of one row of a request."""
    metadata = {"eventId": identity, "row": place} | ({"collectedAt": collected} if collected else {})
    return dumps({"groundTruthData": {"data": data, "encoding": "CSV"}, "eventMetadata": metadata, "eventVersion": "0"})


def test_a_record_labels_all_rows_of_its_request_or_one_of_them():
    # given
    lines = [label_record("two", "1\n0"), one_row("three", 2, "1"), label_record("withdrawn", "")]

    # when
    labels, faults = LabelReader(model_spec()).read(source(), [b"\n".join(lines)])

    # then
    assert told(labels) == {
        row("two"): ("1", 2),
        row("two", 1): ("0", 2),
        row("three", 2): ("1", 0),
        row("withdrawn"): (None, 1),
    }
    assert faults.total == 0


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_with_a_column_of_ids_is_read_like_records(form: str):
    # given the same labels as a table
    columns = {"inference_id": ["a", "b", "b", "c"], "label": ["1", "0", "1", None], "row": ["", "0", "1", ""]}
    if form == "csv":
        rows = zip(*columns.values(), strict=True)
        written = "\ufeffinference_id,label,row\r\n" + "".join(f"{a},{b or ''},{c}\r\n" for a, b, c in rows)
        data = written.encode()
    else:
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        data = sink.getvalue()

    # when it is read in chunks cut anywhere
    chunks = [data[start : start + 7] for start in range(0, len(data), 7)]
    labels, faults = LabelReader(model_spec()).read(source(f"a.{form}"), chunks)

    # then
    assert told(labels) == {
        row("a"): ("1", 1),
        row("b"): ("0", 0),
        row("b", 1): ("1", 0),
        row("c"): (None, 1),
    }
    assert faults.total == 0


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_table_without_ids_or_labels_is_refused_with_its_columns(name: str):
    # given
    data = b"customer,label\n1,0\n"
    if name.endswith("parquet"):
        sink = io.BytesIO()
        pq.write_table(pa.table({"customer": ["1"], "label": ["0"]}), sink)
        data = sink.getvalue()

    # then
    with pytest.raises(LabelError, match=r"customer, label.*inference_id"):
        LabelReader(model_spec()).read(source(name), [data])


def test_what_is_no_parquet_is_refused():
    with pytest.raises(LabelError, match=r"a\.parquet"):
        LabelReader(model_spec()).read(source("a.parquet"), [b"PAR1 but no more"])


def test_labels_that_cannot_be_used_are_counted_and_the_rest_goes_on():
    # given a file with one label of each fault, among good ones; and the training data's own labels
    lines = [
        label_record("good", "<=50K"),
        b"{",
        label_record("", "<=50K"),
        label_record("new", "<=50K."),
        one_row("late", 0, ">50K", "2026-11-21T09:06:00Z"),
        one_row("odd", -1, ">50K"),
        label_record("also-good", ">50K"),
    ]
    spec = model_spec(label=Label("income", ">50K"))

    # when
    labels, faults = LabelReader(spec, known=["<=50K", ">50K"]).read(source(), [b"\n".join(lines)])

    # then
    assert told(labels) == {row("good"): ("0", 1), row("also-good"): ("1", 1)}
    assert faults.counts == {Fault.UNREADABLE: 2, Fault.NO_ID: 1, Fault.UNKNOWN_VALUE: 1, Fault.FUTURE: 1}
    assert faults.places[Fault.UNKNOWN_VALUE] == ["labels/credit/2026/11/21/09/a.jsonl, line 4"]


def test_a_label_of_a_regression_is_a_finite_number():
    # given
    lines = [label_record(str(place), data) for place, data in enumerate(["1.5", "many", "inf", "-2e3"])]

    # when
    labels, faults = LabelReader(model_spec(task=Task.REGRESSION)).read(source(), [b"\n".join(lines)])

    # then
    assert told(labels) == {row("0"): (1.5, 1), row("3"): (-2000.0, 1)}
    assert faults.counts == {Fault.WRONG_TYPE: 2}


def test_of_two_labels_the_one_that_was_collected_later_counts_then_the_one_written_later():
    # given
    reader = LabelReader(model_spec())
    early, late = HOUR, HOUR + timedelta(hours=1)
    files = [
        (source("a.jsonl", hour=late), label_record("by-hour", "1")),
        (source("b.jsonl", hour=early, written=late - timedelta(minutes=5)), label_record("by-hour", "0")),
        (source("c.jsonl", written=late), label_record("by-writing", "1")),
        (source("d.jsonl", written=early), label_record("by-writing", "0")),
        (source("e.jsonl", hour=late), one_row("by-record", 0, "0", "2026-11-21T08:00:00Z")),
        (source("f.jsonl", hour=early), one_row("by-record", 0, "1", "2026-11-21T08:00:01+00:00")),
        (source("g.jsonl"), label_record("by-line", "0") + b"\n" + label_record("by-line", "1")),
    ]

    # when
    labels = Labels.newest([reader.read(where, [data])[0] for where, data in files])

    # then
    assert {key: value for key, (value, _) in told(labels).items()} == {
        row("by-hour"): "1",
        row("by-writing"): "1",
        row("by-record"): "1",
        row("by-line"): "1",
    }


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.sampled_from(["0", "1", ""]), st.integers(0, 3)),
        min_size=1,
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_labels_come_to_the_same_in_whatever_order_and_however_often(
    records: list[tuple[str, int, str, int]], shuffled: random.Random
):
    # given a file for each label, with times of collection and of writing that agree for some
    reader = LabelReader(model_spec())
    parts = [
        reader.read(source(f"{place}.jsonl", written=HOUR + timedelta(seconds=place // 2)), [record])[0]
        for place, record in enumerate(
            one_row(name, at, value, f"2026-11-21T08:0{minute}:00Z") for name, at, value, minute in records
        )
    ]
    once = Labels.newest(parts)

    # when they are put together in another order, some of them twice, and some of them before the others
    again = [*parts, *shuffled.sample(parts, shuffled.randint(0, len(parts)))]
    shuffled.shuffle(again)
    cut = shuffled.randint(0, len(again))
    halves = [half for half in (again[:cut], again[cut:]) if half]
    twice = Labels.newest([Labels.newest(half) for half in halves])

    # then nothing depends on it
    assert told(twice) == told(once)
    np.testing.assert_array_equal(twice.collected, once.collected)
    assert once.is_sorted


@pytest.mark.parametrize(
    ("written", "collected"),
    [("09:20", "09:20"), ("08:58", "09:00"), ("11:45", "10:00")],
)
def test_a_file_tells_when_its_labels_were_collected_within_its_hour(written: str, collected: str):
    # given a file that is filed under nine o'clock
    at = datetime.fromisoformat(f"2026-11-21T{written}:00+00:00")

    # when
    labels, _ = LabelReader(model_spec()).read(source(written=at), [label_record("a", "1")])

    # then
    found = datetime.fromtimestamp(labels.collected[0] / 1e6, UTC)
    assert f"{found:%H:%M}" == collected
