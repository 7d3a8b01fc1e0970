"""Ground truth records: what they say, in every form in which labels come."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import label_record
from watchkeeper.errors import CaptureError
from watchkeeper.labels import read_ground_truth


@pytest.mark.parametrize(
    ("data", "encoding", "values"),
    [
        ("1", "CSV", ("1",)),
        ("1\n0\n1", "CSV", ("1", "0", "1")),
        ("1\n \n", "CSV", ("1", None)),
        ("", "CSV", (None,)),
        ('{"predictions": ["yes", null, ""]}', "JSON", ("yes", None, None)),
        ("[[1], [0, 0.7], []]", "JSON", ("1", "0", None)),
        ("MQ==", "BASE64", ("1",)),
    ],
)
def test_each_row_of_a_request_has_its_label_or_none(data: str, encoding: str, values: tuple[str | None, ...]) -> None:
    # when
    truth = read_ground_truth(label_record("e1", data, encoding))
    # then
    assert (truth.id, truth.values) == ("e1", values)
    assert truth.labelled == sum(value is not None for value in values)


def test_a_record_may_be_about_one_row_and_say_when_its_label_became_known() -> None:
    # when
    truth = read_ground_truth(extended({"row": 3, "collectedAt": "2026-11-21T10:00:00.250+01:00"}))
    # then
    assert (truth.values, truth.row) == (("1",), 3)
    assert truth.collected == datetime(2026, 11, 21, 9, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "metadata", [{"row": -1}, {"row": "1"}, {"row": True}, {"collectedAt": 5}, {"collectedAt": "?"}]
)
def test_a_record_that_places_its_label_nowhere_is_refused(metadata: dict[str, Any]) -> None:
    # then
    with pytest.raises(CaptureError):
        read_ground_truth(extended(metadata))


def test_a_record_about_one_row_holds_one_value() -> None:
    # then
    with pytest.raises(CaptureError, match="holds 2 labels"):
        read_ground_truth(extended({"row": 0}, data="1\n0"))


def extended(metadata: dict[str, Any], data: str = "1") -> bytes:
    record = json.loads(label_record("e1", data))
    record["eventMetadata"] |= metadata
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b'{"eventMetadata": {"eventId": "e"}}', label_record("e", "{", "JSON")]
)
def test_what_is_no_ground_truth_is_refused_without_quoting_it(line: bytes) -> None:
    # then
    with pytest.raises(CaptureError) as refused:
        read_ground_truth(line)
    assert "nonsense" not in str(refused.value)
