"""`watchkeeper explain`: why one prediction is what it is, from its id, in the account in use."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import boto3

from cli.console import console, note, step
from cli.onboarding import AccountError, finished, stack_outputs
from cli.project import find_model
from watchkeeper import ids, naming
from watchkeeper.attribution import Explanation, text
from watchkeeper.aws.captured_rows import CapturedRows, Place
from watchkeeper.aws.curated_hours import CuratedHours, Hour
from watchkeeper.aws.registry import Registry
from watchkeeper.aws.store import Store
from watchkeeper.config import ModelConfig
from watchkeeper.errors import ExplanationError
from watchkeeper.message.machines import plain_cause

_MARGIN = timedelta(days=7)
"""How far beyond the life of captures ids are looked through, to tell what is gone from what never was."""


class Found(NamedTuple):
    """A captured request."""

    identity: str
    hour: Hour
    place: Place


@dataclass(frozen=True)
class Explainer:
    """Explains predictions of one deployed model.

    Attributes
    ----------
    outputs : of the platform's and the model's stack
    client : the client of a service
    """

    model: ModelConfig
    outputs: Mapping[str, str]
    client: Callable[[str], Any]

    def find(self, identity: str, now: datetime) -> Found:
        """The captured request with an id.

        Raises
        ------
        ExplanationError
            There is none of this id, or not any more, or nobody can ask the version that answered it.
        """
        if "AttributionMachineArn" not in self.outputs:
            raise ExplanationError(
                f"{self.model.name} has no machine that explains: set monitors.attribution.enabled in the model's "
                "file, and deploy its stack."
            )
        hour = self._hour(identity, now)
        self._check(hour.version)
        place = self._captured.find(hour, identity)
        if place is None:
            raise ExplanationError(self._why_gone(identity, hour, now))
        return Found(identity, hour, place)

    def start(self, found: Found, row: int) -> str:
        """Start the machine for one row, counted from 1, of a request; returns the execution's ARN."""
        wanted = {
            **found.place._asdict(),
            "version": found.hour.version,
            "row": row - 1,
            "id": ids.to_hex(ids.digest(found.identity)).decode(),  # executions are kept, and an id may name a person
        }
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["AttributionMachineArn"], input=json.dumps({"explain": wanted})
        )
        return str(answer["executionArn"])

    def read(self, execution: Mapping[str, Any], found: Found) -> Explanation:
        """What an execution that has ended came to.

        Raises
        ------
        ExplanationError
            It could not explain the prediction; the message is its own.
        AccountError
            It failed.
        """
        if execution["status"] != "SUCCEEDED":
            raise AccountError(f"The machine ended as {execution['status']}: {execution.get('cause', '')}")
        output = json.loads(execution["output"])
        if "failure" in output:
            raise ExplanationError(plain_cause(output["failure"]["Cause"]))
        stored = self._store(self.outputs["DataBucketName"]).get(output["found"]["stored"])
        if stored is None:
            raise ExplanationError("The explanation has gone: it is kept for a day. Ask for it again.")
        return replace(Explanation.from_json(stored), id=found.identity)

    @property
    def _captured(self) -> CapturedRows:
        return CapturedRows(self.model.spec(), self._store, self.outputs["DataBucketName"])

    def _store(self, bucket: str) -> Store:
        return Store(self.client("s3"), bucket)

    def _hour(self, identity: str, now: datetime) -> Hour:
        """The hour in which a prediction was filed."""
        horizon = self.model.retention.captures + _MARGIN
        hours = CuratedHours(self._store(self.outputs["DataBucketName"]), self.model.spec(), now, horizon)
        wanted = ids.digest(identity)
        for shard, held in hours.ids(hours.with_ids()):
            if ids.places(wanted, held)[0] >= 0:
                return shard.hour
        raise ExplanationError(
            f"No prediction of the last {horizon.days} days has the id {identity!r}. Give the inference id that the "
            "client sent, or SageMaker's event id where it sent none; predictions are filed once an hour "
            "(labels.every), so the newest may not be known yet."
        )

    def _why_gone(self, identity: str, hour: Hour, now: datetime) -> str:
        made, kept = f"Prediction {identity!r} was made on {hour.start:%d %B %Y}", self.model.retention.captures
        if now - hour.start > kept:
            return (
                f"{made}, but its capture has gone: captures are kept for {kept.days} days (retention.captures), and "
                "only what was captured can be asked again."
            )
        return (
            f"{made}, but it is not among what endpoint {self.model.endpoint_name!r} captured then: predictions of "
            "batch transform jobs cannot be explained by their ids."
        )

    def _check(self, version: str) -> None:
        """Refuse what the machine would refuse some minutes later."""
        record = Registry(self.client("dynamodb"), self.outputs["StateTableName"]).version(version)
        if record is None or not record.model_name:
            raise ExplanationError(
                f"Version {version} of {self.model.name}, which made the prediction, has no model on record any more: "
                "nobody can ask it."
            )
        sample = naming.sample_key(self.model.name, version)
        if self._store(self.outputs["DataBucketName"]).find(sample) is None:
            raise ExplanationError(
                f"There are no rows to compare with of version {version}: run `watchkeeper baseline {self.model.name}` "
                "for version v1, or retrain the model."
            )


def run(name: str, identity: str, row: int, as_json: bool) -> None:
    """Find a prediction, have its version asked, and print why it is what it is."""
    model = find_model(name)
    outputs = stack_outputs(naming.PLATFORM_STACK) | stack_outputs(naming.model_stack(model.name))
    make: Any = boto3.client  # typed for literal names of services only
    explainer = Explainer(model, outputs, make)
    told = _explained(explainer, identity, row, quiet=as_json)
    if as_json:
        sys.stdout.write(told.to_json().decode() + "\n")
    else:
        console.print(text(told), soft_wrap=True, markup=False)


def _explained(explainer: Explainer, identity: str, row: int, *, quiet: bool) -> Explanation:
    """With `quiet`, what is printed goes to the standard error alone."""
    console.stderr = quiet
    with step("Looking the prediction up"):
        found = explainer.find(identity, datetime.now(UTC))
    note(f"answered by version {found.hour.version} in the hour from {found.hour.start:%d %B %Y, %H:%M} UTC")
    with step("Asking the version about rows like it (a job of some minutes)"):
        execution = finished(explainer.start(found, row))
    return explainer.read(execution, found)
