"""When functions are called, and machines started, by the clock: the schedules of one model, in one group."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.machine_steps import Machine
from infra.python_function import PythonFunction
from infra.shared import ModelContext

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""EventBridge Scheduler writes the time of the look here; functions take time from events, never from a clock."""


class Schedules(Construct):
    """The schedules of one model; a call that failed for good is found among the dead letters."""

    def __init__(self, scope: Construct, context: ModelContext, dead_letters: sqs.IQueue) -> None:
        super().__init__(scope, "Schedules")
        self._context = context
        self._dead_letters = dead_letters
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=f"{context.name}--monitors")

    def add(self, name: str, function: PythonFunction, expression: str, description: str) -> None:
        """Call a function with the time for which it was scheduled."""
        self._schedule(name, function, "lambda:InvokeFunction", expression, description, {})

    def start(
        self, name: str, machine: Machine, expression: str, description: str, request: Mapping[str, str] | None = None
    ) -> None:
        """Start a state machine with a request, and the time for which it was scheduled."""
        self._schedule(name, machine, "states:StartExecution", expression, description, request or {})

    def _schedule(
        self,
        name: str,
        target: PythonFunction | Machine,
        action: str,
        expression: str,
        description: str,
        request: Mapping[str, str],
    ) -> None:
        scope = Construct(target, "".join(word.title() for word in name.replace("_", "-").split("-")))
        role = iam.Role(
            scope,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
            description=f"Watchkeeper: schedules of {self._context.name}",
        )
        grants.allow(role, [action], [target.arn])
        grants.allow(role, ["sqs:SendMessage"], [self._dead_letters.queue_arn])
        grants.use_key(self._context, role)
        scheduler.CfnSchedule(
            scope,
            "Schedule",
            name=f"{self._context.name}--{name}",
            group_name=self._group.ref,
            description=description,
            schedule_expression=expression,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=target.arn,
                role_arn=role.role_arn,
                input=json.dumps({**request, "scheduled_time": SCHEDULED_TIME}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=3, maximum_event_age_in_seconds=3600
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn),
            ),
        )
