"""One way for a service to hand a message to a function, queue, topic, state machine or log group.

A service reaches a target in one of two ways: with a role that it assumes, or because the target's own policy lets it.
Either is checked, also for the key that encrypts the target.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from localcloud import lambda_runtime
from localcloud.cloud import Cloud, Delivery
from localcloud.errors import DeliveryError, DeniedError
from localcloud.iam.keys import Keys
from localcloud.iam.policy import Request, decide

_DENIED_CODES = ("AccessDenied", "AccessDeniedException", "AuthorizationError")


class Deliveries:
    """Delivers messages."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._keys = Keys(cloud.account, cloud.region)
        self._by_service: dict[str, Callable[[Delivery], None]] = {
            "lambda": self._to_function,
            "sqs": self._to_queue,
            "sns": self._to_topic,
            "states": self._to_state_machine,
            "logs": self._to_log_group,
        }

    def deliver(self, delivery: Delivery) -> None:
        """Hand one message over.

        Raises
        ------
        DeniedError, DeliveryError
            It may not reach the target, or the target does not take it.
        """
        parts = delivery.arn.split(":")
        to = self._by_service.get(parts[2] if len(parts) > 2 else "")
        if to is None:
            raise DeliveryError(
                f"{delivery.by} cannot deliver to {delivery.arn}: localcloud delivers to {', '.join(self._by_service)}."
            )
        try:
            to(delivery)
        except ClientError as error:
            kind = DeniedError if error.response["Error"]["Code"] in _DENIED_CODES else DeliveryError
            raise kind(f"{delivery.arn} did not take the message of {delivery.source_arn}: {error}") from error
        except DeniedError as error:
            self._cloud.note(
                "denied", delivery.arn, principal=delivery.by, source=delivery.source_arn, message=str(error)
            )
            raise

    # --- targets --------------------------------------------------------------------------------------------------

    def _to_function(self, delivery: Delivery) -> None:
        function = find_function(self._cloud, delivery.arn)
        if delivery.role_arn:
            client = self._client(delivery, "lambda")
            client.invoke(FunctionName=delivery.arn, InvocationType="Event", Payload=delivery.body.encode())
            return
        statements = function.policy.statements
        self._require(delivery, [{"Statement": statements}], "lambda:InvokeFunction", function.function_arn)
        lambda_runtime.service().invoke_later(function, delivery.body.encode(), delivery.on_failure)

    def _to_queue(self, delivery: Delivery) -> None:
        from moto.sqs.models import sqs_backends

        name = delivery.arn.rsplit(":", 1)[-1]
        queue = sqs_backends[self._cloud.account][self._cloud.region].queues.get(name)
        if queue is None:
            raise DeliveryError(f"There is no queue {delivery.arn}, to which {delivery.source_arn} delivers.")
        if not delivery.role_arn:
            document = json.loads(queue.policy) if queue.policy else {}
            self._require(delivery, [document], "sqs:SendMessage", delivery.arn)
            self._require_key(delivery, self._keys.of_queue(name))
        attributes = {
            key: {"DataType": "String", "StringValue": value} for key, value in delivery.attributes.items() if value
        }
        url = f"{self._cloud.url}/{self._cloud.account}/{name}"
        client = self._client(delivery, "sqs")
        client.send_message(QueueUrl=url, MessageBody=delivery.body, MessageAttributes=attributes)

    def _to_topic(self, delivery: Delivery) -> None:
        from moto.sns.models import sns_backends

        topic = sns_backends[self._cloud.account][self._cloud.region].topics.get(delivery.arn)
        if topic is None:
            raise DeliveryError(f"There is no topic {delivery.arn}, to which {delivery.source_arn} delivers.")
        if not delivery.role_arn:
            self._require(delivery, [json.loads(topic.policy)], "sns:Publish", delivery.arn)
            self._require_key(delivery, self._keys.of_topic(delivery.arn))
        given: dict[str, Any] = {"TopicArn": delivery.arn, "Message": delivery.body}
        if delivery.subject:
            given["Subject"] = delivery.subject[:100]
        given["MessageAttributes"] = {
            key: {"DataType": "String", "StringValue": value} for key, value in delivery.attributes.items()
        }
        self._client(delivery, "sns").publish(**given)

    def _to_state_machine(self, delivery: Delivery) -> None:
        if not delivery.role_arn:
            raise DeniedError(f"{delivery.source_arn} names no role with which to start {delivery.arn}.")
        client = self._client(delivery, "stepfunctions")
        client.start_execution(stateMachineArn=delivery.arn, input=delivery.body)

    def _to_log_group(self, delivery: Delivery) -> None:
        from moto.logs.models import logs_backends

        group = delivery.arn.split(":log-group:")[1].removesuffix(":*")
        policies = logs_backends[self._cloud.account][self._cloud.region].resource_policies.values()
        documents = [json.loads(policy.policy_document) for policy in policies]
        stream = f"arn:aws:logs:{self._cloud.region}:{self._cloud.account}:log-group:{group}:log-stream:x"
        self._require(delivery, documents, "logs:PutLogEvents", stream)
        self._cloud.log_lines(group, str(uuid.uuid4()), [delivery.body])

    # --- permissions ----------------------------------------------------------------------------------------------

    def _client(self, delivery: Delivery, service: str) -> Any:
        if delivery.role_arn:
            return self._cloud.client_as(service, delivery.role_arn, "delivery", by=delivery.by)
        return self._cloud.client(service)

    def _require(self, delivery: Delivery, documents: list[dict[str, Any]], action: str, resource: str) -> None:
        request = Request(action, resource, self._context(delivery), service=delivery.by)
        if (
            decide(((str(i), document) for i, document in enumerate(documents)), request, of_resource=True).effect
            != "allow"
        ):
            raise DeniedError(
                f"{delivery.by} may not {action} on {resource} for {delivery.source_arn}: "
                "the target's resource policy has no statement that allows it."
            )

    def _require_key(self, delivery: Delivery, key_arn: str | None) -> None:
        if key_arn is None:
            return
        document = json.loads(self._keys.policy(key_arn))
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            self._require(delivery, [document], action, key_arn)

    def _context(self, delivery: Delivery) -> dict[str, str]:
        return {
            "aws:SourceArn": delivery.source_arn,
            "aws:SourceAccount": self._cloud.account,
            "aws:SourceOwner": self._cloud.account,
            "aws:SecureTransport": "true",
            "aws:PrincipalIsAWSService": "true",
        }


def find_function(cloud: Cloud, arn: str) -> Any:
    """Return moto's function of a name or ARN.

    Raises
    ------
    DeliveryError
        There is none.
    """
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    try:
        return lambda_backends[cloud.account][cloud.region].get_function(arn)
    except UnknownFunctionException as error:
        raise DeliveryError(f"There is no function {arn}.") from error


def install(cloud: Cloud) -> None:
    """Let every bridge deliver."""
    cloud.deliver_with = Deliveries(cloud).deliver
