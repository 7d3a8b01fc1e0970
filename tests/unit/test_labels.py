"""Ground truth records: what they say, in every form in which labels come."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    "line", [b"nonsense", b"[]", b'{"eventMetadata": {"eventId": "e"}}', label_record("e", "{", "JSON")]
)
def test_what_is_no_ground_truth_is_refused_without_quoting_it(line: bytes) -> None:
    # then
    with pytest.raises(CaptureError) as refused:
        read_ground_truth(line)
    assert "nonsense" not in str(refused.value)
