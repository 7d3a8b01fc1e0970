"""`watchkeeper retrain`: what it starts, and what it says of a model that cannot be trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cli import retrain
from cli.main import parser
from tests.unit.test_config import SHORTEST
from watchkeeper.config import parse
from watchkeeper.errors import ConfigError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The inputs of all executions."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setattr(retrain, "find_model", lambda name: parse(SHORTEST, "x"))
    with mock_aws():
        machines = boto3.client("stepfunctions")
        definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
        arn = machines.create_state_machine(
            name="m--retraining", definition=definition, roleArn="arn:aws:iam::123456789012:role/r"
        )["stateMachineArn"]
        monkeypatch.setattr(retrain, "stack_outputs", lambda stack: {"RetrainingMachineArn": arn})
        yield lambda: [
            json.loads(machines.describe_execution(executionArn=each["executionArn"])["input"])
            for each in machines.list_executions(stateMachineArn=arn)["executions"]
        ]


def run(*arguments: str) -> None:
    options = parser().parse_args(["retrain", "m", *arguments])
    options.run(options)


def test_a_person_starts_it_with_a_reason_and_hyperparameters(started: Any) -> None:
    # when
    run("--reason", "another scaling", "--hyperparameter", "learning_rate=0.1", "--hyperparameter", "note=a=b")
    # then
    assert started() == [
        {
            "trigger": "person",
            "reason": "another scaling",
            "hyperparameters": {"learning_rate": "0.1", "note": "a=b"},
        }
    ]


def test_without_a_reason_the_record_says_that_a_person_asked(started: Any) -> None:
    run()
    assert started()[0]["reason"] == "a person asked for it"


def test_a_hyperparameter_without_a_value_is_refused(started: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("--hyperparameter", "learning_rate")
    assert "invalid NAME=VALUE value: 'learning_rate'" in capsys.readouterr().err
    assert started() == []


def test_a_model_without_a_training_script_cannot_be_retrained(started: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain, "stack_outputs", lambda stack: {})
    with pytest.raises(ConfigError, match="no training script"):
        run()
