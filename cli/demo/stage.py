"""The demo's stage: one model deployed to an embedded AWS, and the handles to play on it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from cli.demo.records import Records
from cli.demo.traffic import Traffic
from cli.demo.world import World
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.errors import WatchkeeperError

SLICES_AN_HOUR = 6
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class DemoError(WatchkeeperError):
    """The loop did not do what it is there for."""


@dataclass
class Stage:
    """A deployed model and its traffic; time moves only through `hours` and `until`.

    Attributes
    ----------
    label_delay : how long after a request its labels are handed in, hour by hour; None: when the story says so
    """

    cloud: LocalCloud
    model: ModelConfig
    world: World
    rows_an_hour: int
    label_delay: timedelta | None = None
    _awaiting: deque[tuple[datetime, list[str]]] = field(default_factory=deque)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """Outputs of the model's and the platform's stack, by their key."""
        cloudformation = self.cloud.client("cloudformation")
        found: dict[str, str] = {}
        for stack in (naming.PLATFORM_STACK, naming.model_stack(self.model.name)):
            for output in cloudformation.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", []):
                found[output["OutputKey"]] = output["OutputValue"]
        return found

    @property
    def bucket(self) -> str:
        """The data bucket."""
        return self.outputs["DataBucketName"]

    @cached_property
    def traffic(self) -> Traffic:
        """The endpoint's clients."""
        return Traffic(self.model, self.cloud.client("sagemaker-runtime"), self.cloud.client("s3"), self.bucket)

    @cached_property
    def records(self) -> Records:
        """What the monitors have found."""
        return Records(self.cloud, self.model.spec(), self.bucket)

    # --- time -----------------------------------------------------------------------------------------------------

    def to_the_hour(self) -> None:
        """Go to the start of the next hour, so that windows hold whole hours."""
        now = self.cloud.now()
        self.cloud.advance_to(now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))

    def hours(self, count: int) -> None:
        """Live through `count` hours of traffic."""
        for _ in range(count * SLICES_AN_HOUR):
            self._slice()

    def until(self, condition: Callable[[], bool], what: str, limit_hours: int) -> None:
        """Live on, with traffic, until the condition holds.

        Raises
        ------
        DemoError
            It did not hold within `limit_hours` of virtual time.
        """
        for _ in range(limit_hours * SLICES_AN_HOUR):
            if condition():
                return
            self._slice()
        if not condition():
            raise DemoError(f"After {limit_hours} hours of traffic there is still no {what}.\n{self._last_words()}")

    def hand_in_labels(self) -> int:
        """Hand in the labels that are known by now; returns of how many rows."""
        now = self.cloud.now()
        if self.label_delay is None:
            return self.traffic.hand_in_labels(now)
        due: list[str] = []
        while self._awaiting and self._awaiting[0][0] + self.label_delay <= now:
            due += self._awaiting.popleft()[1]
        return self.traffic.hand_in_labels(now, due)

    def _slice(self) -> None:
        before = self.cloud.now()
        answered = self.traffic.send(self.world.rows(max(1, self.rows_an_hour // SLICES_AN_HOUR)))
        self.cloud.advance(timedelta(hours=1) / SLICES_AN_HOUR)
        if self.label_delay is not None:
            self._awaiting.append((before, answered))
            if self.cloud.now().hour != before.hour:
                self.hand_in_labels()

    def _last_words(self) -> str:
        telling = [entry for entry in self.cloud.timeline() if entry["kind"] not in ("state", "schedule")]
        return "\n".join(
            f"  {entry['at'][:19]} {entry['kind']} {entry['subject']} {json.dumps(entry['detail'])[:300]}"
            for entry in telling[-12:]
        )

    # --- what is the case -----------------------------------------------------------------------------------------

    def alarm_state(self, kind: naming.AlarmKind) -> str:
        """OK, ALARM or INSUFFICIENT_DATA."""
        name = naming.alarm(self.model.name, kind)
        answer = self.cloud.client("cloudwatch").describe_alarms(
            AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        found = [*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])]
        if not found:
            raise DemoError(f"There is no alarm {name!r}.")
        return str(found[0]["StateValue"])

    def serving_version(self) -> str | None:
        """The version on record as serving."""
        item = (
            self.cloud.client("dynamodb")
            .get_item(TableName=self.outputs["StateTableName"], Key={"pk": {"S": "serving"}}, ConsistentRead=True)
            .get("Item")
        )
        return item["version"]["S"] if item else None

    def start(self, machine: str, **machine_input: Any) -> str:
        """Start a state machine ("Onboarding", "Retraining", "Rollout", …); returns the execution's ARN."""
        answer = self.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[f"{machine}MachineArn"], input=json.dumps(machine_input)
        )
        return str(answer["executionArn"])

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Executions of a state machine, newest first."""
        answer = self.cloud.client("stepfunctions").list_executions(
            stateMachineArn=self.outputs[f"{machine}MachineArn"]
        )
        return list(answer["executions"])

    def status(self, execution: str) -> str:
        """RUNNING, SUCCEEDED, …"""
        return str(self.cloud.client("stepfunctions").describe_execution(executionArn=execution)["status"])

    def messages(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Messages that people were sent, oldest first; `kind` picks some."""
        found = self.cloud.messages()
        return [
            message for message in found if kind is None or message["detail"].get("attributes", {}).get("kind") == kind
        ]
