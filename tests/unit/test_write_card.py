"""The function that writes model cards, against a fake AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import numpy as np
import pytest

from lambdas.write_card import handler as write_card
from tests.support import CONTEXT
from tests.unit.fake_aws import BUCKET, fake_aws
from tests.unit.test_model_card import LINEAGE
from tests.unit.test_monitor_bias import FLIPPED, UNFAIR
from tests.unit.test_monitor_bias import SPEC as WATCHED
from tests.unit.test_monitor_performance import BASELINE, SPEC
from watchkeeper import naming
from watchkeeper.attribution import Attributions, Importance, RequestSample
from watchkeeper.aws.store import Store
from watchkeeper.errors import BaselineError

PACKAGES = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/credit"
JOBS = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/credit--"
PAGE, CONTENT = (naming.card_key("credit", "v1", form) for form in ("html", "json"))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(write_card, "deployed_spec", lambda: SPEC)
    monkeypatch.setenv("PACKAGES_ARN", PACKAGES)
    monkeypatch.setenv("JOBS_ARN", JOBS)
    with fake_aws(monkeypatch) as client:
        yield client


def learned(key: str = naming.baseline_key("credit", "v1")) -> dict[str, Any]:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return {"time": "2026-11-21T12:00:00Z", "detail": detail}


def shown() -> dict[str, Any]:
    return boto3.client("sagemaker").describe_model_card(ModelCardName="credit--v1")


def test_a_version_of_which_nothing_is_on_record_gets_a_card_that_says_so(s3: Any) -> None:
    # when
    write_card.handler(learned(), CONTEXT)
    # then
    page = s3.get_object(Bucket=BUCKET, Key=PAGE)
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert "not on record" in page["Body"].read().decode()
    assert shown()["ModelCardStatus"] == "PendingReview"


def test_a_card_grows_with_what_is_learned_and_sagemaker_shows_the_newest(s3: Any) -> None:
    # given a first card, and a registered version whose labels are counted by now
    write_card.handler(learned(), CONTEXT)
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="credit")
    sagemaker.create_model_package(
        ModelPackageGroupName="credit",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [{"Image": "an-image", "ModelDataUrl": "s3://data/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )
    s3.put_object(Bucket=BUCKET, Key=naming.lineage_key("credit", "v1"), Body=LINEAGE.to_json())
    s3.put_object(Bucket=BUCKET, Key=naming.outcome_baseline_key("credit", "v1"), Body=BASELINE.to_json())

    # when
    write_card.handler(learned(), CONTEXT)

    # then
    content = json.loads(s3.get_object(Bucket=BUCKET, Key=CONTENT)["Body"].read())
    assert content["training_details"]["training_job_details"]["training_environment"] == {
        "container_image": ["an-image"]
    }
    assert [each["name"] for each in content["evaluation_details"]] == ["Performance", "Against the version before"]
    page = s3.get_object(Bucket=BUCKET, Key=PAGE)["Body"].read().decode()
    assert "8,000 labelled rows" in page
    assert "s3://data/model.tar.gz" in page
    assert shown()["ModelCardVersion"] > 1


def test_a_card_tells_how_groups_fared_whom_the_file_names(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    s3.put_object(
        Bucket=BUCKET, Key=naming.group_baseline_key("credit", "v1"), Body=replace(UNFAIR, flips=FLIPPED).to_json()
    )
    monkeypatch.setattr(write_card, "deployed_spec", lambda: WATCHED)

    # when
    write_card.handler(learned(), CONTEXT)

    # then
    content = json.loads(s3.get_object(Bucket=BUCKET, Key=CONTENT)["Body"].read())
    (fairness,) = [each for each in content["evaluation_details"] if each["name"] == "Fairness"]
    assert {group["name"] for group in fairness["metric_groups"]} == {"sex f"}
    (flipped,) = [each for each in fairness["metric_groups"][0]["metric_data"] if "(FT)" in each["name"]]
    assert (flipped["value"], flipped["notes"]) == ("0.35", "biased; interval 0.31 to 0.39; vs m")
    assert "Fairness was not measured" not in s3.get_object(Bucket=BUCKET, Key=PAGE)["Body"].read().decode()


def test_of_two_that_write_at_once_the_one_that_read_earlier_begins_again(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given somebody who writes a card while this one is being made
    render, others = write_card.render, iter([b"another's"])

    def rendered(facts: Any) -> str:
        for body in others:
            s3.put_object(Bucket=BUCKET, Key=PAGE, Body=body)
        return render(facts)

    monkeypatch.setattr(write_card, "render", rendered)
    # when
    write_card.handler(learned(), CONTEXT)
    # then
    assert b"Model card" in s3.get_object(Bucket=BUCKET, Key=PAGE)["Body"].read()


def test_it_gives_up_with_advice_when_the_card_changes_for_ever(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(Store, "put_if", lambda *_: False)
    # then
    with pytest.raises(BaselineError, match="send the event again"):
        write_card.handler(learned(), CONTEXT)


def test_a_card_says_what_the_version_goes_by_on_its_baseline_of_now(s3: Any) -> None:
    # given what it went by on two baselines, of which it has the second
    for baseline, means in (("older", [1.0, 3.0]), ("newer", [3.0, 1.0])):
        values = np.outer(np.arange(1, 101), means)
        known = Importance.of(Attributions(("income", "home"), values, values, values[:, 0], values[:, 0]))
        s3.put_object(Bucket=BUCKET, Key=naming.importance_key("credit", "v1", baseline), Body=known.to_json())
    sample = RequestSample("newer", ())
    s3.put_object(Bucket=BUCKET, Key=naming.sample_key("credit", "v1"), Body=sample.to_json())
    # when
    answer = write_card.handler(learned(naming.importance_key("credit", "v1", "newer")), CONTEXT)
    # then
    page = s3.get_object(Bucket=BUCKET, Key=PAGE)["Body"].read().decode()
    assert answer["version"] == "v1"
    assert page.index("<td>income</td>") < page.index("75%") < page.index("<td>home</td>") < page.index("25%")
