"""The monitoring functions against a fake AWS: what they store, emit, skip and hand back."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws

from lambdas.check_training_set import handler as check_training_set
from lambdas.evaluate_candidate import handler as evaluate_candidate
from lambdas.monitor_drift import handler as monitor_drift
from lambdas.profile_capture import handler as profile_capture
from tests.support import CONTEXT, FEATURES, capture_record, model_spec
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.capture import CaptureReader
from watchkeeper.errors import DatasetError
from watchkeeper.findings import Findings
from watchkeeper.profile import Baseline, Binning
from watchkeeper.spec import Attached, Feature, Gate, Kind, ModelSpec, Output, Task
from watchkeeper.trainingset import Manifest, Split

BUCKET, TABLE = "data", "credit"
ALL_WELL: dict[str, Any] = {"batchItemFailures": []}
HANDLERS = (profile_capture, monitor_drift, evaluate_candidate, check_training_set)
HOUR = datetime(2026, 11, 21, 10, tzinfo=UTC)
KEY = "capture/credit/v1/credit/AllTraffic/2026/11/21/10/00-a.jsonl"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BUCKET": BUCKET,
        "TABLE": TABLE,
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Watchkeeper",
    }.items():
        monkeypatch.setenv(name, value)
    use(monkeypatch, model_spec())
    for module in HANDLERS:
        for cached in ("_store", "_queue", "_registry"):
            if hasattr(module, cached):
                getattr(module, cached).cache_clear()
    deployed.client.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        boto3.client("dynamodb").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield s3


def use(monkeypatch: pytest.MonkeyPatch, spec: ModelSpec) -> None:
    for module in HANDLERS:
        monkeypatch.setattr(module, "deployed_spec", lambda: spec)


def records(n: int, seed: int, shift: float = 0.0, score: float = 0.0) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [
        capture_record(
            f"{random.integers(18, 80)},{random.normal(50 + shift, 10):.3f},{random.choice(['rent', 'own'])}",
            f"{min(1.0, random.beta(2, 5) + score):.4f}",
            event_id=f"{seed}-{place}",
        )
        for place in range(n)
    ]


def put(s3: Any, key: str, lines: list[bytes]) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"\n".join(lines))


def get(s3: Any, key: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def keys(s3: Any, prefix: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def put_baseline(s3: Any, version: str = "v1", rows: int = 3000) -> Baseline:
    (block,) = CaptureReader(model_spec()).blocks([b"\n".join(records(rows, seed=1))])
    base = Baseline.build("credit", version, HOUR, Binning.fit(block.features, block.predictions), [block])
    s3.put_object(Bucket=BUCKET, Key=naming.baseline_key("credit", version), Body=base.to_json())
    return base


def message(key: str, identity: str = "m1") -> dict[str, Any]:
    body = {"time": "2026-11-21T10:05:00Z", "detail": {"bucket": {"name": BUCKET}, "object": {"key": key}}}
    return {"messageId": identity, "body": json.dumps(body)}


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Every metric emitted so far, checked for its one dimension."""
    found: dict[str, Any] = {}
    for line in capsys.readouterr().out.splitlines():
        entry = json.loads(line)
        if "_aws" in entry:
            (directive,) = entry["_aws"]["CloudWatchMetrics"]
            assert directive["Dimensions"] == [["Model"]]
            assert entry["Model"] == "credit"
            found |= {item["Name"]: entry[item["Name"]][0] for item in directive["Metrics"]}
            found["time"] = entry["_aws"]["Timestamp"]
    return found


def test_a_capture_is_profiled_and_its_bad_records_are_quarantined(aws, capsys):
    # given a baseline and a capture of 50 rows with a broken record
    base = put_baseline(aws)
    put(aws, KEY, [*records(50, seed=2), b"{broken"])

    # when its event arrives, twice
    for _ in range(2):
        assert profile_capture.handler({"Records": [message(KEY)]}, CONTEXT) == {"batchItemFailures": []}

    # then there is one profile, the record is in quarantine with its reason, and both are counted at the event's time
    (stored,) = keys(aws, "profiles/")
    profile = base.read(get(aws, stored))
    assert stored.startswith(f"profiles/credit/{base.id}/2026/11/21/10/")
    assert (profile.rows, profile.unreadable) == (50, 1)
    (entry,) = get(aws, naming.quarantine_key("credit", KEY)).splitlines()
    assert json.loads(entry)["line"] == 51
    assert base64.b64decode(json.loads(entry)["record"]) == b"{broken"
    assert metrics(capsys) == {"RowsProfiled": 50.0, "UnreadableRecords": 1.0, "time": 1795255500000}


