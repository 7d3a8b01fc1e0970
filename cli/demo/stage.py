"""The demo's stage: one model deployed to an embedded AWS, and the handles to play on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

from cli.demo.traffic import Traffic
from cli.demo.world import World
from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.attribution import Importance
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.looks import ESTIMATED_PERFORMANCE, PERFORMANCE
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Store
from watchkeeper.config import ModelConfig
from watchkeeper.errors import WatchkeeperError
from watchkeeper.estimation import EstimateLook
from watchkeeper.performance import Performance, PerformanceLook, measure

SLICES_AN_HOUR = 6
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class DemoError(WatchkeeperError):
    """The loop did not do what it is there for."""


@dataclass
class Stage:
    """A deployed model and its traffic; time moves only through `hours` and `until`."""

    cloud: LocalCloud
    model: ModelConfig
    world: World
    rows_an_hour: int

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

    def _slice(self) -> None:
        self.traffic.send(self.world.rows(max(1, self.rows_an_hour // SLICES_AN_HOUR)))
        self.cloud.advance(timedelta(hours=1) / SLICES_AN_HOUR)

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

    def performance(self) -> PerformanceLook | None:
        """The performance monitor's newest look that knows labels."""
        looks = (PerformanceLook.from_json(stored) for stored in self._looks(PERFORMANCE))
        return next((look for look in looks if look.performance.labelled), None)

    def importance(self, version: str) -> Importance | None:
        """What a version goes by on its baseline; None while nobody knows."""
        s3 = self.cloud.client("s3")
        prefix = naming.importance_prefix(self.model.name, version)
        for item in s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", ()):
            return Importance.from_json(s3.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read())
        return None

    def estimate(self) -> EstimateLook | None:
        """The newest look at estimated performance that had enough rows."""
        looks = (EstimateLook.from_json(stored) for stored in self._looks(ESTIMATED_PERFORMANCE))
        return next((look for look in looks if look.primary.value is not None), None)

    def realised(self, look: EstimateLook) -> Performance | None:
        """What the labels known by now say of the predictions that a look estimated."""
        store, now = Store(self.cloud.client("s3"), self.bucket), self.cloud.now()
        counted = OutcomeHours(CuratedHours(store, self.model.spec(), now, now - look.start))
        baseline = counted.baseline(look.version)
        hours = naming.window_hours(look.end, -int((look.start - look.end) // timedelta(hours=1)))
        return None if baseline is None else measure(counted.window(baseline, hours))

    def _looks(self, monitor: str) -> Iterator[bytes]:
        """The looks of a monitor, newest first."""
        s3, prefix = self.cloud.client("s3"), f"{naming.findings_prefix(self.model.name)}{monitor}/"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for key in sorted((item["Key"] for page in pages for item in page.get("Contents", ())), reverse=True):
            yield s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

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
