"""Spark files, joins and counts as the function does: the same rows, labels, accounts and outcomes."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.glue.conftest import BUCKET
from tests.support import capture_record, label_record, model_spec
from watchkeeper import ids, naming
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Allowance, Outcome, curate
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.aws.store import Store
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Stager, from_parquet
from watchkeeper.labels import LabelReader
from watchkeeper.outcomes import OutcomeBaseline, OutcomeBinning, observe

pytestmark = pytest.mark.slow
SPEC = model_spec()
NOW = datetime.now(UTC).replace(minute=50, second=0, microsecond=0)
LARGE, SMALL = (NOW.replace(minute=0) - timedelta(hours=back) for back in (3, 2))
MADE = ("predictions/", "ids/", "joined/", "outcomes/")


def stage(store: Store, hour: datetime, file: str, names: list[str]) -> None:
    """Stage requests, every fifth of three rows, which were answered within the hour."""
    random = np.random.default_rng([*file.encode(), hour.hour])
    lines = []
    for place, name in enumerate(names):
        size = 1 if place % 5 else 3
        rows = [f"{random.integers(18, 80)},{random.normal(50, 10):.3f},{random.choice(['rent', 'own'])}"] * size
        scores = [f"{random.beta(2, 5):.4f}" for _ in rows]
        time = f"{hour + timedelta(seconds=place):%Y-%m-%dT%H:%M:%SZ}"
        lines.append(capture_record("\n".join(rows), "\n".join(scores), event_id=name, time=time))
    key = f"capture/credit/v1/credit/AllTraffic/{hour:%Y/%m/%d/%H}/{file}.jsonl"
    stager = Stager(SPEC, key)
    for block in CaptureReader(SPEC, identified=True).blocks([b"\n".join(lines)]):
        stager.add(block)
    store.put(naming.staged_key("credit", naming.parse_capture_key("credit", key)), stager.content())


def tell(store: Store, file: str, content: bytes) -> None:
    store.put(f"labels/credit/{NOW:%Y/%m/%d/%H}/{file}", content)


def run(store: Store, allowance: Allowance = Allowance()) -> Outcome:  # noqa: B008
    hours = CuratedHours.of(store, SPEC, NOW)
    return curate(hours, LabelFiles.of(store, SPEC, NOW, hours.days), LabelReader(SPEC), allowance)


def made(store: Store) -> dict[str, bytes]:
    return {key: store.get(key) or b"" for prefix in MADE for key in store.keys(prefix)}


def rows(objects: dict[str, bytes]) -> dict[str, list[dict[str, Any]]]:
    """The curated rows of each hour, in order, whatever files they are in."""
    found: dict[str, list[pa.Table]] = {}
    for key, data in objects.items():
        if key.startswith("predictions/"):
            found.setdefault(key.rpartition("/")[0], []).append(pq.read_table(io.BytesIO(data)))
    order = [("prediction_id", "ascending"), ("request_row", "ascending")]
    return {
        hour: pa.concat_tables(t, promote_options="permissive").sort_by(order).to_pylist() for hour, t in found.items()
    }


def labels(objects: dict[str, bytes]) -> dict[str, list[tuple[str, str | None]]]:
    """The id and label of each row."""
    return {hour: [(row["prediction_id"], row["label"]) for row in some] for hour, some in rows(objects).items()}


def test_spark_files_joins_and_counts_as_the_function_does(s3, run_job):
    # given an hour that was small and was joined with a label, and grew; a request that is staged twice; another hour
    store = Store(s3, BUCKET)
    stage(store, LARGE, "a", [f"l{number}" for number in range(300)])
    tell(store, "early.jsonl", label_record("l1", "1"))
    run(store)
    whole = store.get(naming.predictions_key("credit", "v1", LARGE))
    assert whole is not None
    labelled = from_parquet(SPEC, whole).labelled()
    baseline = OutcomeBaseline("v1", observe(OutcomeBinning.fit(SPEC, labelled), labelled))
    store.put(naming.outcome_baseline_key("credit", "v1"), baseline.to_json())
    stage(store, LARGE, "b", [f"l{number}" for number in range(290, 900)])
    stage(store, SMALL, "a", [f"s{number}" for number in range(200)])
    before = made(store)
    # and labels in three forms: for rows of requests, corrected, withdrawn, unknown, misfitting and faulty ones
    told = [label_record(f"l{number}", str(number % 2)) for number in range(900) if number % 5]
    told += [label_record(f"l{number}", "1\n0\n1") for number in range(0, 900, 10)]
    tell(store, "a.jsonl", b"\n".join([*told, label_record("l2", "1"), label_record("nobody", "1"), b"{"]))
    tell(store, "b.csv", b"id,label,row\nl3,,\nl5,1,2\nl7,0,9\n" + b"".join(b"s%d,1,\n" % n for n in range(1, 90, 7)))
    sink = io.BytesIO()
    pq.write_table(pa.table({"id": [f"s{n}" for n in range(50)], "label": ["0"] * 50}), sink, row_group_size=20)
    tell(store, "c.parquet", sink.getvalue())
    tell(store, "d.csv", b"customer,label\n1,1\n")
    # and what the function makes of them
    expected = run(store)
    written = made(store)
    for key in written:
        s3.delete_object(Bucket=BUCKET, Key=key)
    for key, data in before.items():
        store.put(key, data)

    # when a function may not file the large hour, and Spark does what it leaves
    staged = store.listed(f"{naming.staged_prefix('credit', LARGE)}{LARGE:%H}/")
    limit = Allowance(hour_bytes=sum(item.size for item in staged) - 1)
    assert run(store, limit).left
    spark = run_job(SPEC)
    options = {"BUCKET": BUCKET, "AT": NOW.isoformat(), "MOST_BYTES": str(limit.hour_bytes), "LABELS_AT_ONCE": "100"}
    done = spark("join_labels.py", **options)

    # then rows, outcomes and accounts are the same
    assert done.returncode == 0, done.stderr[-3000:]
    assert rows(made(store)) == rows(written)
    for prefix in ("outcomes/", "joined/"):
        assert {k: v for k, v in made(store).items() if k.startswith(prefix)} == {
            k: v for k, v in written.items() if k.startswith(prefix)
        }
    assert f"1 hours filed with 1260 rows, {expected.labels} labels joined" in done.stderr
    # and the hour is cut into files, each with the ids that its name says
    names = [key.rpartition("/")[2] for key in made(store) if f"hr={LARGE:%H}" in key]
    assert names == ["v1--" + digit + ".parquet" for digit in "0123456789abcdef"] + ["v1.parquet"]
    for file in CuratedHours.of(store, SPEC, NOW).filed(LARGE):
        kept = CuratedHours.of(store, SPEC, NOW).read(file[0])
        assert kept is not None
        assert {name.hex()[: len(file[0].digits)] for name in kept.ids.tolist()} <= {file[0].digits}

    # and when labels come later, what was staged is cut once more, and nothing but these changes
    tell(store, "late.csv", b"id,label\nl14,1\ns61,0\n")
    again = spark("join_labels.py", **options)
    assert "1 hours filed with 1260 rows, 2 labels joined" in again.stderr, again.stderr[-3000:]
    corrected = {ids.digest("l14").tobytes().hex(): "1", ids.digest("s61").tobytes().hex(): "0"}
    assert labels(made(store)) == {
        hour: [(name, corrected.get(name, label)) for name, label in told] for hour, told in labels(written).items()
    }
