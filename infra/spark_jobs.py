"""The Glue (Spark) jobs: each runs a script of `glue_jobs/` with the model's own archive on its path."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import archives, grants
from infra.nag import acknowledge
from infra.shared import GLUE_SECURITY, ModelContext
from watchkeeper import naming
from watchkeeper.curated import shards

GLUE_VERSION = "5.1"
WORKER_TYPE, WORKERS = "G.1X", 2
TIMEOUT_MINUTES = 120
MONITORS = ("monitor_drift", "monitor_quality")
"""Functions that hand windows over."""


class SparkJob(Construct):
    """One Glue job.

    Parameters
    ----------
    name : of its script in `glue_jobs/`, without `.py`
    minutes : how long a run may take
    runs : how many there may be at a time
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        name: str,
        code: assets.Asset,
        *,
        minutes: int = TIMEOUT_MINUTES,
        runs: int = 3,
    ) -> None:
        super().__init__(scope, "".join(word.title() for word in name.split("_")))
        self._context = context
        script = assets.Asset(self, "Script", path=str(Path(archives.ROOT) / "glue_jobs" / f"{name}.py"))
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description=f"Watchkeeper: {name} of {context.name}",
        )
        for asset in (script, code):
            grants.allow(self.role, ["s3:GetObject"], [asset.bucket.arn_for_objects(asset.s3_object_key)])
        grants.allow(
            self.role,
            ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
            [grants.arn("logs", "log-group:/aws-glue/*")],
            "Glue names its own log groups.",
        )
        grants.allow(self.role, ["glue:GetSecurityConfiguration"], ["*"], grants.NO_RESOURCES)
        self.name = f"{context.name}--{name.replace('_', '-')}"
        job = glue.CfnJob(
            self,
            "Job",
            name=self.name,
            role=self.role.role_arn,
            description=f"Watchkeeper: {name} of {context.name}",
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.s3_object_url
            ),
            glue_version=GLUE_VERSION,
            worker_type=WORKER_TYPE,
            number_of_workers=WORKERS,
            timeout=minutes,
            max_retries=0,  # the state machine decides what is tried again
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=runs),
            security_configuration=GLUE_SECURITY,
            default_arguments={
                "--BUCKET": context.platform.bucket.bucket_name,
                "--extra-py-files": code.s3_object_url,
                "--enable-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--job-language": "python",
                "--TempDir": context.data_uri(naming.run_prefix(context.name, "temporary")),
            },
        )

        elsewhere = "The security configuration is the platform's: it encrypts logs and bookmarks."
        acknowledge(job, {"AwsSolutions-GL1": elsewhere, "AwsSolutions-GL3": elsewhere})

    @property
    def arn(self) -> str:
        """ARN of the job."""
        return grants.arn("glue", f"job/{self.name}")


class SparkJobs(Construct):
    """All Glue jobs of a model.

    Attributes
    ----------
    by_functions : those that functions start, and that no state machine watches
    """

    def __init__(self, scope: Construct, context: ModelContext) -> None:
        super().__init__(scope, "SparkJobs")
        code = assets.Asset(self, "Code", path=str(context.archive))
        training = f"training/{context.name}/"
        self.assemble = SparkJob(self, context, "assemble_training_set", code)
        grants.read(
            context,
            self.assemble.role,
            naming.capture_prefix(context.name),
            naming.labels_prefix(context.name),
            naming.baseline_prefix(context.name),
            training,
        )
        grants.read_attached(context, self.assemble.role)
        grants.write(context, self.assemble.role, training)
        self.baseline = SparkJob(self, context, "build_baseline", code)
        grants.read(context, self.baseline.role, training)
        grants.write(context, self.baseline.role, naming.baseline_prefix(context.name))
        self._merge_hours(context, code)
        self._join_labels(context, code)
        self.backfill = SparkJob(self, context, "backfill_profiles", code)
        profiles = naming.profiles_prefix(context.name)
        grants.read(
            context,
            self.backfill.role,
            naming.capture_prefix(context.name),
            naming.baseline_prefix(context.name),
            profiles,
        )
        grants.read_attached(context, self.backfill.role)
        grants.write(
            context,
            self.backfill.role,
            profiles,
            naming.quarantine_prefix(context.name),
            naming.staged_prefix(context.name),
        )
        self.by_functions = (self.backfill, self.merge, self.join)

    def tell_failures(self, dead_letters: sqs.IQueue) -> None:
        """Put each failure of a job that no state machine watches among the dead letters, which raise an alarm."""
        rule = events.Rule(
            self,
            "Failed",
            description="Spark jobs started by functions that failed",
            event_pattern=events.EventPattern(
                source=["aws.glue"],
                detail_type=["Glue Job State Change"],
                detail={"jobName": [job.name for job in self.by_functions], "state": ["FAILED", "TIMEOUT", "STOPPED"]},
            ),
        )
        rule.add_target(targets.SqsQueue(dead_letters))

    def _join_labels(self, context: ModelContext, code: assets.Asset) -> None:
        """The job that does what a run of `join_labels` left over, one at a time, and has it told by the function."""
        minutes = shards.SPARK_TIME // timedelta(minutes=1)
        self.join = SparkJob(self, context, "join_labels", code, minutes=minutes, runs=1)
        model = context.name
        kept = naming.predictions_prefix(model), naming.ids_prefix(model), naming.joined_prefix(model)
        counts = naming.outcomes_prefix(model), *(() if context.spec.bias is None else (naming.groups_prefix(model),))
        read = naming.staged_prefix(model), naming.labels_prefix(model), naming.baseline_prefix(model)
        grants.read(context, self.join.role, *read, *kept)
        grants.find(context, self.join.role, *counts)
        grants.write(context, self.join.role, *kept, *counts)
        function = grants.arn("lambda", f"function:{naming.function(model, 'join_labels')}")
        grants.allow(self.join.role, ["lambda:InvokeFunction"], [function])

    def _merge_hours(self, context: ModelContext, code: assets.Asset) -> None:
        """The job that a monitor hands a large window to, and that starts the monitor again."""
        self.merge = SparkJob(self, context, "merge_hours", code)
        compacted = naming.compacted_prefix(context.name)
        grants.read(
            context,
            self.merge.role,
            naming.profiles_prefix(context.name),
            naming.baseline_prefix(context.name),
            compacted,
        )
        grants.write(context, self.merge.role, compacted)
        monitors = [naming.function(context.name, name) for name in MONITORS]
        grants.allow(
            self.merge.role, ["lambda:InvokeFunction"], [grants.arn("lambda", f"function:{name}") for name in monitors]
        )
