"""The monitors: one function each, on a schedule."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.schedules import Schedules
from infra.shared import ModelContext
from infra.spark_jobs import SparkJob
from infra.state import ModelState
from watchkeeper import naming


class Monitors(Construct):
    """Looks at the profiles of a window, on a schedule. A window that is too large goes to the Spark job `merge` first.

    Attributes
    ----------
    drift, quality : the functions `monitor_drift` and `monitor_quality`
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        state: ModelState,
        merge: SparkJob,
        schedules: Schedules,
        dead_letters: sqs.IQueue,
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
        for name, function in (("drift", self.drift), ("quality", self.quality)):
            schedules.add(name, function, context.spec.drift.schedule, f"Looks at {context.name}'s traffic")
