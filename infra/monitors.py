"""The monitors: one function each, on schedules of one group."""

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
from infra.spark_jobs import SparkJob
from infra.state import ModelState
from watchkeeper import naming

SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""EventBridge Scheduler writes the time of the look here; functions take time from events, never from a clock."""


class Monitors(Construct):
    """Looks at the profiles of a window, on a schedule. A window that is too large goes to the Spark job `merge` first.

    Attributes
    ----------
    drift, quality : the functions `monitor_drift` and `monitor_quality`
    """

    def __init__(
        self, scope: Construct, context: ModelContext, state: ModelState, merge: SparkJob, dead_letters: sqs.IQueue
    ) -> None:
        super().__init__(scope, "Monitors")
        self.drift = PythonFunction(
            self,
            context,
            "monitor_drift",
            description=f"Compares {context.name}'s recent traffic with the baseline of the version that serves",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            environment={"MERGE_JOB": merge.name},
            dead_letters=dead_letters,
        )
        kept = naming.compacted_prefix(context.name), naming.memory_prefix(context.name)
        self.drift.reads(naming.profiles_prefix(context.name), naming.baseline_prefix(context.name), *kept)
        self.drift.writes(naming.findings_prefix(context.name), *kept)
        state.read_by(self.drift)
        self.quality = PythonFunction(
            self,
            context,
            "monitor_quality",
            description=f"Holds {context.name}'s recent traffic against what its columns must be",
            timeout=cdk.Duration.minutes(5),
            memory_mb=1024,
            environment={"MERGE_JOB": merge.name},
            dead_letters=dead_letters,
        )
        self.quality.reads(
            naming.profiles_prefix(context.name),
            naming.compacted_prefix(context.name),
            naming.baseline_prefix(context.name),
            naming.findings_prefix(context.name),
        )
        self.quality.writes(naming.findings_prefix(context.name), naming.compacted_prefix(context.name))
        state.read_by(self.quality)
        for monitor in (self.drift, self.quality):
            grants.allow(monitor.role, ["glue:StartJobRun"], [merge.arn])
        group = scheduler.CfnScheduleGroup(self, "Group", name=f"{context.name}--monitors")
        for name, function in (("drift", self.drift), ("quality", self.quality)):
            self._schedule(context, group, name, function, dead_letters)

    def _schedule(
        self,
        context: ModelContext,
        group: scheduler.CfnScheduleGroup,
        name: str,
        function: PythonFunction,
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
            name=f"{context.name}--{name}",
            group_name=group.ref,
            description=f"Looks at {context.name}'s traffic",
            schedule_expression=context.spec.drift.schedule,
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
