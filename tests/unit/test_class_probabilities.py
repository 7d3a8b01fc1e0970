"""Probabilities of several classes, from a captured object and a file of labels to the look of the monitor."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import time_machine
from sklearn import metrics as sklearn

from lambdas.join_labels import handler as join_labels
from lambdas.monitor_performance import handler as monitor_performance
from lambdas.profile_capture import handler as profile_capture
from tests.support import CONTEXT, model_spec
from tests.unit.class_support import CLASSES, HOUR, SPEC, Traffic, baseline, drawn
from tests.unit.fake_aws import BUCKET, fake_aws, put_serving
from watchkeeper import jsonio, naming
from watchkeeper.outcomes import OutcomeBaseline
from watchkeeper.performance import Name, PerformanceLook, Verdict
from watchkeeper.profile import Baseline, Binning
from watchkeeper.spec import Task

NOW = HOUR + timedelta(hours=2)
KEY = f"capture/credit/v1/credit/AllTraffic/{HOUR:%Y/%m/%d/%H}/a.jsonl"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for function in (profile_capture, join_labels, monitor_performance):
        monkeypatch.setattr(function, "deployed_spec", lambda: SPEC)
    with fake_aws(monkeypatch) as client, time_machine.travel(NOW, tick=False):
        yield client


def put(s3: Any, key: str, body: bytes) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def serve(s3: Any, judged: OutcomeBaseline, holdout: Traffic) -> None:
    """A version with its baselines."""
    block = holdout.block()
    profiled = Baseline.build("credit", "v1", HOUR, Binning.fit(block.features, block.predictions), [block])
    put(s3, naming.baseline_key("credit", "v1"), profiled.to_json())
    put(s3, naming.outcome_baseline_key("credit", "v1"), judged.to_json())
    put_serving("v1", HOUR)


def captured(s3: Any, traffic: Traffic) -> None:
    """A captured object, and the notice of it."""
    put(s3, KEY, traffic.captured)
    detail = {"bucket": {"name": BUCKET}, "object": {"key": KEY, "size": len(traffic.captured)}}
    body = jsonio.dumps({"time": HOUR.isoformat(), "detail": detail}).decode()
    answer = profile_capture.handler({"Records": [{"messageId": "1", "body": body}]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


def look(s3: Any) -> PerformanceLook:
    join_labels.handler({"scheduled_time": NOW.isoformat()}, CONTEXT)
    answer = monitor_performance.handler({"scheduled_time": NOW.isoformat()}, CONTEXT)
    return PerformanceLook.from_json(s3.get_object(Bucket=BUCKET, Key=answer["look"])["Body"].read())


def test_metrics_of_probabilities_agree_with_scikit_learn_from_capture_to_look(s3: Any):
    # given a version, what it answered, and labels of that
    holdout, traffic = drawn(2000, 1), drawn(4000, 2)
    serve(s3, baseline(holdout), holdout)
    captured(s3, traffic)
    put(s3, f"labels/credit/{NOW:%Y/%m/%d/%H}/a.jsonl", traffic.labels)

    # when
    found = look(s3)

    # then the look has what scikit-learn makes of the answers and the labels
    assert (found.performance.labelled, found.performance.notes) == (4000, ())
    order = sorted(range(3), key=lambda place: CLASSES[place])  # as scikit-learn has classes
    chances, names = traffic.chances[:, order], sorted(CLASSES)
    for name, average in ((Name.ROC_AUC, "macro"), (Name.WEIGHTED_ROC_AUC, "weighted")):
        area = sklearn.roc_auc_score(traffic.truth, chances, multi_class="ovr", average=average, labels=names)
        assert found.performance[name].value == pytest.approx(area, abs=3e-3)
    hot = np.array(names) == np.array(traffic.truth)[:, None]
    precision = np.mean([sklearn.average_precision_score(hot[:, place], chances[:, place]) for place in range(3)])
    assert found.performance[Name.PR_AUC].value == pytest.approx(precision, abs=5e-3)
    loss = sklearn.log_loss(traffic.truth, chances, labels=names)
    assert found.performance[Name.LOG_LOSS].value == pytest.approx(loss, abs=1e-6)
    brier = np.square(chances - hot).sum(axis=1).mean()
    assert found.performance[Name.BRIER].value == pytest.approx(brier, abs=1e-6)
    said = [names[place] for place in chances.argmax(axis=1)]
    assert found.performance[Name.ACCURACY].value == sklearn.accuracy_score(traffic.truth, said)
    # and finds them no worse than the holdout's
    assert found.findings.verdict is Verdict.GOOD
    assert {Name.ROC_AUC, Name.LOG_LOSS, Name.BRIER} <= {each.name for each in found.findings.metrics}


def test_answers_whose_probabilities_are_none_are_told_and_the_rest_goes_on(s3: Any):
    # given answers a fifth of which are above 1, and one of too many probabilities
    holdout, traffic = drawn(2000, 1), drawn(1000, 2)
    serve(s3, baseline(holdout), holdout)
    lines = traffic.captured.split(b"\n")
    wrong = [place for place in range(1000) if place % 5 == 1]
    for place in wrong:
        lines[place] = lines[place].replace(b'"data": "0.', b'"data": "7.').replace(b'"data": "1.', b'"data": "7.')
    lines[2] = lines[2].replace(b'"data": "0.', b'"data": "0.1,0.')
    odd = Traffic(traffic.names, traffic.chances, traffic.truth, b"\n".join(lines), traffic.labels)
    captured(s3, odd)
    put(s3, f"labels/credit/{NOW:%Y/%m/%d/%H}/a.jsonl", traffic.labels)

    # when
    found = look(s3)

    # then metrics of probabilities rest on the others, and the look says so
    assert found.performance.labelled == 999
    assert found.performance[Name.LOG_LOSS].n == 799
    assert [note for note in found.performance.notes if note.startswith("200 labelled row(s) without prob")]
    # and what could not be read is kept with its reason
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="quarantine/")["Contents"]
    kept = s3.get_object(Bucket=BUCKET, Key=listed[0]["Key"])["Body"].read()
    assert b"4 probabilities where 3 classes are expected" in kept


def test_a_baseline_from_before_the_classes_were_named_leaves_their_metrics_unknown(s3: Any):
    # given a version whose holdout was counted without probabilities
    holdout, traffic = drawn(2000, 1), drawn(1000, 2)
    serve(s3, baseline(holdout, shares=False), holdout)
    captured(s3, traffic)
    put(s3, f"labels/credit/{NOW:%Y/%m/%d/%H}/a.jsonl", traffic.labels)

    # when
    found = look(s3)

    # then the look goes on, and says what it lacks
    assert found.findings.verdict is Verdict.GOOD
    assert "the baseline's answers have none" in found.performance[Name.ROC_AUC].reason
    assert found.performance[Name.ACCURACY].n == 1000


def test_rows_that_were_captured_before_the_classes_were_named_leave_their_metrics_unknown(
    s3: Any, monkeypatch: pytest.MonkeyPatch
):
    # given an hour that was staged by the model's file as it was before, which then names classes
    holdout, traffic = drawn(2000, 1), drawn(1000, 2)
    serve(s3, baseline(holdout), holdout)
    with monkeypatch.context() as patch:
        patch.setattr(profile_capture, "deployed_spec", lambda: model_spec(task=Task.MULTICLASS))
        captured(s3, traffic)
    put(s3, f"labels/credit/{NOW:%Y/%m/%d/%H}/a.jsonl", traffic.labels)

    # when
    found = look(s3)

    # then
    assert "no labelled row has one" in found.performance[Name.ROC_AUC].reason
    assert found.performance[Name.ACCURACY].n == 980  # but for answers by class, which were of no known form
