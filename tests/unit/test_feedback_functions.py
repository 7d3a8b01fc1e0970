"""The feedback API's functions: what they store, what they answer, and which keys they let through."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambdas.authorize_labels import handler as authorize_labels
from lambdas.authorize_labels.handler import ASKED_AGAIN_AFTER_SECONDS, REMEMBERED_SECONDS, RememberedKey
from lambdas.observed import logger
from lambdas.receive_labels import handler as receive_labels
from tests.support import CONTEXT, model_spec
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.feedback import LARGEST_BODY
from watchkeeper.labels import read_ground_truth

SPEC = model_spec()
BUCKET = "data-bucket"
NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The data bucket, in moto."""
    settings = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
    for name, value in {**settings, "BUCKET": BUCKET, "POWERTOOLS_TRACE_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(receive_labels, "deployed_spec", lambda: SPEC)
    with mock_aws():
        deployed.client.cache_clear()
        client = boto3.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client
        deployed.client.cache_clear()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What functions write to their logs."""
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def post(body: Any, *, minutes: int = 0, **event: Any) -> tuple[int, dict[str, Any]]:
    """Post a document, or text as it is, some minutes after ten past ten; status and body of the answer."""
    text = body if isinstance(body, str) else json.dumps(body)
    epoch = int(NOW.timestamp() * 1000) + 60_000 * minutes
    answer = receive_labels.handler({"body": text, "requestContext": {"timeEpoch": epoch}, **event}, CONTEXT)
    return answer["statusCode"], json.loads(answer["body"])


def stored(s3: Any) -> dict[str, list[bytes]]:
    """Lines of every object in the bucket."""
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {key: s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines() for key in keys}


def test_a_batch_is_stored_as_ground_truth_under_the_hour_in_which_it_came(s3: Any) -> None:
    # when
    answer = post({"labels": [{"id": "a", "label": 1}, {"id": "b", "row": 4, "label": None}]})
    # then
    assert answer == (202, {"labels": 2, "withdrawn": 1, "repeated": False})
    ((key, lines),) = stored(s3).items()
    assert key.startswith(f"{naming.labels_prefix(SPEC.name)}2026/11/21/10/")
    first, second = map(read_ground_truth, lines)
    assert (first.id, first.values, first.row, first.collected) == ("a", ("1",), None, NOW)
    assert (second.id, second.values, second.row) == ("b", (None,), 4)


def test_a_client_that_tries_again_within_the_hour_changes_nothing(s3: Any) -> None:
    # given
    label = {"id": "a", "label": 1}
    post(label)
    before = stored(s3)
    # when
    answer = post(label, minutes=20)
    # then
    assert answer == (200, {"labels": 1, "withdrawn": 0, "repeated": True})
    assert stored(s3) == before
    # when the same is said in the next hour
    assert post(label, minutes=50)[0] == 202
    # then
    assert len(stored(s3)) == 2


def test_nothing_of_a_batch_with_a_mistake_is_stored(s3: Any) -> None:
    # when
    status, answer = post({"labels": [{"id": "a", "label": 1}, {"id": "b"}]})
    # then
    assert status == 400
    assert answer["error"] == "Nothing was stored."
    ((mistake),) = answer["mistakes"]
    assert (mistake["index"], mistake["problem"][:16]) == (1, "label is missing")
    assert stored(s3) == {}


def test_a_body_that_was_handed_on_as_base64_is_read_and_one_that_is_none_refused(s3: Any) -> None:
    # given
    encoded = base64.b64encode(b'{"id": "a", "label": 1}').decode()
    # then
    assert post(encoded, isBase64Encoded=True)[0] == 202
    assert post("*", isBase64Encoded=True)[1]["mistakes"] == [{"problem": "The body cannot be decoded: send JSON."}]


def test_a_request_without_a_body_is_a_mistake_and_one_with_too_much_too_large(s3: Any) -> None:
    # then
    assert post("")[0] == 400
    assert post(" " * (LARGEST_BODY + 1))[0] == 413
    assert stored(s3) == {}


def test_neither_ids_nor_labels_are_logged(s3: Any, logged: io.StringIO) -> None:
    # when
    post({"labels": [{"id": "alice@example.com", "label": "secret"}]})
    post({"labels": [{"id": "alice@example.com", "label": {}, "secret": 1}]})
    # then
    assert "Received labels" in logged.getvalue()
    assert "Refused labels" in logged.getvalue()
    assert "alice" not in logged.getvalue()
    assert "secret" not in logged.getvalue()


def test_a_cold_start_loads_nothing_that_the_functions_do_without() -> None:
    # given
    handlers = "import sys, lambdas.receive_labels.handler, lambdas.authorize_labels.handler"
    heavy = "{'numpy', 'pandas', 'pyarrow', 'scipy'}"
    # when
    loaded = subprocess.run(
        [sys.executable, "-c", f"{handlers}; print(*{heavy} & sys.modules.keys())"], check=True, stdout=subprocess.PIPE
    ).stdout
    # then
    assert loaded.split() == []


# --- the key ----------------------------------------------------------------------------------------------------------


class Secrets:
    """A secret that can be replaced, a clock that can be moved, and how often the secret was read."""

    def __init__(self) -> None:
        self.value, self.now, self.reads = "old", 1000.0, 0

    def read(self) -> str:
        self.reads += 1
        return self.value

    def remembered(self) -> RememberedKey:
        return RememberedKey(self.read, lambda: self.now)


def test_the_key_is_read_once_for_many_requests() -> None:
    # given
    secrets = Secrets()
    key = secrets.remembered()
    # then
    assert [key.matches("old") for _ in range(5)] == [True] * 5
    assert secrets.reads == 1


def test_a_new_key_is_known_within_seconds_and_the_old_one_lasts_no_longer_than_the_memory() -> None:
    # given
    secrets = Secrets()
    key = secrets.remembered()
    key.matches("old")
    secrets.value = "new"
    # then
    assert key.matches("old")
    assert not key.matches("new")
    secrets.now += ASKED_AGAIN_AFTER_SECONDS
    assert key.matches("new")
    assert not key.matches("old")
    # given
    secrets.value = "newest"
    secrets.now += REMEMBERED_SECONDS
    # then
    assert not key.matches("new")


def test_wrong_keys_do_not_run_up_a_bill() -> None:
    # given
    secrets = Secrets()
    key = secrets.remembered()
    # when
    for number in range(100):
        assert not key.matches(f"guess {number}")
    # then
    assert secrets.reads == 1


def test_the_authorizer_answers_in_the_simple_form_and_logs_no_key(
    monkeypatch: pytest.MonkeyPatch, logged: io.StringIO
) -> None:
    # given
    secrets = Secrets()
    monkeypatch.setattr(authorize_labels, "_key", secrets.remembered)
    # then
    for given, authorized in (("old", True), ("guessed", False), ("\ud800", False)):
        answer = authorize_labels.handler({"identitySource": [given]}, CONTEXT)
        assert answer == {"isAuthorized": authorized}
    assert authorize_labels.handler({"identitySource": None}, CONTEXT) == {"isAuthorized": False}
    assert "Looked at a key" in logged.getvalue()
    assert "guessed" not in logged.getvalue()
