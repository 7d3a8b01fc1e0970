"""`watchkeeper prepare` and `watchkeeper baseline`: a model's first version and its baseline, in the account in use."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
from botocore.exceptions import BotoCoreError, ClientError

from cli import first_version
from cli.console import note, step
from cli.project import find_model
from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.errors import ConfigError, DatasetError, WatchkeeperError

_POLL_SECONDS = 10


class AccountError(WatchkeeperError):
    """The account in use lacks something, or refuses it."""


def prepare(name: str, data: Path | None, artefact: Path | None) -> None:
    """Train the first version here (or take `artefact`) and upload it with its data to the data bucket.

    An attached endpoint serves its first version already: of such a model the data alone are uploaded.

    Raises
    ------
    DatasetError
        There are no data, or they cannot be read.
    ConfigError
        An artefact was given for an attached endpoint.
    """
    model = find_model(name)
    if artefact is not None and model.endpoint.attach is not None:
        raise ConfigError(f"{model.name} is attached to an endpoint that serves a model: leave --artefact out.")
    source = data or (Path(model.baseline.data) if model.baseline.data else None)
    if source is None:
        raise DatasetError(
            f"{model.name} has no baseline data: give --data FILE, or set baseline.data in its YAML file."
        )
    table = first_version.read_table(source, model)
    archive = _first_artefact(model, table, artefact)
    bucket = stack_outputs(naming.PLATFORM_STACK)["DataBucketName"]
    with step(f"Uploading to s3://{bucket}/{naming.run_prefix(model.name, first_version.INITIAL_RUN)}"):
        s3 = boto3.client("s3")
        if archive is not None:
            s3.put_object(Bucket=bucket, Key=first_version.artefact_key(model.name), Body=archive)
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            table.to_csv(file.name, index=False)
            s3.upload_file(file.name, bucket, first_version.source_key(model.name))
    note(f"next: npx cdk deploy -a cdk.out --exclusively {naming.model_stack(model.name)}")


def _first_artefact(model: ModelConfig, table: pd.DataFrame, given: Path | None) -> bytes | None:
    if model.endpoint.attach is not None:
        return None
    if given is not None:
        return given.read_bytes()
    with step(f"Training version 1 of {model.name} on {len(table)} rows"):
        return first_version.train(model, table)


def baseline(name: str) -> None:
    """Start the onboarding machine and wait until version 1 has its baseline."""
    model = find_model(name)
    outputs = stack_outputs(naming.PLATFORM_STACK) | stack_outputs(naming.model_stack(model.name))
    source = f"s3://{outputs['DataBucketName']}/{first_version.source_key(model.name)}"
    machine = boto3.client("stepfunctions")
    execution = machine.start_execution(
        stateMachineArn=outputs["OnboardingMachineArn"], input=json.dumps({"data": source, "version": "v1"})
    )["executionArn"]
    with step(f"Making the baseline of {model.name} (two Glue jobs and a batch transform; some minutes)"):
        answer = finished(execution)
    if answer["status"] != "SUCCEEDED":
        raise AccountError(f"Onboarding ended as {answer['status']}: {answer.get('error')}: {answer.get('cause')}")
    note(f"the drift monitor now looks every {_every(model)}")


def finished(execution: str) -> Mapping[str, Any]:
    """An execution of a state machine, as soon as it has ended."""
    machine = boto3.client("stepfunctions")
    while (answer := dict(machine.describe_execution(executionArn=execution)))["status"] == "RUNNING":
        time.sleep(_POLL_SECONDS)  # another machine's work can only be polled
    return answer


def _every(model: ModelConfig) -> str:
    return model.spec().drift.schedule.removeprefix("rate(").removesuffix(")")


def stack_outputs(stack: str) -> dict[str, str]:
    """Outputs of a deployed stack.

    Raises
    ------
    AccountError
        There are no credentials, or the stack is not deployed.
    """
    try:
        answer: dict[str, Any] = dict(boto3.client("cloudformation").describe_stacks(StackName=stack))
    except ClientError as error:
        raise AccountError(
            f"Stack {stack}: {error.response['Error']['Message']}. Deploy it first: see README.md."
        ) from error
    except BotoCoreError as error:
        raise AccountError(
            f"AWS cannot be reached ({error}). Set AWS_PROFILE and AWS_REGION, or run `aws configure`."
        ) from error
    return {output["OutputKey"]: output["OutputValue"] for output in answer["Stacks"][0].get("Outputs", [])}