def test_of_a_model_with_personal_fields_quarantine_keeps_no_bytes(aws, monkeypatch):
    # given a personal field, a baseline and a broken record
    spec = model_spec(features=(*FEATURES, Feature("name", Kind.CATEGORY, personal=True)))
    use(monkeypatch, spec)
    put_baseline(aws)
    put(aws, KEY, [b'{"name": "Jane Doe"'])

    # when the capture is profiled
    profile_capture.handler({"Records": [message(KEY)]}, CONTEXT)

    # then the reason is kept, and not the bytes
    quarantined = get(aws, naming.quarantine_key("credit", KEY))
    assert json.loads(quarantined)["reason"]
    assert b"Jane" not in quarantined
    assert "record" not in json.loads(quarantined)


def test_a_message_that_fails_does_not_take_the_others_with_it(aws):
    # given a good capture between a message that is no event and one whose baseline is damaged
    put_baseline(aws)
    aws.put_object(Bucket=BUCKET, Key=naming.baseline_key("credit", "v2"), Body=b"damaged")
    put(aws, KEY, records(5, seed=2))
    put(aws, KEY.replace("v1", "v2"), records(5, seed=2))
    batch = [{"messageId": "bad", "body": "?"}, message(KEY, "good"), message(KEY.replace("v1", "v2"), "damaged")]

    # when the batch is handled
    answer = profile_capture.handler({"Records": batch}, CONTEXT)

    # then only those two come again
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}, {"itemIdentifier": "damaged"}]}
    assert len(keys(aws, "profiles/")) == 1


@pytest.mark.parametrize("key", [KEY, "capture/credit/v1/oddly-named", "capture/credit/v9/e/v/2026/11/21/10/x.jsonl"])
def test_what_cannot_be_profiled_now_is_no_failure(aws, key):
    # given a capture that is gone, a key that is none, and a version without a baseline
    put_baseline(aws)

    # when its event arrives; then nothing fails and nothing is written
    assert profile_capture.handler({"Records": [message(key)]}, CONTEXT) == {"batchItemFailures": []}
    assert keys(aws, "profiles/") == []


def test_a_new_baseline_sends_all_captures_of_its_version_through_again(aws, monkeypatch):
    # given 23 captures of version 2 that came before its baseline, with odd characters, and one of version 1
    queue = boto3.client("sqs")
    url = queue.create_queue(QueueName="captures")["QueueUrl"]
    monkeypatch.setenv("QUEUE_URL", url)
    early = [f"capture/credit/v2/credit/AllTraffic/2026/11/21/10/{n:02d}+a b.jsonl" for n in range(23)]
    for key in (*early, KEY):
        put(aws, key, records(2, seed=3))
    put_baseline(aws, "v2")

    # when the baseline's event arrives, and what it sends is handled
    baseline_event = message(naming.baseline_key("credit", "v2"))
    assert profile_capture.handler({"Records": [baseline_event]}, CONTEXT) == {"batchItemFailures": []}
    received: list[dict[str, Any]] = []
    while batch := queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [{"messageId": item["MessageId"], "body": item["Body"]} for item in batch]
    assert profile_capture.handler({"Records": received}, CONTEXT) == {"batchItemFailures": []}

    # then every capture of that version has a profile
    assert len(received) == 23
    assert len(keys(aws, "profiles/")) == 23


def test_captures_of_an_attached_endpoint_are_read_in_its_owner_s_bucket_and_in_ours(aws, monkeypatch):
    # given a capture in either place, and in the owner's bucket one of another endpoint, an old one and a note
    use(monkeypatch, model_spec(attached=Attached("legacy", "s3://theirs/all/captured")))
    queue = boto3.client("sqs")
    url = queue.create_queue(QueueName="captures")["QueueUrl"]
    monkeypatch.setenv("QUEUE_URL", url)
    aws.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    theirs = "all/captured/legacy/AllTraffic/2026/11/21/10/00-a.jsonl"
    others = (theirs.replace("legacy", "other"), theirs.replace("2026", "2024"), "all/captured/legacy/AllTraffic/note")
    for key in (theirs, *others):
        aws.put_object(Bucket="theirs", Key=key, Body=b"\n".join(records(2, seed=3)))
    put(aws, KEY, records(3, seed=4))
    base = put_baseline(aws)

    # when the baseline's event arrives, and what it sends is handled
    assert profile_capture.handler({"Records": [message(naming.baseline_key("credit", "v1"))]}, CONTEXT) == ALL_WELL
    sent = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    received = [{"messageId": item["MessageId"], "body": item["Body"]} for item in sent]
    assert profile_capture.handler({"Records": received}, CONTEXT) == ALL_WELL

    # then both captures are profiled as version 1's, and nothing else is
    profiles = [base.read(get(aws, key)) for key in keys(aws, "profiles/")]
    assert sorted(profile.rows for profile in profiles) == [2, 3]


