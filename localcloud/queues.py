"""SQS event sources of Lambda: batches, partial failures, visibility and dead letters.

A message that becomes visible wakes the mapping's readers; nothing polls. The readers act as the function's role, as
Lambda's own do. Batching windows are ignored: a batch is what is there.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from localcloud import lambda_runtime
from localcloud.cloud import Cloud
from localcloud.deliveries import find_function
from localcloud.errors import DeliveryError, DeniedError

log = logging.getLogger("localcloud")
_READERS = 4
_SERVICE = "lambda.amazonaws.com"
_MOMENT = timedelta(milliseconds=50)


@dataclass
class _Mapping:
    """How many readers of one mapping run, and whether there may be messages that none of them has seen."""

    readers: int = 0
    woken: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class EventSources:
    """Feeds functions from queues."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._mappings: dict[str, _Mapping] = {}
        self._lock = threading.Lock()

    def wake(self, queue: Any, after: timedelta = timedelta()) -> None:
        """Have a queue's mappings read it, now or later."""
        if after > timedelta():
            self._cloud.clock.after(after, lambda: self.wake(queue), f"visible again in {queue.name}")
            return
        for mapping in list(queue.lambda_event_source_mappings.values()):
            if mapping.enabled:
                self._wake(mapping, queue)

    def _wake(self, mapping: Any, queue: Any) -> None:
        with self._lock:
            state = self._mappings.setdefault(mapping.uuid, _Mapping())
        with state.lock:
            state.woken = True
            if state.readers >= _limit(mapping):
                return
            state.readers += 1
        self._cloud.clock.spawn(lambda: self._read(mapping, queue, state), f"read {queue.name}")

    def _read(self, mapping: Any, queue: Any, state: _Mapping) -> None:
        """Take batches until the queue is empty."""
        while True:
            with state.lock:
                state.woken = False
            try:
                took = mapping.enabled and self._batch(mapping, queue)
            except BaseException:
                with state.lock:
                    state.readers -= 1
                raise
            with state.lock:
                if not took and not state.woken:
                    state.readers -= 1
                    return

    def _batch(self, mapping: Any, queue: Any) -> bool:
        """Receive and handle one batch; False if there was none to be had."""
        function = find_function(self._cloud, mapping.function_arn)
        url = f"{self._cloud.url}/{self._cloud.account}/{queue.name}"
        try:
            sqs = self._cloud.client_as("sqs", function.role, function.function_name, by=_SERVICE)
            messages = self._receive(sqs, url, int(mapping.batch_size))
        except (ClientError, DeniedError) as error:
            self._cloud.note("background-error", queue.name, error=f"{function.function_name} cannot read it: {error}")
            log.error("event source %s -> %s: %s", queue.name, function.function_name, error)
            return False
        if not messages:
            return False
        failed = {message["MessageId"] for message in messages}
        try:
            failed = self._handle(mapping, function, queue, messages)
        finally:
            if failed:  # whatever the reason: once they are visible again, somebody must read them
                self.wake(queue, timedelta(seconds=int(queue.visibility_timeout)) + _MOMENT)
        for message in messages:
            if message["MessageId"] not in failed:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return True

    @staticmethod
    def _receive(sqs: Any, url: str, wanted: int) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        while len(messages) < wanted:
            got = sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(10, wanted - len(messages)),
                WaitTimeSeconds=0,
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not got:
                break
            messages += got
        return messages

    def _handle(self, mapping: Any, function: Any, queue: Any, messages: list[dict[str, Any]]) -> set[str]:
        """Invoke the function with a batch; return the ids that it did not manage."""
        everything = {message["MessageId"] for message in messages}
        event = {"Records": [self._record(message, queue.queue_arn) for message in messages]}
        try:
            outcome = lambda_runtime.service().invoke(function, json.dumps(event).encode())
        except DeliveryError as error:  # throttled: the messages come back
            log.info("%s: %s", queue.name, error)
            return everything
        if outcome.kind != "ok":
            return everything
        if "ReportBatchItemFailures" not in (mapping.function_response_types or []):
            return set()
        return _reported_failures(outcome.payload, everything)

    def _record(self, message: dict[str, Any], queue_arn: str) -> dict[str, Any]:
        attributes = {
            name: {
                "stringValue": value.get("StringValue"),
                "dataType": value["DataType"],
                "stringListValues": [],
                "binaryListValues": [],
            }
            for name, value in message.get("MessageAttributes", {}).items()
        }
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": attributes,
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": self._cloud.region,
        }


def _limit(mapping: Any) -> int:
    configured = getattr(mapping, "scaling_config", None) or {}
    return min(_READERS, int(configured.get("MaximumConcurrency", _READERS)))


def _reported_failures(payload: bytes, everything: set[str]) -> set[str]:
    """Read a partial batch response; one that AWS would not understand fails the whole batch."""
    try:
        answer = json.loads(payload or b"null")
        if answer is None or "batchItemFailures" not in answer or answer["batchItemFailures"] is None:
            return set()
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
    except (ValueError, TypeError, KeyError):
        return everything
    return failed if failed <= everything else everything


class _Unmapped:
    """A queue as moto's own code sees it while it adds a message: without mappings, to which it would deliver."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.lambda_event_source_mappings: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)


def install(cloud: Cloud) -> None:
    """Replace moto's delivery of one message at a time inside the sender's call."""
    from moto.awslambda.models import LambdaBackend
    from moto.sqs.models import Queue

    sources = EventSources(cloud)
    add, delete = Queue.add_message, Queue.delete_message

    def add_message(self: Any, message: Any) -> None:
        add(_Unmapped(self), message)
        if message.approximate_receive_count > 0:
            cloud.note("dead-letter", self.name, target=self.queue_arn, body=str(message.body)[:4000])
        delay = max(0.0, message.delayed_until / 1000 - cloud.clock.now().timestamp())
        sources.wake(self, timedelta(seconds=delay) + _MOMENT if delay else timedelta())

    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:  # moto makes a new list of what is left, and would lose what is added meanwhile
            delete(self, receipt_handle)

    Queue.add_message = add_message
    Queue.delete_message = delete_message
    _publish_lengths(cloud)
    _wake_on_changes(LambdaBackend, sources, cloud)


def _wake_on_changes(backend_class: Any, sources: EventSources, cloud: Cloud) -> None:
    """A mapping that is made or enabled finds messages that are waiting already."""
    from moto.sqs.models import sqs_backends

    def waking(method: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            mapping = method(self, *args, **kwargs)
            if mapping and ":sqs:" in mapping.event_source_arn:
                name = mapping.event_source_arn.rsplit(":", 1)[-1]
                sources.wake(sqs_backends[cloud.account][cloud.region].queues[name])
            return mapping

        return call

    backend_class.create_event_source_mapping = waking(backend_class.create_event_source_mapping)
    backend_class.update_event_source_mapping = waking(backend_class.update_event_source_mapping)


def _publish_lengths(cloud: Cloud) -> None:
    """Publish how many messages each queue holds, in the middle of every minute."""
    from moto.sqs.models import sqs_backends

    def publish() -> None:
        cloud.clock.after(timedelta(minutes=1), publish, "queue metrics")
        for queue in list(sqs_backends[cloud.account][cloud.region].queues.values()):
            visible = float(queue.approximate_number_of_messages)
            name = "ApproximateNumberOfMessagesVisible"
            cloud.publish_metric("AWS/SQS", name, {"QueueName": queue.name}, visible, "Count")

    now = cloud.clock.now()
    cloud.clock.at(now.replace(second=30, microsecond=0) + timedelta(minutes=1), publish, "queue metrics")
