"""Probabilities of several classes on Spark: the same curated rows and the same counts as in the function."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.glue.conftest import BUCKET
from tests.unit.class_support import HOUR, SPEC, baseline, drawn
from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Allowance, curate
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.store import Store
from watchkeeper.curated import Predictions, Stager, from_parquet
from watchkeeper.labels import LabelReader
from watchkeeper.outcomes import Outcomes, merge_all

pytestmark = pytest.mark.slow
NOW = HOUR + timedelta(hours=3)


def stage(store: Store) -> None:
    """A captured object's rows, a label for each of them, and the baseline that they are counted over."""
    traffic, judged = drawn(3000, 2), baseline(drawn(2000, 1))
    key = f"capture/credit/v1/credit/AllTraffic/{HOUR:%Y/%m/%d/%H}/a.jsonl"
    stager = Stager(SPEC, key)
    stager.add(traffic.block())
    store.put(naming.staged_key("credit", naming.parse_capture_key("credit", key)), stager.content())
    store.put(naming.outcome_baseline_key("credit", "v1"), judged.to_json())
    store.put(f"labels/credit/{NOW:%Y/%m/%d/%H}/a.jsonl", traffic.labels)


def made(store: Store) -> tuple[Predictions, Outcomes]:
    """All curated rows, and all that was counted."""
    rows = [from_parquet(SPEC, store.get(key) or b"") for key in store.keys("predictions/")]
    binning = baseline(drawn(2000, 1)).binning
    counted = (Outcomes.from_json(store.get(key) or b"", binning) for key in store.keys("outcomes/"))
    return Predictions.together(rows), merge_all(counted, Outcomes.empty(binning))


def test_spark_counts_probabilities_of_classes_as_the_function_does(s3, run_job):
    # given what the function makes of an hour
    store = Store(s3, BUCKET)
    stage(store)
    hours = CuratedHours.of(store, SPEC, NOW)
    curate(hours, LabelFiles.of(store, SPEC, NOW, hours.days), LabelReader(SPEC), Allowance())
    rows, outcomes = made(store)
    assert outcomes.classes.rows == len(rows) == 3000

    # when Spark does the same, in sixteen files
    for key in list(store.keys("")):
        s3.delete_object(Bucket=BUCKET, Key=key)
    stage(store)
    done = run_job(SPEC)("join_labels.py", BUCKET=BUCKET, AT=NOW.isoformat(), MOST_BYTES="0")

    # then rows and counts are the same, to the last bit
    assert done.returncode == 0, done.stderr[-3000:]
    again, counted = made(store)
    assert counted.to_json() == outcomes.to_json()
    assert again.shares.keys() == rows.shares.keys()
    for name, share in rows.shares.items():
        assert again.shares[name].tobytes() == share.tobytes()
