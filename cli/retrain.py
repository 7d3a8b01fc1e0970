"""`watchkeeper retrain`: a person starts a retraining, whatever the cool-down says, in the account in use."""

from __future__ import annotations

import json
from collections.abc import Mapping

import boto3

from cli.console import note, step
from cli.onboarding import AccountError, finished, stack_outputs
from cli.project import find_model
from watchkeeper import naming
from watchkeeper.errors import ConfigError
from watchkeeper.message.machines import plain_cause
from watchkeeper.spec import Trigger


def run(name: str, reason: str, hyperparameters: Mapping[str, str], *, wait: bool) -> None:
    """Start the machine; with `wait`, stay until it has ended.

    Raises
    ------
    ConfigError
        The model has no training script.
    AccountError
        The stack is not deployed, or the run failed.
    """
    model = find_model(name)
    outputs = stack_outputs(naming.model_stack(model.name))
    if "RetrainingMachineArn" not in outputs:
        raise ConfigError(f"{model.name} has no training script, so nothing can train it: give its file a source.")
    request = {"trigger": Trigger.PERSON, "reason": reason, "hyperparameters": dict(hyperparameters)}
    machine = boto3.client("stepfunctions")
    execution = machine.start_execution(stateMachineArn=outputs["RetrainingMachineArn"], input=json.dumps(request))
    note(f"started: {execution['executionArn']}")
    if not wait:
        note("its messages say what became of it; --wait stays until then")
        return
    with step(f"Retraining {model.name} (labels, Glue, training, gates, rollout: an hour or more)"):
        answer = finished(execution["executionArn"])
        if answer["status"] != "SUCCEEDED":
            raise AccountError(
                f"The retraining ended as {answer['status']}: {plain_cause(str(answer.get('cause') or 'unknown'))}"
            )
    note("its message says whether the candidate serves now, or why not")
