"""The functions of the attribution machine where exact values are wanted, between them a job that finds or refuses."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest

from infra.archives import packed
from lambdas.plan_attribution import handler as plan_attribution
from lambdas.read_attribution import handler as read_attribution
from tests.support import CONTEXT
from tests.unit import test_attribution_functions as sampling
from tests.unit.fake_aws import BUCKET, fake_aws
from watchkeeper import naming
from watchkeeper.attribution import (
    AttributionLook,
    Attributions,
    ExactOutcome,
    Explanation,
    Importance,
    Question,
    Scale,
)
from watchkeeper.attribution import outcome as outcomes
from watchkeeper.attribution.question import explained_rows
from watchkeeper.aws import deployed, importances
from watchkeeper.spec import AttributionMethod, Feature, Kind

SPEC = dataclasses.replace(
    sampling.SPEC,
    attribution=dataclasses.replace(sampling.SPEC.attribution, method=AttributionMethod.EXACT),
)
SCHEDULED, FEATURES = sampling.SCHEDULED, ("income", "age", "home")
EXACT_KEY = naming.importance_key("credit", "v1", "base", exact=True)
SAMPLED_KEY = naming.importance_key("credit", "v1", "base")
REFUSAL = ExactOutcome(refused="KNeighborsClassifier is neither a linear model nor made of trees.")
FAILED = {"Error": "States.TaskFailed", "Cause": json.dumps({"FailureReason": "AlgorithmError: no such model"})}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with fake_aws(monkeypatch) as client:
        sampling.use(monkeypatch, SPEC)
        sampling.serve(client)
        boto3.client("sagemaker").create_model(
            ModelName="credit--v1",
            ExecutionRoleArn="arn:aws:iam::123456789012:role/serving",
            PrimaryContainer={"Image": "images/sklearn:1.9", "ModelDataUrl": "s3://data/training/credit/model.tar.gz"},
        )
        yield client


def planned(request: dict[str, Any], execution: str = "e", **inexact: str) -> dict[str, Any]:
    event = {"request": request, "execution": execution, "now": sampling.END.isoformat()}
    return plan_attribution.handler(event | {"inexact": inexact or {"Error": "", "Cause": ""}}, CONTEXT)


def explained(s3: Any, run: str, weights: tuple[float, ...] = (2.0, 0.1, 0.5)) -> ExactOutcome:
    """What a job finds of a model that is linear in made-up numbers."""
    rows = len(question(s3, run).rows)
    values = np.random.default_rng(rows).normal(size=(rows, 3)) * weights
    base = np.full(rows, -1.0)
    odds = base + values.sum(axis=1)
    found = Attributions(FEATURES, values, 0 * values, base, odds, Scale.LOG_ODDS, method=AttributionMethod.EXACT)
    return ExactOutcome(found=found)


def question(s3: Any, run: str) -> Question:
    return Question.from_json(body(s3, naming.question_key("credit", run)))


def left(s3: Any, run: str, outcome: ExactOutcome) -> None:
    """What the job leaves, where SageMaker puts it."""
    archive = packed({Path(outcomes.FILE): outcome.to_json()})
    s3.put_object(Bucket=BUCKET, Key=naming.exact_key("credit", run), Body=archive)


def read(request: dict[str, Any], run: str) -> dict[str, Any]:
    return read_attribution.handler({"request": request, "run": run}, CONTEXT)


def found(s3: Any, request: dict[str, Any], execution: str = "e", **weights: tuple[float, ...]) -> dict[str, Any]:
    """One round of the machine, in which the job finds what is wanted."""
    plan = planned(request, execution)
    assert plan["exact"]
    left(s3, plan["run"], explained(s3, plan["run"], **weights))
    return read(request, plan["run"])


def sampled(s3: Any, request: dict[str, Any], execution: str = "e", **inexact: str) -> dict[str, Any]:
    """One round of the machine, in which the model is asked."""
    plan = planned(request, execution, **inexact)
    assert (plan["due"], plan["exact"]) == (True, False)
    sampling.answered(s3, plan["run"])
    return read(request, plan["run"])


def body(s3: Any, key: str) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())


def there(s3: Any, key: str) -> bool:
    return any(item["Key"] == key for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=key).get("Contents", ()))


def test_a_job_is_given_the_container_of_the_version_and_all_rows(s3: Any) -> None:
    # when
    plan = planned({})
    # then
    assert (plan["image"], plan["artefact"]) == ("images/sklearn:1.9", "s3://data/training/credit/model.tar.gz")
    assert len(question(s3, plan["run"]).rows) == 150  # of 300 in the sample
    assert not there(s3, naming.asked_prefix("credit", plan["run"]) + "part-00000")


def test_baseline_and_window_are_exact_and_compared(s3: Any) -> None:
    # given
    sampling.capture(s3, sampling.drawn(600, 2))
    # when
    first, second = found(s3, SCHEDULED), found(s3, SCHEDULED)
    # then
    assert (first["stored"], first["more"], first["again"]) == (EXACT_KEY, True, False)
    look = AttributionLook.from_json(body(s3, second["stored"]))
    assert not look.drifted
    assert look.importance.method is AttributionMethod.EXACT
    assert look.importance.scale is Scale.LOG_ODDS
    assert look.findings.rows > 550
    assert planned({}) == plan_attribution.NOTHING_DUE


def test_a_version_that_is_refused_is_sampled_from_then_on_and_says_why(s3: Any) -> None:
    # given
    sampling.capture(s3, sampling.drawn(150, 2))
    run = planned(SCHEDULED)["run"]
    left(s3, run, REFUSAL)
    # when
    refused = read(SCHEDULED, run)
    # then
    assert (refused["again"], refused["more"], refused["refused"]) == (True, False, REFUSAL.refused)
    first = sampled(s3, SCHEDULED, Error="", Cause=refused["refused"])
    second = sampled(s3, SCHEDULED, Error="", Cause=refused["refused"])
    assert (first["stored"], first["more"]) == (SAMPLED_KEY, True)
    assert Importance.from_json(body(s3, SAMPLED_KEY)).because == REFUSAL.refused
    assert AttributionLook.from_json(body(s3, second["stored"])).importance.because == REFUSAL.refused
    # and the next execution does not try again
    assert not planned(SCHEDULED, "next")["exact"]
    assert question(s3, planned(SCHEDULED, "next")["run"]).because == REFUSAL.refused


def test_a_job_that_failed_is_tried_again_by_the_next_execution(s3: Any) -> None:
    # given
    planned({})
    # when
    sampled(s3, {}, **FAILED)
    # then
    because = Importance.from_json(body(s3, SAMPLED_KEY)).because
    assert because == "the job that explains exactly failed: AlgorithmError: no such model"
    assert found(s3, {}, "next")["stored"] == EXACT_KEY
    assert planned({}, "later") == plan_attribution.NOTHING_DUE


def test_a_window_whose_job_failed_is_compared_with_a_sampled_baseline(s3: Any) -> None:
    # given an exact baseline
    sampling.capture(s3, sampling.drawn(150, 2))
    found(s3, {}, "onboarded")
    assert planned(SCHEDULED)["exact"]
    # when
    first, second = sampled(s3, SCHEDULED, **FAILED), sampled(s3, SCHEDULED, **FAILED)
    # then
    assert (first["stored"], first["more"]) == (SAMPLED_KEY, True)
    assert AttributionLook.from_json(body(s3, second["stored"])).importance.method is AttributionMethod.SAMPLING
    # and what is known exactly stays what messages and cards go by
    kept = importances.on_baseline(deployed.store(), SPEC, "v1", "base")
    assert kept is not None
    assert kept.method is AttributionMethod.EXACT


def test_a_change_of_method_asks_the_baseline_anew(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    found(s3, {})
    # when
    sampling.use(monkeypatch, sampling.SPEC)
    # then
    assert planned({})["due"]
    assert importances.on_baseline(deployed.store(), sampling.SPEC, "v1", "base") is None
    sampled(s3, {})
    sampling.use(monkeypatch, SPEC)
    assert planned({}) == plan_attribution.NOTHING_DUE


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no archive",
        packed({Path("other.json"): b"{}"}),
        packed({Path(outcomes.FILE): b"{}"}),
        packed({Path(outcomes.FILE): b'{"format": 1, "refused": "  "}'}),
        packed({Path(outcomes.FILE): ExactOutcome(refused="x").to_json()})[:-20],
    ],
    ids=["empty", "no archive", "another file", "no outcome", "no reason", "cut off"],
)
def test_what_cannot_be_read_is_no_verdict_and_no_dead_end(s3: Any, archive: bytes) -> None:
    # given
    run = planned({})["run"]
    s3.put_object(Bucket=BUCKET, Key=naming.exact_key("credit", run), Body=archive)
    # when
    answer = read({}, run)
    # then
    assert answer["again"]
    assert "left no outcome that can be read" in answer["refused"]
    assert not there(s3, naming.inexact_key("credit", "v1", "base"))
    assert planned({}, "next")["exact"]


def test_a_job_that_left_nothing_is_no_dead_end_either(s3: Any) -> None:
    assert "left no attribution/credit/" in read({}, planned({})["run"])["refused"]


def test_an_outcome_that_unpacks_without_end_is_not_unpacked(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(outcomes, "LARGEST", 10_000)
    run = planned({})["run"]
    bomb = packed({Path("zeros"): bytes(1_000_000), Path(outcomes.FILE): b"{}"})
    assert len(bomb) < 10_000
    s3.put_object(Bucket=BUCKET, Key=naming.exact_key("credit", run), Body=bomb)
    # then
    assert "more than 10,000 bytes" in read({}, run)["refused"]


def test_an_outcome_that_is_a_link_is_not_followed(s3: Any) -> None:
    # given
    run, stream = planned({})["run"], io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        entry = tarfile.TarInfo(outcomes.FILE)
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    s3.put_object(Bucket=BUCKET, Key=naming.exact_key("credit", run), Body=stream.getvalue())
    # then
    assert "left no outcome that can be read" in read({}, run)["refused"]


def test_a_prediction_is_explained_exactly_beside_the_answer_that_was_served(s3: Any) -> None:
    # given
    request = sampling.explain(sampling.capture(s3, sampling.drawn(5, 2)))
    # when
    told = Explanation.from_json(body(s3, found(s3, request)["stored"]))
    # then
    assert told.method is AttributionMethod.EXACT
    assert told.scale is Scale.LOG_ODDS
    assert {each.error for each in told.contributions} == {0}
    assert told.requests == 0
    assert told.answered is not None


def test_a_prediction_that_is_refused_condemns_no_version(s3: Any) -> None:
    # given
    request = sampling.explain(sampling.capture(s3, sampling.drawn(5, 2)))
    run = planned(request)["run"]
    left(s3, run, REFUSAL)
    # when
    refused = read(request, run)
    told = Explanation.from_json(body(s3, sampled(s3, request, Error="", Cause=refused["refused"])["stored"]))
    # then
    assert (told.method, told.because) == (AttributionMethod.SAMPLING, REFUSAL.refused)
    assert planned({}, "next")["exact"]


def test_a_model_without_an_archive_is_sampled(s3: Any) -> None:
    # given
    boto3.client("sagemaker").delete_model(ModelName="credit--v1")
    # then
    sampled(s3, {})
    assert Importance.from_json(body(s3, SAMPLED_KEY)).because == plan_attribution.NO_ARCHIVE


def test_exact_values_of_very_many_features_are_told_of_fewer_rows() -> None:
    # given
    wide = dataclasses.replace(SPEC, features=tuple(Feature(f"f{place}", Kind.NUMBER) for place in range(500)))
    # then
    assert explained_rows(SPEC, AttributionMethod.EXACT) == 1000
    assert explained_rows(wide, AttributionMethod.EXACT) == 400
    widest = dataclasses.replace(SPEC, features=wide.features * 4)
    assert explained_rows(widest, AttributionMethod.EXACT) == SPEC.attribution.rows
