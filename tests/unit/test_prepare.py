"""`watchkeeper prepare`: what it uploads for a model of our own, and for an endpoint that exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cli import first_version, onboarding
from tests.unit.test_config import SHORTEST
from watchkeeper.config import ModelConfig, parse
from watchkeeper.errors import ConfigError

ATTACHED = SHORTEST.replace(
    "  create:\n    source: examples/credit", "  attach:\n    name: legacy\n    capture: s3://theirs/captured"
)


@pytest.fixture
def uploaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The data bucket."""
    monkeypatch.setattr(onboarding, "stack_outputs", lambda stack: {"DataBucketName": "data"})
    monkeypatch.setattr(first_version, "train", lambda model, table: b"trained")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="data")
        yield lambda: {item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket="data").get("Contents", [])}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text("age,home,defaulted\n30,rent,0\n40,own,1\n")
    return file


def use(monkeypatch: pytest.MonkeyPatch, text: str) -> ModelConfig:
    model = parse(text, "x")
    monkeypatch.setattr(onboarding, "find_model", lambda name: model)
    return model


def test_a_model_of_our_own_is_trained_and_uploaded_with_its_data(
    monkeypatch: pytest.MonkeyPatch, uploaded: Any, data: Path
) -> None:
    # given
    model = use(monkeypatch, SHORTEST)
    # when
    onboarding.prepare(model.name, data, None)
    # then
    assert uploaded() == {first_version.artefact_key(model.name), first_version.source_key(model.name)}


def test_of_an_attached_endpoint_the_data_alone_are_uploaded(
    monkeypatch: pytest.MonkeyPatch, uploaded: Any, data: Path
) -> None:
    # given
    model = use(monkeypatch, ATTACHED + "retraining: {triggers: []}\n")
    # when
    onboarding.prepare(model.name, data, None)
    # then
    assert uploaded() == {first_version.source_key(model.name)}
    with pytest.raises(ConfigError, match="leave --artefact out"):
        onboarding.prepare(model.name, data, data)
