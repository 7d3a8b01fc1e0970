"""Spark puts hours together as a function would, byte for byte, and leaves alone what is done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.glue.conftest import BUCKET
from tests.glue.test_backfill import contents, records
from tests.support import model_spec
from watchkeeper import naming
from watchkeeper.aws.store import Store
from watchkeeper.aws.windows import MANY_PARTS, StoredProfiles
from watchkeeper.capture import CaptureReader
from watchkeeper.profile import Baseline, Binning

pytestmark = pytest.mark.slow
END = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLOSED, SINGLE, OPEN, FEW = (END - timedelta(hours=back) for back in (4, 3, 2, 1))


def test_spark_compacts_the_hours_that_a_function_would_compact(s3, run_job):
    # given a closed hour of many parts, one of a single part, one that just ended, and an open one of few
    spec, store = model_spec(), Store(s3, BUCKET)
    (block,) = CaptureReader(spec).blocks([b"\n".join(records(2000, seed=1))])
    created = datetime(2026, 11, 20, tzinfo=UTC)
    baseline = Baseline.build("credit", "v1", created, Binning.fit(block.features, block.predictions), [block])
    store.put(naming.baseline_key("credit", "v1"), baseline.to_json())
    for hour, count in ((CLOSED, 520), (SINGLE, 1), (OPEN, MANY_PARTS), (FEW, 3)):
        for part in range(count):
            (rows,) = CaptureReader(spec).blocks([b"\n".join(records(5, seed=hour.hour * 1000 + part))])
            key = naming.part_key("credit", baseline.id, hour, f"{part:04d}")
            store.put(key, baseline.observe(rows).to_json())
    # and what a function makes of them
    stored = StoredProfiles(store, baseline, END)
    window = stored.window(naming.window_hours(END, 6))
    written = contents(store, "compacted/")
    for key in written:
        s3.delete_object(Bucket=BUCKET, Key=key)

    # when Spark does the same
    span = {"VERSION": "v1", "FROM": (END - timedelta(hours=6)).isoformat(), "TO": END.isoformat()}
    done = run_job(spec)("merge_hours.py", BUCKET=BUCKET, **span)

    # then the bytes are the same, and so is the window
    assert done.returncode == 0, done.stderr[-3000:]
    assert contents(store, "compacted/") == written
    assert written.keys() == {naming.compacted_key("credit", baseline.id, hour) for hour in (CLOSED, OPEN)}
    assert "credit: 2 hours, 3100 rows" in done.stderr
    assert stored.window(naming.window_hours(END, 6)) == window

    # and when one hour was lost, only that one is made again
    s3.delete_object(Bucket=BUCKET, Key=naming.compacted_key("credit", baseline.id, OPEN))
    again = run_job(spec)("merge_hours.py", BUCKET=BUCKET, **span)
    assert contents(store, "compacted/") == written, again.stderr[-3000:]
    assert "credit: 1 hours, 500 rows" in again.stderr
