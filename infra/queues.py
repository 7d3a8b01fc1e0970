"""A model's queues: encrypted, TLS only."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.nag import acknowledge
from infra.shared import ModelContext

RECEIVED_AT_MOST = 3
KEPT = cdk.Duration.days(14)


def dead_letter_queue(scope: Construct, context: ModelContext, construct_id: str, name: str) -> sqs.Queue:
    """A queue that keeps what failed, for a person to look at."""
    queue = _queue(scope, context, construct_id, name, retention_period=KEPT)
    acknowledge(queue, {"AwsSolutions-SQS3": "This is a dead-letter queue."})
    return queue


def work_queue(
    scope: Construct, context: ModelContext, construct_id: str, name: str, visibility: cdk.Duration, dead: sqs.Queue
) -> sqs.Queue:
    """A queue that hands a message to its dead-letter queue after three failures."""
    return _queue(
        scope,
        context,
        construct_id,
        name,
        visibility_timeout=visibility,
        retention_period=KEPT,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead, max_receive_count=RECEIVED_AT_MOST),
    )


def _queue(scope: Construct, context: ModelContext, construct_id: str, name: str, **properties: object) -> sqs.Queue:
    return sqs.Queue(
        scope,
        construct_id,
        queue_name=f"{context.name}--{name}",
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=context.platform.key,
        data_key_reuse=cdk.Duration.hours(1),
        enforce_ssl=True,
        **properties,  # type: ignore[arg-type]  # keyword arguments of one constructor, passed through
    )
