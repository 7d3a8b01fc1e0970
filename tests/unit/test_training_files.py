"""Files of any size are read a piece at a time, and give the rows that they give when they are read whole."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from glue_jobs import files
from watchkeeper.aws import deployed
from watchkeeper.errors import DatasetError

TABLE = pd.DataFrame({"a": [str(n) for n in range(200)], "b": ["x, y" if n % 3 else "" for n in range(200)]})


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    deployed.client.cache_clear()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="data")
        yield client
    deployed.client.cache_clear()


def put(s3: Any, key: str, body: bytes) -> str:
    s3.put_object(Bucket="data", Key=key, Body=body)
    return f"s3://data/{key}"


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(table), buffer, row_group_size=70)
    return buffer.getvalue()


def read(tasks: list[files.Task]) -> tuple[list[str], pd.DataFrame]:
    found = [item for task in tasks for item in files.tables(task)]
    tables = pd.concat([table for _, table in found], ignore_index=True).astype(object)
    return [name for names, _ in found for name in names], tables


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("largest", [10**6, 300, 17])
def test_a_csv_file_gives_the_same_rows_in_pieces(s3: Any, monkeypatch: pytest.MonkeyPatch, largest: int, end: str):
    # given
    monkeypatch.setattr(files, "ROWS_AT_ONCE", 50)
    uri = put(s3, "rows.csv", TABLE.to_csv(index=False, lineterminator=end).encode())
    # when
    names, found = read(files.tasks(uri, ["a", "b"], largest))
    # then
    pd.testing.assert_frame_equal(found, TABLE.astype(object))
    assert len(set(names)) == len(TABLE)
    assert largest < 10**6 or names == [str(number) for number in range(200)]


def test_a_parquet_file_is_read_by_its_row_groups_and_only_where_it_is_asked_for(s3: Any):
    # given a file of three row groups, with a missing value
    body = parquet(TABLE.assign(c=[None, *range(199)]))
    tasks = files.tasks(put(s3, "rows.parquet", body), ["a", "b", "c"])
    # when
    names, found = read(tasks)
    # then
    assert len(tasks) == 3
    assert found["c"].tolist() == ["", *range(199)]
    pd.testing.assert_frame_equal(found[["a", "b"]], TABLE.astype(object))
    assert len(set(names)) == 200


def test_all_files_under_a_prefix_are_one_set(s3: Any):
    # given
    put(s3, "folder/1.csv", b"a,b\n1,2\n")
    put(s3, "folder/2.parquet", parquet(pd.DataFrame({"b": ["4"], "a": ["3"]})))
    put(s3, "folder/_SUCCESS", b"")
    # when
    names, found = read(files.tasks("s3://data/folder/", ["a", "b"]))
    # then
    assert found[["a", "b"]].to_numpy().tolist() == [["1", "2"], ["3", "4"]]
    assert len(set(names)) == 2


def test_a_line_end_within_quotes_is_read_unless_the_file_would_be_cut_there(s3: Any):
    # given
    body = b'a,b\n1,"two\nlines"\n3,4\n'
    uri = put(s3, "rows.csv", body)
    # when / then
    assert read(files.tasks(uri, ["a", "b"]))[1]["b"].tolist() == ["two\nlines", "4"]
    with pytest.raises(DatasetError, match=r"rows\.csv.*within quotes.*Parquet"):
        read(files.tasks(uri, ["a", "b"], body.index(b"lines")))


@pytest.mark.parametrize("key", ["rows.csv", "rows.parquet"])
def test_a_missing_column_is_named_before_anything_is_read(s3: Any, key: str):
    # given
    body = parquet(TABLE) if key.endswith("parquet") else TABLE.to_csv(index=False).encode()
    # when / then
    with pytest.raises(DatasetError, match="has no column 'label'; it has 'a', 'b'"):
        files.tasks(put(s3, key, body), ["a", "label"])


def test_data_that_is_not_there_is_missed_by_name(s3: Any):
    with pytest.raises(DatasetError, match="no object s3://data/nothing"):
        files.tasks("s3://data/nothing.csv", ["a"])
