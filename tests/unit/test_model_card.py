"""Model cards: the schema that SageMaker's own SDK holds cards to is the oracle for their JSON."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sagemaker.core.shapes.model_card_shapes import ModelCardContent

from tests.support import model_spec
from tests.unit.test_monitor_performance import SPEC as MEASURED_SPEC
from tests.unit.test_monitor_performance import rows
from watchkeeper.attribution import Ranked
from watchkeeper.bias import Row
from watchkeeper.card import MOST_CHARACTERS, Facts, Package, content, limits
from watchkeeper.gates import GateResult, Judgement, Status
from watchkeeper.lineage import Lineage
from watchkeeper.outcomes import OutcomeBinning, observe
from watchkeeper.performance import CompareSettings, measure
from watchkeeper.performance.segments import weakest
from watchkeeper.report.card import render
from watchkeeper.spec import Card, Feature, Kind, Task
from watchkeeper.trainingset import Manifest, Split

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MANIFEST = Manifest(
    rows=10_000,
    train_rows=8000,
    holdout_rows=2000,
    split=Split.RECENT,
    columns=("defaulted", "income", "home"),
    classes={"0": 6000, "1": 2000},
    holdout_classes={"0": 1500, "1": 500},
    first="2026-10-01T00:00:00+00:00",
    last="2026-11-01T00:00:00+00:00",
    versions={"v1": 10_000},
)
GATE = Judgement(
    "roc_auc",
    2000,
    (
        GateResult("performance", Status.PASSED, "roc_auc 0.70 → 0.75: good enough", 0.70, 0.75, 0.02, 0.08),
        GateResult.not_applicable("fairness", "switched off"),
    ),
)
LINEAGE = Lineage("v2", "1a2b", "s3://data/training/credit/1a2b/", NOW, MANIFEST, GATE)
PACKAGE = Package(
    arn="arn:aws:sagemaker:eu-west-1:123456789012:model-package/credit/2",
    approval="Approved",
    created=NOW,
    image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/sklearn:1",
    artefact="s3://data/training/credit/1a2b/output/model.tar.gz",
    training_job="arn:aws:sagemaker:eu-west-1:123456789012:training-job/credit--1a2b",
    hyperparameters=(("trees", "100"),),
)
CARD = Card(
    description="Probability that a loan defaults",
    owner="Risk <risk@example.com>",
    purpose="Says who gets a loan",
    intended_uses="Consumer loans",
    risk="High",
    risk_explained="Decides about people",
)
BIAS = Row("gender f", "all others", "Disparate impact (DI)", "0.91", "0.85 to 0.97", "0.8 to 1.25", "", "fair", "")
OUTCOMES = observe(OutcomeBinning.fit(MEASURED_SPEC, rows(4000, 1)), rows(4000, 2, worse=True))


def facts(**changes: Any) -> Facts:
    whole = Facts(
        spec=dataclasses.replace(MEASURED_SPEC, card=CARD),
        version="v2",
        written=NOW,
        package=PACKAGE,
        lineage=LINEAGE,
        performance=measure(OUTCOMES),
        segments=weakest(OUTCOMES, CompareSettings()),
        bias=(BIAS,),
        importance=(Ranked("income", 1, 0.4, 0.3, 0.5, 0.8, 0.7, 0.9), Ranked("home", 2, 0.1, 0.1, 0.1, 0.2, 0.1, 0.3)),
    )
    return dataclasses.replace(whole, **changes)


def read(text: bytes) -> dict[str, Any]:
    """The card as SageMaker's SDK reads it; it drops what it does not know, so nothing may be missing afterwards."""
    document = json.loads(text)
    understood = ModelCardContent.model_validate(document)
    assert understood.model_dump(exclude_unset=True, mode="json") == document
    return document


@pytest.mark.parametrize("task", list(Task))
def test_the_barest_card_is_one_of_sagemakers(task: Task) -> None:
    # given a version of which nothing is known
    bare = Facts(model_spec(task=task), "v1", NOW)
    # when
    card = read(content(bare))
    # then
    assert card["model_overview"]["model_description"] == "credit v1"
    assert "evaluation_details" not in card


def test_everything_that_is_known_is_in_the_card() -> None:
    # given
    whole = facts()
    assert whole.segments
    # when
    card = read(content(whole))
    # then
    assert card["model_overview"]["model_owner"] == "Risk <risk@example.com>"
    assert card["intended_uses"]["risk_rating"] == "High"
    assert card["training_details"]["training_job_details"]["training_arn"] == PACKAGE.training_job
    evaluations = {each["name"]: each for each in card["evaluation_details"]}
    assert list(evaluations) == [
        "Performance",
        "Weakest segments",
        "Fairness",
        "Attribution",
        "Against the version before",
    ]
    metrics = {each["name"]: each for each in evaluations["Performance"]["metric_groups"][0]["metric_data"]}
    assert whole.performance is not None
    assert metrics["roc_auc"]["value"] == pytest.approx(whole.performance["roc_auc"].value)
    assert "95% interval" in metrics["roc_auc"]["notes"]


def test_a_card_is_never_larger_than_sagemaker_takes() -> None:
    # given far more than fits: long texts, hundreds of groups, segments and features
    long = dataclasses.replace(CARD, purpose="é" * 5000, caveats="word " * 1000)
    spec = dataclasses.replace(
        MEASURED_SPEC, card=long, features=tuple(Feature(f"feature_{n}", Kind.NUMBER) for n in range(500))
    )
    groups = tuple(BIAS._replace(group=f"group {n} {'x' * 300}\n", metric="m" * 400) for n in range(400))
    # when
    text = content(facts(spec=spec, bias=groups, importance=facts().importance * 300))
    # then
    assert len(text.decode()) <= MOST_CHARACTERS
    card = read(text)
    assert len(card["intended_uses"]["purpose_of_model"]) == 2048
    assert {"Performance", "Fairness"} <= {each["name"] for each in card["evaluation_details"]}


def test_limits_say_what_nobody_has_shown() -> None:
    # given
    random = dataclasses.replace(MANIFEST, split=Split.RANDOM, holdout_rows=300, versions=None)
    few = facts(lineage=dataclasses.replace(LINEAGE, manifest=random), bias=(), importance=(), performance=None)
    # when
    said = " ".join(limits(few))
    # then
    for words in ("at random", "300 rows only", "Nobody has measured", "Fairness was not measured", "no attributions"):
        assert words in said
    assert any("v1" in each for each in limits(facts()))  # it learned from what v1 decided


def test_the_page_holds_the_same_and_no_request_leaves_it() -> None:
    # given texts that would be markup
    spec = dataclasses.replace(facts().spec, card=dataclasses.replace(CARD, purpose="<script>alert(1)</script>"))
    # when
    page = render(facts(spec=spec))
    # then
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=", page)
    for words in ("roc auc", "gender f", "income", "good enough", "1a2b", "Limits"):
        assert words in page


def test_a_lineage_is_read_as_it_was_written() -> None:
    assert Lineage.from_json(LINEAGE.to_json()) == LINEAGE
    first = dataclasses.replace(LINEAGE, gate=None)
    assert Lineage.from_json(first.to_json()) == first
