"""Spark writes what Lambda writes, byte for byte, and goes on where it was stopped."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.glue.conftest import BUCKET
from tests.support import capture_record, model_spec
from watchkeeper import naming
from watchkeeper.aws import profiling
from watchkeeper.aws.store import Store
from watchkeeper.capture import CaptureReader
from watchkeeper.profile import Baseline, Binning

pytestmark = pytest.mark.slow
SPAN = {"VERSION": "v1", "FROM": "2026-11-21T08:00:00+00:00", "TO": "2026-11-21T10:00:00+00:00"}

KEYED = '[{"age":31,"income":5.5,"wage":7}]'
"""A request that lacks a feature's key, and has one that nobody expects."""


def records(n: int, seed: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [
        capture_record(
            f"{random.integers(18, 80)},{random.normal(50, 10):.3f},{random.choice(['rent', 'own'])}",
            f"{random.beta(2, 5):.4f}",
            event_id=f"{seed}-{place}",
        )
        for place in range(n)
    ]


def capture_key(hour: str, name: str, version: str = "v1") -> str:
    return f"capture/credit/{version}/credit/AllTraffic/2026/11/21/{hour}/{name}.jsonl"


def contents(store: Store, prefix: str) -> dict[str, bytes]:
    return {key: store.get(key) or b"" for key in store.keys(prefix)}


def test_spark_writes_the_profiles_that_lambda_writes_and_only_those_that_are_missing(s3, run_job):
    # given a baseline, captures of two hours with unreadable records, a large one, and some that are not asked for
    spec, store = model_spec(), Store(s3, BUCKET)
    (block,) = CaptureReader(spec).blocks([b"\n".join(records(2000, seed=1))])
    created = datetime(2026, 11, 20, tzinfo=UTC)
    baseline = Baseline.build("credit", "v1", created, Binning.fit(block.features, block.predictions), [block])
    store.put(naming.baseline_key("credit", "v1"), baseline.to_json())
    asked = {
        capture_key("08", "small"): [*records(30, seed=2), b"{broken", capture_record(KEYED, "0.5", encoding="JSON")],
        capture_key("09", "large"): [*records(2000, seed=3), b"", b"not json", *records(500, seed=4)],
        capture_key("09", "empty"): [],
    }
    others = {capture_key("10", "later"): records(3, seed=5), capture_key("08", "a", "v2"): records(3, seed=6)}
    for key, lines in (asked | others).items():
        store.put(key, b"\n".join(lines) + b"\n")
    store.put("capture/credit/v1/note.txt", b"hello")
    # and what Lambda makes of them
    for key in asked:
        capture, streamed = spec.parse_capture_key(key), store.stream(key)
        assert streamed is not None
        profiling.write(spec, baseline, store, capture, profiling.observe(spec, baseline, capture, streamed))
    written = contents(store, "profiles/")
    quarantined = contents(store, "quarantine/")
    for key in (*written, *quarantined):
        s3.delete_object(Bucket=BUCKET, Key=key)

    # when Spark profiles them, the large one in pieces
    done = run_job(spec)("backfill_profiles.py", BUCKET=BUCKET, **SPAN, PIECE_BYTES="100000")

    # then
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(store, "profiles/") == written
    assert contents(store, "quarantine/").keys() == quarantined.keys()
    assert "3 objects, 2531 rows, 2 unreadable records" in done.stderr

    # and when one profile was lost, only that one is made again
    lost, kept = sorted(written)[0], sorted(written)[1]
    before = s3.head_object(Bucket=BUCKET, Key=kept)["LastModified"]
    s3.delete_object(Bucket=BUCKET, Key=lost)
    again = run_job(spec)("backfill_profiles.py", BUCKET=BUCKET, **SPAN)
    assert again.returncode == 0, again.stderr[-3000:]
    assert contents(store, "profiles/") == written
    assert "credit: 1 objects" in again.stderr
    assert s3.head_object(Bucket=BUCKET, Key=kept)["LastModified"] == before
