"""An hour too large for one file, and a file of labels too large for one reader: cut and nothing is lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from tests.support import label_record, model_spec
from watchkeeper import ids, naming
from watchkeeper.aws import label_pieces
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.store import Store
from watchkeeper.curated import from_parquet, from_stream, nothing, shards, to_parquet, to_stream
from watchkeeper.labels import Faults, LabelReader, Labels

SPEC = model_spec()
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="data")
        yield Store(client, "data")


def some_ids(count: int) -> ids.Ids:
    return np.sort(ids.digests(str(number).encode() for number in range(count)))


@pytest.mark.parametrize("digits", [0, 1, 2])
def test_ids_are_cut_into_parts_that_hold_each_once(digits: int):
    # given
    ordered = some_ids(5000)
    # when
    parts = list(ids.cut(ordered, digits))
    # then
    assert len(parts) == 16**digits
    assert np.array_equal(np.concatenate([ordered[part] for _, part in parts]), ordered)
    for first, part in parts:
        assert {name.hex()[:digits] for name in ordered[part].tolist()} == {first}


def test_digits_that_no_id_begins_with_are_left_out():
    # given
    one = ids.digest("a")
    # then
    assert [first for first, _ in ids.cut(one, 2)] == [one.tolist()[0].hex()[:2]]
    assert list(ids.cut(ids.unknown(0), 1)) == []


@pytest.mark.parametrize(
    ("staged", "digits"), [(1, 1), (16 * shards.SHARD_BYTES, 1), (16 * shards.SHARD_BYTES + 1, 2), (5 << 30, 2)]
)
def test_an_hour_is_cut_until_each_file_is_small(staged: int, digits: int):
    assert shards.digits(staged) == digits


def test_no_rows_can_be_written_and_read():
    # when
    empty = nothing(SPEC)
    # then
    assert len(from_parquet(SPEC, to_parquet(SPEC, "v1", empty))) == 0
    assert [len(part) for part in from_stream(SPEC, to_stream(SPEC, empty))] == [0]
    assert list(empty.cut(1)) == []


@pytest.mark.parametrize("digits", ["0", "7", "f", "3c"])
def test_of_a_coarse_file_only_the_ids_near_some_digits_are_read(
    store: Store, digits: str, monkeypatch: pytest.MonkeyPatch
):
    # given
    held = some_ids(20_000)
    store.put(naming.ids_key("credit", "v1", NOON), held.tobytes())
    hours = CuratedHours(store, SPEC, NOON, timedelta(days=1))
    monkeypatch.setattr(Store, "get", lambda *_: pytest.fail("the whole object is read"))
    # when
    ((_, near),) = hours.ids_among(hours.with_ids(), digits)
    # then
    wanted = [name for name in held.tolist() if name.hex().startswith(digits)]
    assert set(wanted) <= set(near.tolist())
    assert len(near) < len(held) / 8


def test_a_request_of_so_many_rows_that_ids_are_uneven_is_found_all_the_same(store: Store):
    # given ids of which one stands there thousands of times, before those that are wanted
    held = np.sort(np.concatenate([some_ids(500), np.repeat(ids.from_hex(b"1" * 32), 9000)]))
    store.put(naming.ids_key("credit", "v1", NOON), held.tobytes())
    hours = CuratedHours(store, SPEC, NOON, timedelta(days=1))
    # when
    ((_, near),) = hours.ids_among(hours.with_ids(), "8")
    # then
    assert {name for name in held.tolist() if name.hex().startswith("8")} <= set(near.tolist())


def test_only_files_that_may_have_some_digits_are_read_for_them(store: Store):
    # given an hour in sixteenths, and the file without rows that is left of the whole
    held = some_ids(100)
    for first, part in ids.cut(held, 1):
        store.put(naming.ids_key("credit", "v1", NOON, first), held[part].tobytes())
    store.put(naming.ids_key("credit", "v1", NOON), b"")
    hours = CuratedHours(store, SPEC, NOON, timedelta(days=1))
    # then
    assert [shard.digits for shard, _ in hours.ids_among(hours.with_ids(), "a")] == ["a"]
    assert [shard.digits for shard, _ in hours.ids_among(hours.with_ids(), "ab")] == ["a"]
    assert len(list(hours.ids_among(hours.with_ids(), ""))) == 16


def files_of(store: Store, name: str, content: bytes) -> LabelFiles:
    store.put(f"labels/credit/2026/11/21/12/{name}", content)
    return LabelFiles(store, SPEC, datetime.now(UTC), [NOON], timedelta(days=1))


def parquet(count: int) -> bytes:
    sink = io.BytesIO()
    rows = {"id": [str(n) for n in range(count)], "label": [str(n % 2) for n in range(count)]}
    pq.write_table(pa.table(rows), sink, row_group_size=90)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b"\n".join(label_record(str(n), str(n % 2)) for n in range(400))),
        ("a.csv", b"id,label\n" + b"".join(b"%d,%d\n" % (n, n % 2) for n in range(400))),
        ("a.parquet", parquet(400)),
    ],
)
def test_a_file_of_labels_says_in_pieces_what_it_says_as_a_whole(store: Store, name: str, content: bytes):
    # given
    files = files_of(store, name, content)
    ((file, _),) = files.to_read()
    whole = files.read(LabelReader(SPEC), file)
    # when
    pieces = label_pieces.cut(files, file, largest=500)
    read = [label_pieces.read(files, LabelReader(SPEC), piece) for piece in pieces]
    # then
    assert len(pieces) > 3
    assert whole is not None
    together = Labels.newest([part[0] for part in read if part is not None])
    assert len(together) == 400
    assert together.truth.values == whole[0].truth.values
    for array in ("ids", "places", "sizes", "collected", "orders"):
        assert np.array_equal(getattr(together, array), getattr(whole[0], array))


def test_a_label_that_cannot_be_used_is_found_by_its_piece(store: Store):
    # given
    files = files_of(store, "a.csv", b"id,label\n" + b"1,1\n" * 50 + b",1\n" + b"1,1\n" * 50)
    ((file, _),) = files.to_read()
    # when
    faults = Faults()
    for piece in label_pieces.cut(files, file, largest=100):
        if (read := label_pieces.read(files, LabelReader(SPEC), piece)) is not None:
            faults.merge(read[1])
    # then its line is counted from the piece's header
    assert [*faults.places.values()] == [["labels/credit/2026/11/21/12/a.csv, line 4 from byte 200"]]


def test_a_damaged_parquet_file_is_one_piece_which_says_so(store: Store):
    # given
    files = files_of(store, "a.parquet", b"no parquet")
    ((file, _),) = files.to_read()
    # then
    assert label_pieces.cut(files, file) == [label_pieces.LabelPiece(file)]
