"""Names that two parts of the system must agree on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from watchkeeper import naming
from watchkeeper.errors import CaptureError

KEY = "capture/credit/v3/credit/AllTraffic/2026/11/21/09/00-12-x.jsonl"


def test_a_capture_key_tells_its_version_and_hour() -> None:
    # when
    capture = naming.parse_capture_key("credit", KEY)
    # then
    assert (capture.version, capture.hour) == ("v3", datetime(2026, 11, 21, 9, tzinfo=UTC))


def test_the_profile_of_a_capture_has_one_key_however_often_it_is_made() -> None:
    # given
    first, again = (naming.parse_capture_key("credit", KEY) for _ in range(2))
    other = naming.parse_capture_key("credit", KEY.replace("00-12", "00-13"))
    # when
    keys = {naming.profile_key("credit", "b1", capture) for capture in (first, again, other)}
    # then
    assert len(keys) == 2
    assert all(key.startswith("profiles/credit/b1/2026/11/21/09/") for key in keys)


def test_an_attached_endpoint_captures_elsewhere_and_counts_as_version_1() -> None:
    # when
    prefix = naming.attached_prefix("data/capture", "legacy")
    capture = naming.parse_capture_key("credit", "data/capture/legacy/AllTraffic/2026/11/21/09/x.jsonl", prefix)
    # then
    assert capture.version == "v1"
    assert naming.parse_capture_key("credit", KEY, prefix).version == "v3"


@pytest.mark.parametrize(
    "key",
    [
        "data/capture/another/AllTraffic/2026/11/21/09/x.jsonl",
        "data/capture/legacy/Main/2026/11/21/09/x.jsonl",
        "data/captured/legacy/AllTraffic/2026/11/21/09/x.jsonl",
    ],
)
def test_what_others_capture_to_the_same_destination_is_not_taken_for_it(key: str) -> None:
    # when / then
    with pytest.raises(CaptureError):
        naming.parse_capture_key("credit", key, naming.attached_prefix("data/capture/", "legacy"))


def test_a_destination_may_be_a_whole_bucket() -> None:
    # then
    assert naming.attached_prefix("", "legacy") == "legacy/AllTraffic/"


@pytest.mark.parametrize(
    "key",
    [
        "capture/credit/v3/readme.txt",
        "capture/other/v3/e/AllTraffic/2026/11/21/09/x.jsonl",
        "capture/credit/latest/e/AllTraffic/2026/11/21/09/x.jsonl",
        "capture/credit/v1/e/AllTraffic/2026/13/21/09/x.jsonl",
        "capture/credit/v1/e/AllTraffic/2026/11/21/09/",
    ],
)
def test_a_key_that_is_no_capture_is_refused_by_name(key: str) -> None:
    # when / then
    with pytest.raises(CaptureError, match="credit"):
        naming.parse_capture_key("credit", key)


def test_a_window_on_the_hour_holds_closed_hours_only() -> None:
    # when
    hours = naming.window_hours(datetime(2026, 11, 21, 9, tzinfo=UTC), 3)
    # then
    assert [hour.hour for hour in hours] == [6, 7, 8]


def test_a_window_within_an_hour_takes_that_hour_in() -> None:
    # when
    hours = naming.window_hours(datetime(2026, 11, 21, 9, 5, tzinfo=UTC), 2)
    # then
    assert [hour.hour for hour in hours] == [8, 9]


def test_changed_settings_give_the_same_version_another_endpoint_config() -> None:
    # when
    names = {naming.endpoint_config("credit", "v2", settings) for settings in ('{"count":1}', '{"count":2}')}
    # then
    assert len(names) == 2
    assert all(name.startswith("credit--v2-") for name in names)


def test_what_lies_in_a_batch_jobs_folder_is_a_manifest_or_a_file() -> None:
    # given
    folder = naming.batch_folder("credit", "v3", "nightly")
    # when
    found = [
        naming.parse_batch_key("credit", folder + name)
        for name in ("output/2026/11/21/09/x.jsonl", "answers/2026/11/21/09/a.csv.out", "input/2026/13/21/09/x.jsonl")
    ]
    # then
    assert [(key and key.version, key and key.folder) for key in found] == [("v3", folder)] * 3
    assert [key and key.side for key in found] == ["output", None, None]
    assert found[0] is not None
    assert found[0].hour == datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_an_endpoint_s_captures_are_of_no_batch_job_and_a_job_s_of_no_endpoint() -> None:
    # then
    assert naming.parse_batch_key("credit", KEY) is None
    with pytest.raises(CaptureError):
        naming.parse_capture_key("credit", "capture/credit/v1/batch_transform/nightly/2026/11/21/09/a.csv")


@pytest.mark.parametrize(
    ("filed", "hour"),
    [
        ("2026/11/21/07/a.jsonl", datetime(2026, 11, 21, 7, tzinfo=UTC)),
        ("a.csv", datetime(2026, 11, 21, 9, 30, tzinfo=UTC)),
        ("backup/a.jsonl", None),
        ("2026/11/21/24/a.jsonl", None),
        ("2026/11/21/07/deeper/a.jsonl", None),
    ],
)
def test_a_file_of_labels_is_of_the_hour_that_its_key_names_or_of_its_writing(filed: str, hour: datetime | None):
    # given a file that was written at half past nine
    written = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
    # then
    assert naming.label_hour("credit", f"labels/credit/{filed}", written) == hour


def test_the_key_of_curated_predictions_tells_hour_and_version():
    # given
    hour = datetime(2026, 11, 21, 7, tzinfo=UTC)
    # then
    assert naming.parse_predictions_key("credit", naming.predictions_key("credit", "v12", hour)) == (hour, "v12", "")
    cut = naming.predictions_key("credit", "v12", hour, "3f")
    assert cut.endswith("/v12--3f.parquet")
    assert naming.parse_predictions_key("credit", cut) == (hour, "v12", "3f")
