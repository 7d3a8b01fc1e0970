"""From captured objects to profiles and staged rows: S3 → EventBridge → queue → `profile_capture`."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from infra import grants
from infra.python_function import PythonFunction
from infra.queues import dead_letter_queue, work_queue
from infra.shared import ModelContext
from infra.spark_jobs import SparkJob
from watchkeeper import naming

TIMEOUT = cdk.Duration.minutes(2)
MEMORY_MB = 1024
BATCH = 10
BATCHING_WINDOW = cdk.Duration.seconds(5)
CONCURRENCY = 20
"""Above this many captures wait in the queue, instead of taking the account's concurrency from others."""


class Capture(Construct):
    """Profiles every captured object, and a version's captures again when its baseline appears.

    What is too much for a function it hands to the Spark job `backfill`.

    Attributes
    ----------
    function : `profile_capture`
    queue, dead_letters : what waits, and what failed three times
    """

    def __init__(self, scope: Construct, context: ModelContext, backfill: SparkJob) -> None:
        super().__init__(scope, "Capture")
        self.dead_letters = dead_letter_queue(self, context, "Unprofiled", "unprofiled")
        visibility = cdk.Duration.seconds(int(TIMEOUT.to_seconds()) * 6)  # as AWS advises for Lambda consumers
        self.queue = work_queue(self, context, "Captured", "captured", visibility, self.dead_letters)
        self.function = PythonFunction(
            self,
            context,
            "profile_capture",
            description=f"Profiles each object that {context.name}'s endpoint captures",
            timeout=TIMEOUT,
            memory_mb=MEMORY_MB,
            layers=("core", "parser"),
            environment={"QUEUE_URL": self.queue.queue_url, "BACKFILL_JOB": backfill.name},
        )
        self.function.reads(
            naming.capture_prefix(context.name),
            naming.baseline_prefix(context.name),
            naming.profiles_prefix(context.name),  # a batch job's file comes in several objects, and is read once
        )
        self.function.writes(
            naming.profiles_prefix(context.name),
            naming.quarantine_prefix(context.name),
            naming.staged_prefix(context.name),
        )
        grants.allow(self.function.role, ["glue:StartJobRun"], [backfill.arn])
        self._consume(context)
        self._rule(
            "CaptureArrived",
            f"Captured objects and new baselines of {context.name}",
            context.platform.bucket.bucket_name,
            [{"prefix": naming.capture_prefix(context.name)}, {"prefix": naming.baseline_prefix(context.name)}],
        )
        if (attached := context.spec.attached) is not None:
            place = [{"prefix": attached.prefix}]
            self._rule("AttachedCaptureArrived", f"Captures of {attached.endpoint}", attached.bucket, place)
            grants.read_attached(context, self.function.role)

    def _consume(self, context: ModelContext) -> None:
        self.function.function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=BATCH,
                max_batching_window=BATCHING_WINDOW,
                report_batch_item_failures=True,
                max_concurrency=CONCURRENCY,
            )
        )
        grants.allow(self.function.role, ["sqs:SendMessage"], [self.queue.queue_arn])
        grants.use_key(context, self.function.role)

    def _rule(self, construct_id: str, description: str, bucket: str, keys: list[dict[str, str]]) -> None:
        rule = events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [bucket]}, "object": {"key": keys}},
            ),
        )
        rule.add_target(targets.SqsQueue(self.queue))
