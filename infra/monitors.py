"""The monitors: one function each, looked after by one schedule."""

from __future__ import annotations

import json

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.shared import ModelContext
from infra.state import ModelState
from watchkeeper import naming

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""EventBridge Scheduler writes the time of the look here; functions take time from events, never from a clock."""


class Monitors(Construct):
    """Looks at the profiles of a window, on a schedule.

    Attributes
    ----------
    drift : the function `monitor_drift`
    """

    def __init__(self, scope: Construct, context: ModelContext, state: ModelState, dead_letters: sqs.IQueue) -> None:
        super().__init__(scope, "Monitors")
        self.drift = PythonFunction(
            self,
            context,
            "monitor_drift",
            description=f"Compares {context.name}'s recent traffic with the baseline of the version that serves",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            layers=("core", "analysis"),
            dead_letters=dead_letters,
        )
        self.drift.reads(naming.profiles_prefix(context.name), naming.baseline_prefix(context.name))
        self.drift.reads(naming.compacted_prefix(context.name))
        self.drift.writes(naming.findings_prefix(context.name), naming.compacted_prefix(context.name))
        state.read_by(self.drift)
        group = scheduler.CfnScheduleGroup(self, "Group", name=f"{context.name}--monitors")
        self._schedule(context, group, self.drift, context.spec.drift.schedule, dead_letters)

    def _schedule(
        self,
        context: ModelContext,
        group: scheduler.CfnScheduleGroup,
        function: PythonFunction,
        expression: str,
        dead_letters: sqs.IQueue,
    ) -> None:
        role = iam.Role(
            function,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
            description=f"Watchkeeper: schedules of {context.name}",
        )
        grants.allow(role, ["lambda:InvokeFunction"], [function.arn])
        grants.allow(role, ["sqs:SendMessage"], [dead_letters.queue_arn])
        grants.use_key(context, role)
        scheduler.CfnSchedule(
            function,
            "Schedule",
            name=f"{context.name}--drift",
            group_name=group.ref,
            description=f"Looks at {context.name}'s traffic",
            schedule_expression=expression,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.arn,
                role_arn=role.role_arn,
                input=json.dumps({"scheduled_time": SCHEDULED_TIME}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=3, maximum_event_age_in_seconds=3600
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
            ),
        )
