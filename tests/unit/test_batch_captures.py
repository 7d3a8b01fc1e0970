"""What batch transform jobs capture becomes one profile a file, whatever comes first and however often."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import numpy as np
import pytest
import time_machine
from moto import mock_aws

from lambdas.join_labels import handler as join_labels
from lambdas.profile_capture import handler as profile_capture
from tests.support import CONTEXT, label_record, model_spec
from tests.unit.captured import cells
from tests.unit.fake_aws import emitted
from watchkeeper import ids, naming
from watchkeeper.aws import batches, deployed
from watchkeeper.aws.store import Store
from watchkeeper.capture import PREDICTED_SCORE
from watchkeeper.capture.batch import BatchReader
from watchkeeper.curated import Predictions, from_parquet
from watchkeeper.labels import LabelReader, Source
from watchkeeper.outcomes import OutcomeBaseline, OutcomeBinning, Outcomes, observe
from watchkeeper.profile import Baseline, Binning

BUCKET = "data"
FOLDER = "capture/credit/v1/batch_transform/nightly/"
REQUESTS, ANSWERS = f"{FOLDER}requests/a.csv", f"{FOLDER}answers/a.csv.out"
INPUT, OUTPUT = f"{FOLDER}input/2026/11/21/10/in.jsonl", f"{FOLDER}output/2026/11/21/11/out.jsonl"
KEY = f"{OUTPUT}/requests/a.csv"
"""What stands for the file."""
ALL_WELL: dict[str, Any] = {"batchItemFailures": []}


def manifest(*keys: str, bucket: str = BUCKET) -> bytes:
    return json.dumps([{"prefix": f"s3://{bucket}/"}, *keys]).encode()


def lines(rows: int, first: int = 0) -> bytes:
    return b"".join(b"%d,%d.5,rent\n" % (20 + row % 50, row) for row in range(first, first + rows))


def scores(rows: int) -> bytes:
    return b"".join(b"%.2f\n" % (row % 100 / 100) for row in range(rows))


OBJECTS = {
    REQUESTS: lines(40) + b"only,two\n",
    ANSWERS: scores(41),
    INPUT: manifest(REQUESTS),
    OUTPUT: manifest(ANSWERS),
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": BUCKET,
        "BACKFILL_JOB": "credit--backfill-profiles",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Watchkeeper",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(profile_capture, "deployed_spec", model_spec)
    forget_clients = deployed.client.cache_clear
    forget_clients()
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        monkeypatch.setenv("QUEUE_URL", boto3.client("sqs").create_queue(QueueName="captured")["QueueUrl"])
        yield client
    forget_clients()


@pytest.fixture
def baseline(s3: Any) -> Baseline:
    (block,) = BatchReader(model_spec()).blocks([lines(500)], [scores(500)])
    made = Baseline.build("credit", "v1", datetime(2026, 11, 20, tzinfo=UTC), _bins(block), [block])
    s3.put_object(Bucket=BUCKET, Key=naming.baseline_key("credit", "v1"), Body=made.to_json())
    return made


def _bins(block: Any) -> Binning:
    return Binning.fit(block.features, block.predictions)


def store(s3: Any) -> Store:
    return Store(s3, BUCKET)


def arrive(s3: Any, key: str, body: bytes) -> dict[str, Any]:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return notify(key)


def notify(key: str) -> dict[str, Any]:
    body = {"time": "2026-11-21T11:05:00Z", "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}}}
    return dict(profile_capture.handler({"Records": [{"messageId": key, "body": json.dumps(body)}]}, CONTEXT))


def profiles(s3: Any) -> dict[str, bytes]:
    return {key: store(s3).get(key) or b"" for key in store(s3).keys("profiles/")}


def handle_queue() -> int:
    queue, url, handled = boto3.client("sqs"), boto3.client("sqs").get_queue_url(QueueName="captured")["QueueUrl"], 0
    while batch := queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        messages = [{"messageId": item["MessageId"], "body": item["Body"]} for item in batch]
        assert profile_capture.handler({"Records": messages}, CONTEXT) == ALL_WELL
        handled += len(messages)
    return handled


@pytest.mark.parametrize(
    "order", list(itertools.permutations(OBJECTS)), ids=lambda order: "-".join(k[-8:] for k in order)
)
def test_the_object_that_completes_a_file_has_it_profiled(s3: Any, baseline: Baseline, order: tuple[str, ...]):
    # given all but one of the four objects
    for key in order[:-1]:
        assert arrive(s3, key, OBJECTS[key]) == ALL_WELL
    assert profiles(s3) == {}
    # when the last arrives, and every notice comes again
    assert arrive(s3, order[-1], OBJECTS[order[-1]]) == ALL_WELL
    written = profiles(s3)
    for key in order:
        assert notify(key) == ALL_WELL
    # then there is one profile, under the hour of the answers, of the rows with their answers
    assert profiles(s3) == written
    ((key, stored),) = written.items()
    assert key.startswith(naming.hour_prefix("credit", baseline.id, datetime(2026, 11, 21, 11, tzinfo=UTC)))
    profile = baseline.read(stored)
    assert (profile.rows, profile.unreadable, profile.predictions[PREDICTED_SCORE].rows) == (40, 1, 40)
    # and the bad line is in quarantine, under that hour as well
    (quarantined,) = store(s3).keys("quarantine/credit/")
    assert "/2026/11/21/11/" in quarantined


def told(rows: int) -> bytes:
    """Answers with the ids and times that a job generated."""
    return b"".join(
        b"%.2f, %s,2026-11-21T10:30:%02dZ\n" % (row % 100 / 100, name_of(row).encode(), row % 60) for row in range(rows)
    )


def name_of(row: int) -> str:
    return f"1f1d57b1-2e6f-488c-8c30-{row:012x}"


def judged() -> OutcomeBaseline:
    """What a labelled holdout says of a version."""
    spec, at = model_spec(), datetime(2026, 11, 20, tzinfo=UTC)
    (block,) = BatchReader(spec, identified=True).blocks([lines(400)], [told(400)])
    labels = b"\n".join(label_record(name_of(row), str(row % 2)) for row in range(400))
    read, _ = LabelReader(spec).read(Source("a.jsonl", at, at), [labels])
    rows = Predictions.together([Predictions.of_block(block, spec.task, "a", 0)]).joined(read).predictions.labelled()
    return OutcomeBaseline("v1", observe(OutcomeBinning.fit(spec, rows), rows))


def test_labels_that_name_generated_ids_are_joined_and_counted_as_an_endpoint_s_are(
    s3: Any,
    baseline: Baseline,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
):
    # given a job that generates ids, but for its last two answers, and a version with a labelled holdout
    monkeypatch.setattr(join_labels, "deployed_spec", model_spec)
    holdout = judged()
    s3.put_object(Bucket=BUCKET, Key=naming.outcome_baseline_key("credit", "v1"), Body=holdout.to_json())
    for key, body in OBJECTS.items():
        arrive(s3, key, told(38) + scores(3) if key == ANSWERS else body)
    # and labels of some of them
    labels = b"\n".join(label_record(name_of(row), str(row % 2)) for row in range(20))
    s3.put_object(Bucket=BUCKET, Key="labels/credit/2026/11/21/12/a.jsonl", Body=labels)

    # when they are joined
    with time_machine.travel(datetime(2026, 11, 21, 12, 30, tzinfo=UTC), tick=False):
        answer = join_labels.handler({"scheduled_time": "2026-11-21T12:30:00+00:00"}, CONTEXT)

    # then all rows are filed under the hour of their manifest, with their labels and times, and counted
    assert (answer["labels"], answer["counted"], answer["unusable"]) == (20, 1, 0)
    kept = from_parquet(model_spec(), store(s3).get("predictions/credit/dt=2026-11-21/hr=11/v1.parquet") or b"")
    place = kept.ids.tolist().index(ids.digest(name_of(7)).tolist()[0])
    found = kept.taken(np.array([place]))
    assert (cells(found.truth), cells(found.predictions[PREDICTED_SCORE])) == (["1"], [(0.07).hex()])
    assert found.times[0] == datetime(2026, 11, 21, 10, 30, 7, tzinfo=UTC).timestamp()
    (counted,) = store(s3).keys("outcomes/")
    outcomes = Outcomes.from_json(store(s3).get(counted) or b"", holdout.binning)
    assert (len(kept), outcomes.rows, outcomes.scores.labelled) == (40, 40, 20)
    # and those without an id are rows of their own, taken to be answered in that hour, and told
    hour = datetime(2026, 11, 21, 11, tzinfo=UTC).timestamp()
    assert np.count_nonzero(kept.times == hour) == 2
    warnings = [vars(record) for record in caplog.records if "without ids" in record.getMessage()]
    assert [(each["levelname"], each["key"], each["rows"]) for each in warnings] == [("WARNING", KEY, 2)]
    assert emitted(capsys.readouterr().out)["PredictionsWithoutId"] == 2


def test_a_file_that_was_answered_anew_is_pending_and_one_whose_profile_is_newer_is_not(s3: Any, baseline: Baseline):
    # given
    for key, body in OBJECTS.items():
        arrive(s3, key, body)
    (file,) = batches.complete(store(s3), "credit", FOLDER)
    profile = store(s3).find(naming.profile_key("credit", baseline.id, file.capture))
    assert profile is not None
    newer = profile.modified.replace(year=2030)
    older = profile.modified.replace(year=2020)

    def with_times(time: datetime, answered: datetime) -> batches.BatchFile:
        first, second = (item._replace(modified=time) for item in file.named)
        return file._replace(
            requests=file.requests._replace(modified=time),
            answers=file.answers._replace(modified=answered),
            named=(first, second),
        )

    # when / then
    assert batches.is_pending(store(s3), baseline, with_times(older, newer))
    assert not batches.is_pending(store(s3), baseline, with_times(older, older))


def test_the_files_of_one_job_are_read_by_a_message_each(s3: Any, baseline: Baseline):
    # given three files of a job, one of them not answered
    names = ("a", "b", "c")
    for name in names:
        arrive(s3, f"{FOLDER}requests/{name}.csv", lines(5))
    for name in names[:2]:
        arrive(s3, f"{FOLDER}answers/{name}.csv.out", scores(5))
    arrive(s3, INPUT, manifest(*(f"{FOLDER}requests/{name}.csv" for name in names)))
    # when the last manifest arrives, and what it sends is handled
    arrive(s3, OUTPUT, manifest(*(f"{FOLDER}answers/{name}.csv.out" for name in names[:2])))
    assert handle_queue() == 2
    # then those that were answered have a profile
    assert [baseline.read(stored).rows for stored in profiles(s3).values()] == [5, 5]


def test_a_new_baseline_sends_the_files_of_batch_jobs_through_again(s3: Any):
    # given a job's capture that came before its version's baseline
    for key, body in OBJECTS.items():
        assert arrive(s3, key, body) == ALL_WELL
    assert profiles(s3) == {}
    (block,) = BatchReader(model_spec()).blocks([lines(500)], [scores(500)])
    made = Baseline.build("credit", "v1", datetime(2026, 11, 20, tzinfo=UTC), _bins(block), [block])
    # when the baseline comes
    arrive(s3, naming.baseline_key("credit", "v1"), made.to_json())
    # then the file is profiled, and none of the objects by itself
    assert handle_queue() == 1
    assert [made.read(stored).rows for stored in profiles(s3).values()] == [40]


def test_a_manifest_that_names_files_elsewhere_is_a_failure_that_is_seen(s3: Any, baseline: Baseline):
    # given files outside the job's folder; when the manifests arrive
    arrive(s3, INPUT, manifest("other/a.csv"))
    answer = arrive(s3, OUTPUT, manifest("other/a.csv.out"))
    # then the messages come again, and in the end to the dead letters
    assert answer == {"batchItemFailures": [{"itemIdentifier": OUTPUT}]}


def test_a_large_file_is_handed_to_spark(s3: Any, baseline: Baseline, monkeypatch: pytest.MonkeyPatch):
    # given a small limit
    monkeypatch.setattr(profile_capture, "LARGEST_BATCH_BYTES", 10)
    started: list[dict[str, Any]] = []

    class Glue:
        def start_job_run(self, **request: Any) -> None:
            started.append(request)

    clients = deployed.client
    monkeypatch.setattr(deployed, "client", lambda name: Glue() if name == "glue" else clients(name))
    # when a file is complete
    for key, body in OBJECTS.items():
        assert arrive(s3, key, body) == ALL_WELL
    # then the job is asked for its hour
    (request,) = started
    assert request["Arguments"] == {
        "--VERSION": "v1",
        "--FROM": "2026-11-21T11:00:00+00:00",
        "--TO": "2026-11-21T12:00:00+00:00",
    }
    assert profiles(s3) == {}