def serve(version: str = "v1", **changes: str) -> None:
    item = {
        "pk": "serving",
        "version": version,
        "endpoint_config": "credit--v1",
        "since": HOUR.isoformat(),
        "probation_until": (HOUR + timedelta(days=1)).isoformat(),
        **changes,
    }
    boto3.client("dynamodb").put_item(TableName=TABLE, Item={name: {"S": value} for name, value in item.items()})


def monitor(hours: float = 1.0) -> dict[str, Any]:
    return monitor_drift.handler({"scheduled_time": (HOUR + timedelta(hours=hours)).isoformat()}, CONTEXT)


def capture(s3: Any, lines: list[bytes], key: str = KEY) -> None:
    put(s3, key, lines)
    assert profile_capture.handler({"Records": [message(key)]}, CONTEXT) == {"batchItemFailures": []}


def test_healthy_traffic_is_said_to_be_healthy(aws, capsys):
    # given a serving version and healthy captures in two parts
    put_baseline(aws)
    serve()
    capture(aws, records(400, seed=2))
    capture(aws, records(400, seed=3), KEY.replace("00-a", "30-b"))
    capsys.readouterr()

    # when the monitor looks
    answer = monitor()

    # then all rows are in the window, nothing drifted, and the metrics say so at the scheduled time
    assert (answer["verdict"], answer["drifted"], answer["rows"]) == ("no drift", [], 800)
    assert metrics(capsys) == {
        "WindowRows": 800.0,
        "DriftedFeatures": 0.0,
        "DriftScore": 0.0,
        "PredictionDrift": 0.0,
        "SuspectVersion": 0.0,
        "time": int((HOUR + timedelta(hours=1)).timestamp() * 1000),
    }


def test_drift_is_found_named_and_stored(aws, capsys):
    # given captures whose income has moved
    put_baseline(aws)
    serve()
    capture(aws, records(800, seed=2, shift=8))
    capsys.readouterr()

    # when the monitor looks
    answer = monitor()

    # then the feature is named, and the findings are where the answer says
    assert (answer["verdict"], answer["drifted"]) == ("drift", ["income"])
    findings = Findings.from_json(get(aws, answer["findings"]))
    assert findings.drifted[0].summary.startswith("mean 50")
    emitted = metrics(capsys)
    assert emitted["DriftedFeatures"] == 1
    assert emitted["DriftScore"] > 1
    assert emitted["PredictionDrift"] == emitted["SuspectVersion"] == 0


@pytest.mark.parametrize(
    ("serving", "hours", "suspect"),
    [
        ({"previous_version": "v0"}, 1, 1.0),
        ({}, 1, 0.0),  # nothing to go back to
        ({"previous_version": "v0", "probation_until": HOUR.isoformat()}, 1, 0.0),  # no longer on probation
    ],
)
def test_a_version_on_probation_is_suspect_when_its_predictions_alone_drift(aws, capsys, serving, hours, suspect):
    # given captures whose scores have moved while the features have not
    put_baseline(aws)
    serve(**serving)
    capture(aws, records(800, seed=2, score=0.2))
    capsys.readouterr()

    # when the monitor looks
    answer = monitor(hours)

    # then the predictions are named, and the version is suspect only on probation and with a way back
    assert set(answer["drifted"]) == {"predicted label", "predicted score", "confidence"}
    emitted = metrics(capsys)
    assert emitted["PredictionDrift"] > 1
    assert emitted["SuspectVersion"] == suspect
    assert emitted["DriftedFeatures"] == 0  # or a retraining would race with the rollback


def test_without_enough_rows_or_a_baseline_there_is_no_verdict(aws, capsys):
    # given no serving record; then a serving version with few rows
    assert monitor()["verdict"] == "no baseline"
    assert metrics(capsys) == {
        "WindowRows": 0.0,
        "DriftedFeatures": 0.0,
        "PredictionDrift": 0.0,
        "SuspectVersion": 0.0,
        "time": int((HOUR + timedelta(hours=1)).timestamp() * 1000),
    }
    put_baseline(aws)
    serve(since=(HOUR - timedelta(days=30)).isoformat())
    capture(aws, records(299, seed=2, shift=30))
    capsys.readouterr()

    # when the monitor looks, and looks again after the window has passed on
    first, second = monitor(), monitor(hours=48)

    # then neither look has a verdict, and no count of drifted features is emitted
    assert (first["verdict"], first["rows"]) == ("insufficient data", 299)
    assert (second["verdict"], second["rows"]) == ("insufficient data", 0)
    assert "DriftedFeatures" not in metrics(capsys)


