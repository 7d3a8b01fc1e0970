"""Windows are merges of hours, and hours of parts: whatever comes late or twice, every row counts once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from tests.support import capture_record, model_spec
from watchkeeper import naming
from watchkeeper.aws import windows
from watchkeeper.aws.store import Store
from watchkeeper.aws.windows import Allowance, StoredProfiles
from watchkeeper.capture import CaptureReader
from watchkeeper.errors import WindowTooLargeError
from watchkeeper.profile import Baseline, Binning, Profile

BUCKET = "data"
HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOURS = [HOUR + timedelta(hours=place) for place in range(3)]
LATER = HOUR + timedelta(days=1)


def rows(n: int, seed: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [
        capture_record(f"{random.integers(18, 80)},{random.normal(50, 10):.3f},rent", f"{random.beta(2, 5):.4f}")
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(rows(2000, seed=1))])
    return Baseline.build("credit", "v1", HOUR, Binning.fit(block.features, block.predictions), [block])


@pytest.fixture
def store() -> Iterator[Store]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s")
        client.create_bucket(Bucket=BUCKET)
        yield Store(client, BUCKET)


class Counting(Store):
    """Counts the objects that are read."""

    def __init__(self, store: Store) -> None:
        self.__dict__.update(store.__dict__)
        self.read: list[str] = []

    def get(self, key: str) -> bytes | None:
        self.read.append(key)
        return super().get(key)


def part(baseline: Baseline, n: int, seed: int) -> Profile:
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(rows(n, seed))])
    return baseline.observe(block)


def put_part(store: Store, baseline: Baseline, hour: datetime, name: str, n: int, seed: int) -> Profile:
    profile = part(baseline, n, seed)
    store.put(naming.hour_prefix("credit", baseline.id, hour) + f"{name}.json", profile.to_json())
    return profile


def test_a_window_is_the_merge_of_its_hours_parts_whether_or_not_they_are_compacted(store: Store, baseline: Baseline):
    # given three hours of three parts, and one outside
    whole = baseline.empty()
    for place, hour in enumerate(HOURS):
        for name in "abc":
            whole = whole.merge(put_part(store, baseline, hour, name, 20, seed=10 * place + ord(name)))
    put_part(store, baseline, HOUR - timedelta(hours=1), "a", 20, seed=99)
    # when it is read while all is open, when all is closed, and once more
    windows = [StoredProfiles(store, baseline, now).window(HOURS) for now in (HOUR, LATER, LATER)]
    # then
    assert [window.to_json() for window in windows] == [whole.to_json()] * 3


def test_a_closed_hour_is_read_as_one_object(store: Store, baseline: Baseline):
    # given
    for name in "abcdef":
        put_part(store, baseline, HOUR, name, 5, seed=ord(name))
    StoredProfiles(store, baseline, LATER).window([HOUR])
    # when
    counting = Counting(store)
    window = StoredProfiles(counting, baseline, LATER).window([HOUR])
    # then
    assert counting.read == [naming.compacted_key("credit", baseline.id, HOUR)]
    assert window.rows == 30


@pytest.mark.parametrize("change", ["a late part", "a part profiled again"])
def test_what_comes_late_makes_its_hour_anew(store: Store, baseline: Baseline, change: str):
    # given a compacted hour
    for name in "ab":
        put_part(store, baseline, HOUR, name, 10, seed=ord(name))
    assert StoredProfiles(store, baseline, LATER).window([HOUR]).rows == 20
    # when
    if change == "a late part":
        put_part(store, baseline, HOUR, "c", 7, seed=3)
    else:
        put_part(store, baseline, HOUR, "b", 17, seed=3)
    # then
    assert StoredProfiles(store, baseline, LATER).window([HOUR]).rows == 27


def test_an_open_hour_is_not_compacted(store: Store, baseline: Baseline):
    # given
    for name in "ab":
        put_part(store, baseline, HOUR, name, 10, seed=ord(name))
    # when
    StoredProfiles(store, baseline, HOUR + timedelta(hours=1, minutes=59)).window([HOUR])
    # then
    assert not list(store.keys(naming.compacted_prefix("credit", baseline.id)))


def test_hours_come_in_order_and_empty_ones_not_at_all(store: Store, baseline: Baseline):
    # given
    for hour in (HOURS[2], HOURS[0]):
        put_part(store, baseline, hour, "a", 4, seed=1)
    # when
    found = dict(StoredProfiles(store, baseline, LATER).by_hour(HOURS))
    # then
    assert list(found) == [HOURS[0], HOURS[2]]
    assert StoredProfiles(store, baseline, LATER).window([]).rows == 0


def test_the_days_of_a_long_window_are_listed_once_each(store: Store, baseline: Baseline, monkeypatch: Any):
    # given
    listed: list[str] = []
    original = Store.listed
    monkeypatch.setattr(Store, "listed", lambda self, prefix: (listed.append(prefix), original(self, prefix))[1])
    hours = naming.window_hours(HOUR, 72)
    # when
    StoredProfiles(store, baseline, LATER).window(hours)
    # then
    assert len(listed) == 4


def test_an_hour_that_has_many_parts_is_compacted_while_it_is_open_and_the_rest_is_read_beside_it(
    store: Store, baseline: Baseline, monkeypatch: pytest.MonkeyPatch
):
    # given an open hour, compacted because of its many parts, and some that came since
    monkeypatch.setattr(windows, "MANY_PARTS", 4)
    for name in "abcd":
        put_part(store, baseline, HOUR, name, 5, seed=ord(name))
    assert StoredProfiles(store, baseline, HOUR).window([HOUR]).rows == 20
    for name in "xyz":
        put_part(store, baseline, HOUR, name, 5, seed=ord(name))
    # when
    counting = Counting(store)
    window = StoredProfiles(counting, baseline, HOUR).window([HOUR])
    # then only those are read, and the profile is that of all
    assert sorted(key.rpartition("/")[2] for key in counting.read) == ["10.json", "x.json", "y.json", "z.json"]
    keys = [naming.part_key("credit", baseline.id, HOUR, name) for name in "abcdxyz"]
    assert window == StoredProfiles(store, baseline, HOUR).merged(keys)


def test_a_part_that_is_gone_makes_its_hour_anew(store: Store, baseline: Baseline):
    # given a compacted hour
    for name in "abc":
        put_part(store, baseline, HOUR, name, 10, seed=ord(name))
    StoredProfiles(store, baseline, LATER).window([HOUR])
    # when
    store._client.delete_object(Bucket=BUCKET, Key=naming.part_key("credit", baseline.id, HOUR, "b"))
    # then
    assert StoredProfiles(store, baseline, LATER).window([HOUR]).rows == 20


@pytest.mark.parametrize("allowance", [Allowance(parts=5, size=10**9), Allowance(parts=9, size=1000)])
def test_a_window_with_more_to_read_than_allowed_is_refused_with_the_remedy(
    store: Store, baseline: Baseline, allowance: Allowance
):
    # given
    for hour in HOURS:
        for name in "ab":
            put_part(store, baseline, hour, name, 5, seed=1)
    # when / then
    with pytest.raises(WindowTooLargeError, match=r"2 profiles .* not compacted.*merge_hours"):
        StoredProfiles(store, baseline, LATER, allowance).window(HOURS)


def test_what_is_compacted_costs_nothing_of_the_allowance(store: Store, baseline: Baseline):
    # given
    for hour in HOURS:
        for name in "ab":
            put_part(store, baseline, hour, name, 5, seed=1)
    whole = StoredProfiles(store, baseline, LATER).window(HOURS)
    # when / then
    assert StoredProfiles(store, baseline, LATER, Allowance(0, 0)).window(HOURS) == whole
