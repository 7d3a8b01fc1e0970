"""The two small ports: objects of the bucket, and metrics as log lines."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto import mock_aws

from watchkeeper import jsonio
from watchkeeper.aws.metrics import emit
from watchkeeper.aws.store import Store, split_uri
from watchkeeper.naming import Metric


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="data")
        yield Store(client, "data")


def test_objects_are_written_read_and_missing_ones_are_none(store: Store):
    # given one object
    store.put("a/1", b"one")

    # when it and another are read; then the other is None
    assert store.get("a/1") == b"one"
    assert store.get("a/2") is None
    assert store.lines("a/2") is None


@pytest.mark.parametrize("there", [True, False])
def test_a_forbidden_object_is_told_from_one_that_is_not_there(store: Store, there: bool):
    # given
    if there:
        store.put("a/forbidden.json", b"{}")

    def forbid(**_: object) -> tuple[object, dict[str, object]]:
        return AWSResponse("https://s3", 403, {}, None), {"Error": {"Code": "AccessDenied"}}

    store._client.meta.events.register("before-call.s3.GetObject", forbid)
    # then
    if there:
        with pytest.raises(ClientError, match="AccessDenied"):
            store.get("a/forbidden.json")
    else:
        assert store.get("a/forbidden.json") is None


def test_listing_and_reading_go_beyond_a_page(store: Store):
    # given more objects than a page of the listing holds
    for number in range(1003):
        store.put(f"many/{number:04d}", str(number).encode())

    # when they are listed, and some read side by side with one that is gone
    keys = list(store.keys("many/"))
    data = list(store.get_many([*keys[-2:], "gone", keys[0]]))

    # then all are there, in order
    assert len(keys) == 1003
    assert data == [b"1001", b"1002", b"0"]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_are_put_together_across_chunks(size: int):
    # given text whose lines hold other line separators, cut into chunks of any size
    text = "one\r\n\ntwo\u2028three\vfour\nlast".encode()
    chunks = [text[start : start + size] for start in range(0, len(text), size)]

    # when split; then only line feeds end a line
    assert list(jsonio.lines_of(chunks)) == text.split(b"\n")


def test_uris_are_split_or_refused():
    # given URIs; when split; then bucket and key, or an error that names the text
    assert split_uri("s3://bucket/a/b") == ("bucket", "a/b")
    for text in ("bucket/a", "https://x/y", "s3://"):
        with pytest.raises(ValueError, match="s3://bucket/key"):
            split_uri(text)


def test_metrics_carry_the_time_of_their_event_and_the_model_alone(capsys, monkeypatch):
    # given a service name in the environment, which would become a dimension, and a time long past
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "function")
    at = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)

    # when metrics are emitted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emit("credit", at, {Metric.DRIFTED_FEATURES: 2, Metric.DRIFT_SCORE: 1.5})

    # then one line holds them, at that time, with one dimension
    entry = json.loads(capsys.readouterr().out)
    assert entry["_aws"]["Timestamp"] == int(at.timestamp() * 1000)
    (directive,) = entry["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("Watchkeeper", [["Model"]])
    assert {item["Name"]: item["Unit"] for item in directive["Metrics"]} == {
        "DriftedFeatures": "Count",
        "DriftScore": "None",
    }
    assert entry["Model"] == "credit"
    emit("credit", at, {})
    assert capsys.readouterr().out == ""


class _Busy:
    """A client that answers conditional writes with these errors, and then takes them."""

    def __init__(self, *codes: str) -> None:
        self.codes = list(codes)

    def put_object(self, **_: object) -> None:
        if self.codes:
            raise ClientError({"Error": {"Code": self.codes.pop(0)}}, "PutObject")


@pytest.mark.parametrize(
    ("codes", "written"),
    [
        ((), True),
        (("PreconditionFailed",), False),
        (("ConditionalRequestConflict", "ConditionalRequestConflict"), True),
        (("ConditionalRequestConflict", "PreconditionFailed"), False),
    ],
)
def test_a_conditional_write_tells_what_became_of_it(codes: tuple[str, ...], written: bool) -> None:
    # given a bucket that somebody else writes to
    store = Store(_Busy(*codes), "data")  # type: ignore[arg-type]
    # when; then whoever is told that it was not written may count on somebody else's object being there
    assert store.put_if("key", b"data", None) is written


def test_a_write_that_nobody_can_tell_of_fails() -> None:
    # given
    store = Store(_Busy(*["ConditionalRequestConflict"] * 9), "data")  # type: ignore[arg-type]
    # then
    with pytest.raises(ClientError):
        store.put_if("key", b"data", None)