def test_a_drift_alarm_of_the_version_before_does_not_outlive_it(aws, capsys):
    # given a version that took over within the window, with few rows yet
    put_baseline(aws)
    serve()
    capture(aws, records(299, seed=2, shift=30))
    capsys.readouterr()

    # when
    answer = monitor()

    # then
    assert answer["verdict"] == "insufficient data"
    emitted = metrics(capsys)
    assert (emitted["DriftedFeatures"], emitted["PredictionDrift"], emitted["SuspectVersion"]) == (0, 0, 0)


def test_the_better_candidate_passes_the_gate_and_the_verdict_is_kept(aws):
    # given a holdout and the answers of both models, in two files
    random = np.random.default_rng(4)
    labels = (random.random(600) < 0.3).astype(int)
    files = {
        "holdout/features/part-00000.csv": [f"{30 + n % 40},{1000 + n},own" for n in range(600)],
        "holdout/labels/part-00000.csv": labels,
        "champion/part-00000.csv.out": np.clip(0.3 * labels + random.random(600), 0, 1),
        "challenger/part-00000.csv.out": np.clip(0.6 * labels + 0.5 * random.random(600), 0, 1),
    }
    prefix = naming.run_prefix("credit", "abc123")
    for name, values in files.items():
        put(aws, prefix + name, [str(value).encode() for value in values])
    event = {"run": "abc123", "now": HOUR.isoformat()}
    champion, challenger = (f"s3://{BUCKET}/{prefix}{name}/" for name in ("champion", "challenger"))

    # when both are judged, and once more the other way round
    better = evaluate_candidate.handler({**event, "champion": champion, "challenger": challenger}, CONTEXT)
    kept = json.loads(get(aws, prefix + "gate.json"))
    worse = evaluate_candidate.handler({**event, "champion": challenger, "challenger": champion}, CONTEXT)

    # then the better one passes, and the verdict is kept beside the data
    assert better["passed"]
    assert better["rows"] == 600
    assert not worse["passed"]
    assert (kept["passed"], kept["reason"]) == (True, better["reason"])
    assert better["lines"][0].startswith("performance: passed. roc_auc")
    assert worse["reason"].startswith("performance: roc_auc")
    with pytest.raises(DatasetError, match="has no answers"):
        evaluate_candidate.handler({**event, "champion": champion, "challenger": f"s3://{BUCKET}/nowhere/"}, CONTEXT)


def test_only_a_line_feed_ends_a_holdout_label(aws, monkeypatch):
    # given a label that holds a character at which Python, but no file of labels, ends a line
    gate = dataclasses.replace(model_spec().retraining, gate=Gate("accuracy", 0.0, 0.01, 0.95))
    use(monkeypatch, model_spec(task=Task.MULTICLASS, output=Output(label=0), retraining=gate))
    labels = ["north", "so\u2028uth"] * 40
    prefix = naming.run_prefix("credit", "abc123")
    for place in ("holdout/labels/a.csv", "champion/a.csv.out", "challenger/a.csv.out"):
        put(aws, prefix + place, [label.encode() for label in labels])
    put(aws, prefix + "holdout/features/a.csv", [b"30,1000,own"] * 80)
    champion, challenger = (f"s3://{BUCKET}/{prefix}{name}/" for name in ("champion", "challenger"))

    # when two models that know it are judged
    event = {"run": "abc123", "now": HOUR.isoformat(), "champion": champion, "challenger": challenger}
    verdict = evaluate_candidate.handler(event, CONTEXT)

    # then all rows are compared
    assert (verdict["rows"], verdict["champion"]) == (80, 1.0)


def test_a_training_set_is_checked_by_its_manifest(aws):
    # given no manifest, then a good one, then one with a single class
    with pytest.raises(DatasetError, match="no manifest"):
        check_training_set.handler({"run": "r1"}, CONTEXT)
    good = Manifest(400, 300, 100, Split.RECENT, ("y",), {"0": 200, "1": 100}, {"0": 60, "1": 40})
    poor = Manifest(400, 300, 100, Split.RECENT, ("y",), {"0": 300}, {"0": 100})
    for run, manifest in (("r2", good), ("r3", poor)):
        aws.put_object(Bucket=BUCKET, Key=naming.run_prefix("credit", run) + "manifest.json", Body=manifest.to_json())

    # when they are checked
    answers = [check_training_set.handler({"run": run}, CONTEXT) for run in ("r2", "r3")]

    # then the answers tell which may be trained on
    assert [answer["ok"] for answer in answers] == [True, False]
    assert answers[0]["train_rows"] == 300
    assert "one class only" in answers[1]["reason"]
