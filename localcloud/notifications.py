"""SNS subscriptions: queues and functions get their messages, and what people would read goes to the timeline.

Each delivery is work of its own. moto delivers inside the publisher's call, checks no policy, and drops e-mail.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import DeliveryError

_SERVICE = "sns.amazonaws.com"
_FOR_PEOPLE = ("email", "email-json", "sms", "http", "https")


class Notifier:
    """Delivers one published message to one subscription."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def send(self, subscription: Any, message: str, subject: str | None, attributes: dict[str, Any]) -> None:
        """Deliver now; a message that cannot be goes to the subscription's dead-letter queue, if it has one."""
        protocol, topic = subscription.protocol, subscription.topic_arn
        if protocol in _FOR_PEOPLE:
            self._cloud.note(
                "message",
                subscription.endpoint,
                protocol=protocol,
                topic=topic,
                subject=subject,
                body=message,
                attributes={name: value["Value"] for name, value in attributes.items()},
            )
            return
        raw = str(subscription.attributes.get("RawMessageDelivery", "")).lower() == "true"
        envelope = self._envelope(subscription, message, subject, attributes)
        body = message if raw and protocol == "sqs" else json.dumps(envelope)
        if protocol == "lambda":
            record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription.arn}
            body = json.dumps({"Records": [{**record, "Sns": envelope}]})
        given = {name: str(value["Value"]) for name, value in attributes.items()} if raw else {}
        try:
            self._cloud.deliver(subscription.endpoint, body, by=_SERVICE, source_arn=topic, attributes=given)
        except DeliveryError as error:
            self._give_up(subscription, body, error)

    def _give_up(self, subscription: Any, body: str, error: DeliveryError) -> None:
        policy = subscription.attributes.get("RedrivePolicy")
        target = json.loads(policy)["deadLetterTargetArn"] if policy else None
        if target is None:
            raise error
        self._cloud.deliver(target, body, by=_SERVICE, source_arn=subscription.topic_arn)
        self._cloud.note("dead-letter", subscription.arn, target=target, body=body[:4000], why=str(error))

    def _envelope(
        self, subscription: Any, message: str, subject: str | None, attributes: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "Type": "Notification",
            "MessageId": str(uuid.uuid4()),
            "TopicArn": subscription.topic_arn,
            "Subject": subject,
            "Message": message,
            "Timestamp": self._cloud.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "SignatureVersion": "1",
            "Signature": "localcloud",
            "SigningCertUrl": f"{self._cloud.url}/signing.pem",
            "UnsubscribeUrl": f"{self._cloud.url}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}",
            "MessageAttributes": {
                name: {"Type": value["Type"], "Value": value["Value"]} for name, value in attributes.items()
            },
        }


def install(cloud: Cloud) -> None:
    """Replace how moto's subscriptions deliver."""
    from moto.sns.models import Subscription

    notifier = Notifier(cloud)

    def publish(
        self: Any,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> None:
        attributes = message_attributes or {}
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        text = self._parse_message_structure(message, self.protocol) if message_structure == "json" else message
        cloud.clock.spawn(lambda: notifier.send(self, text, subject, attributes), f"notify {self.endpoint}")

    Subscription.publish = publish
