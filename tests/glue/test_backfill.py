"""Spark writes what Lambda writes, byte for byte, and goes on where it was stopped."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.glue.conftest import BUCKET
from tests.support import capture_record, model_spec
from watchkeeper import naming
from watchkeeper.aws import batches, profiling
from watchkeeper.aws.store import Store, Streamed
from watchkeeper.capture import CaptureReader
from watchkeeper.profile import Baseline, Binning

pytestmark = pytest.mark.slow
SPAN = {"VERSION": "v1", "FROM": "2026-11-21T08:00:00+00:00", "TO": "2026-11-21T10:00:00+00:00"}

BATCH_FOLDER = "capture/credit/v1/batch_transform/nightly/"
BATCH = {
    "requests/a.csv": b"".join(b"%d,%d.5,rent\n" % (20 + row, row) for row in range(40)) + b"only,two\n",
    "answers/a.csv.out": b"".join(
        b"0.25, 1f1d57b1-2e6f-488c-8c30-%012x,2026-11-21T08:30:00Z\n" % row for row in range(38)
    )
    + b"0.25\n" * 3,
    "requests/b.csv": b"1,2,rent\n",
    "input/2026/11/21/08/in.jsonl": f'[{{"prefix": "s3://data/{BATCH_FOLDER}requests/"}}, "a.csv", "b.csv"]'.encode(),
    "output/2026/11/21/09/out.jsonl": f'[{{"prefix": "s3://data/{BATCH_FOLDER}answers/"}}, "a.csv.out"]'.encode(),
}
"""What is in a batch transform job's folder: a file that is complete, with a bad line and two rows without
ids, and one without answers."""
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


def stream(store: Store, key: str) -> Streamed:
    found = store.stream(key)
    assert found is not None
    return found


def contents(store: Store, prefix: str) -> dict[str, bytes]:
    return {key: store.get(key) or b"" for key in store.keys(prefix)}


def test_spark_writes_the_profiles_that_lambda_writes_and_only_those_that_are_missing(s3, run_job):
    # given a baseline, captures of two hours with unreadable records, a large one, some that are not asked for, and
    # those of a batch transform job
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
    for name, body in BATCH.items():
        store.put(BATCH_FOLDER + name, body)
    (file,) = batches.complete(store, "credit", BATCH_FOLDER)
    observed = profiling.observe_batch(spec, baseline, file.capture, *(stream(store, item.key) for item in file[1:3]))
    profiling.write(spec, baseline, store, file.capture, observed)
    staged = naming.staged_key("credit", file.capture)
    rows_of_batch = store.get(staged)
    for key in asked:
        capture = spec.parse_capture_key(key)
        profiling.write(spec, baseline, store, capture, profiling.observe(spec, baseline, capture, stream(store, key)))
    written = contents(store, "profiles/")
    quarantined = contents(store, "quarantine/")
    for key in (*written, *quarantined, staged):
        s3.delete_object(Bucket=BUCKET, Key=key)

    # when Spark profiles them, the large one in pieces
    done = run_job(spec)("backfill_profiles.py", BUCKET=BUCKET, **SPAN, PIECE_BYTES="100000")

    # then
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(store, "profiles/") == written
    assert contents(store, "quarantine/").keys() == quarantined.keys()
    assert rows_of_batch
    assert store.get(staged) == rows_of_batch
    assert "4 objects, 2571 rows, 3 unreadable records" in done.stderr
    assert "credit: 2 rows. Predictions without ids" in done.stderr

    # and when one profile was lost, only that one is made again
    lost, kept = sorted(written)[0], sorted(written)[1]
    before = s3.head_object(Bucket=BUCKET, Key=kept)["LastModified"]
    s3.delete_object(Bucket=BUCKET, Key=lost)
    again = run_job(spec)("backfill_profiles.py", BUCKET=BUCKET, **SPAN)
    assert again.returncode == 0, again.stderr[-3000:]
    assert contents(store, "profiles/") == written
    assert "credit: 1 objects" in again.stderr
    assert s3.head_object(Bucket=BUCKET, Key=kept)["LastModified"] == before
