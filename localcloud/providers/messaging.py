"""AWS::SNS::*, AWS::SQS::*, AWS::Events::Rule and AWS::Scheduler::*."""

from __future__ import annotations

from typing import Any

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, text
from localcloud.cloudformation.template import TemplateError

_QUEUE_NOT_ATTRIBUTES = ("QueueName", "Tags")
_TOPIC_NOT_ATTRIBUTES = ("TopicName", "Tags", "Subscription")
_SUBSCRIPTION_ATTRIBUTES = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")


def _attributes(properties: Properties, left_out: tuple[str, ...]) -> dict[str, str]:
    return {name: text(value) for name, value in properties.items() if name not in left_out}


def _create_queue(aws: Aws, properties: Properties) -> Existing:
    name = properties["QueueName"]
    given = {
        "QueueName": name,
        "Attributes": _attributes(properties, _QUEUE_NOT_ATTRIBUTES),
        "tags": properties.get("Tags", []),
    }
    url = aws.call("sqs", "create_queue", given)["QueueUrl"]
    return Existing(url, properties, {"Arn": aws.arn("sqs", name), "QueueName": name, "QueueUrl": url})


def _update_queue(aws: Aws, queue: Existing, properties: Properties) -> Existing:
    given = _attributes(properties, _QUEUE_NOT_ATTRIBUTES)
    aws.client("sqs").set_queue_attributes(QueueUrl=queue.physical_id, Attributes=given)
    return Existing(queue.physical_id, properties, queue.attributes)


def _put_queue_policy(aws: Aws, properties: Properties) -> Existing:
    for url in properties["Queues"]:
        policy = {"Policy": text(properties["PolicyDocument"])}
        aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes=policy)
    return Existing("policy-of-" + properties["Queues"][0].rsplit("/", 1)[-1], properties)


def _delete_queue_policy(aws: Aws, policy: Existing) -> None:
    for url in policy.properties["Queues"]:
        aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})


def _create_topic(aws: Aws, properties: Properties) -> Existing:
    given = {
        "Name": properties["TopicName"],
        "Attributes": _attributes(properties, _TOPIC_NOT_ATTRIBUTES),
        "Tags": properties.get("Tags", []),
    }
    arn = aws.call("sns", "create_topic", given)["TopicArn"]
    for subscription in properties.get("Subscription", []):
        _subscribe(aws, {**subscription, "TopicArn": arn})
    return Existing(arn, properties, {"TopicArn": arn, "TopicName": properties["TopicName"]})


def _update_topic(aws: Aws, topic: Existing, properties: Properties) -> Existing:
    if properties.get("Subscription") != topic.properties.get("Subscription"):
        raise TemplateError("localcloud does not change a topic's own Subscription list: use AWS::SNS::Subscription.")
    for name, value in _attributes(properties, _TOPIC_NOT_ATTRIBUTES).items():
        aws.client("sns").set_topic_attributes(TopicArn=topic.physical_id, AttributeName=name, AttributeValue=value)
    return Existing(topic.physical_id, properties, topic.attributes)


def _put_topic_policy(aws: Aws, properties: Properties) -> Existing:
    for arn in properties["Topics"]:
        document = text(properties["PolicyDocument"])
        aws.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)
    return Existing("policy-of-" + properties["Topics"][0].rsplit(":", 1)[-1], properties)


def _delete_topic_policy(aws: Aws, policy: Existing) -> None:
    """Give the topics the policy back that SNS gives to new ones: the owner's own services and people may publish."""
    for arn in policy.properties["Topics"]:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["sns:Publish", "sns:Subscribe"],
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": aws.cloud.account}},
        }
        document = text({"Version": "2008-10-17", "Statement": [statement]})
        aws.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=document)


def _subscribe(aws: Aws, properties: Properties) -> Existing:
    attributes = {name: text(properties[name]) for name in _SUBSCRIPTION_ATTRIBUTES if name in properties}
    unknown = set(properties) - {*_SUBSCRIPTION_ATTRIBUTES, "TopicArn", "Protocol", "Endpoint"}
    if unknown:
        raise TemplateError(f"localcloud does not apply {', '.join(sorted(unknown))} of AWS::SNS::Subscription.")
    arn = aws.client("sns").subscribe(
        TopicArn=properties["TopicArn"],
        Protocol=properties["Protocol"],
        Endpoint=properties["Endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    return Existing(arn, properties, {"Arn": arn})


def _update_subscription(aws: Aws, subscription: Existing, properties: Properties) -> Existing:
    for name in _SUBSCRIPTION_ATTRIBUTES:
        if properties.get(name) != subscription.properties.get(name):
            aws.client("sns").set_subscription_attributes(
                SubscriptionArn=subscription.physical_id,
                AttributeName=name,
                AttributeValue=text(properties.get(name, {} if name == "FilterPolicy" else "")),
            )
    return Existing(subscription.physical_id, properties, subscription.attributes)


def _put_rule(aws: Aws, properties: Properties) -> Existing:
    given = {name: value for name, value in properties.items() if name not in ("Targets", "Tags")}
    arn = aws.call("events", "put_rule", given)["RuleArn"]
    _put_targets(aws, properties)
    return Existing(properties["Name"], properties, {"Arn": arn})


def _put_targets(aws: Aws, properties: Properties) -> None:
    if properties.get("Targets"):
        answer = aws.call("events", "put_targets", {**_rule(properties), "Targets": properties["Targets"]})
        if answer.get("FailedEntryCount"):
            raise TemplateError(f"Targets of rule {properties['Name']} were refused: {answer['FailedEntries']}")


def _rule(properties: Properties) -> dict[str, Any]:
    bus = {"EventBusName": properties["EventBusName"]} if "EventBusName" in properties else {}
    return {"Rule": properties["Name"], **bus}


def _update_rule(aws: Aws, rule: Existing, properties: Properties) -> Existing:
    _remove_targets(aws, rule.properties)
    return _put_rule(aws, properties)


def _remove_targets(aws: Aws, properties: Properties) -> None:
    ids = [target["Id"] for target in properties.get("Targets", [])]
    if ids:
        aws.client("events").remove_targets(**_rule(properties), Ids=ids)


def _delete_rule(aws: Aws, rule: Existing) -> None:
    _remove_targets(aws, rule.properties)
    bus = {"EventBusName": rule.properties["EventBusName"]} if "EventBusName" in rule.properties else {}
    aws.client("events").delete_rule(Name=rule.physical_id, **bus)


def _create_schedule(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("scheduler", "create_schedule", properties)["ScheduleArn"]
    return Existing(properties["Name"], properties, {"Arn": arn})


def _update_schedule(aws: Aws, schedule: Existing, properties: Properties) -> Existing:
    aws.call("scheduler", "update_schedule", properties)
    return Existing(schedule.physical_id, properties, schedule.attributes)


def _delete_schedule(aws: Aws, schedule: Existing) -> None:
    group = {"GroupName": schedule.properties["GroupName"]} if "GroupName" in schedule.properties else {}
    aws.client("scheduler").delete_schedule(Name=schedule.physical_id, **group)


def _create_schedule_group(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("scheduler", "create_schedule_group", properties)["ScheduleGroupArn"]
    return Existing(properties["Name"], properties, {"Arn": arn})


TYPES = (
    ResourceType(
        "AWS::SQS::Queue",
        create=_create_queue,
        update=_update_queue,
        delete=lambda aws, it: aws.client("sqs").delete_queue(QueueUrl=it.physical_id),
        name="QueueName",
        name_limit=80,
        replaced_by=frozenset({"FifoQueue"}),
    ),
    ResourceType(
        "AWS::SQS::QueuePolicy",
        create=_put_queue_policy,
        update=lambda aws, _, properties: _put_queue_policy(aws, properties),
        delete=_delete_queue_policy,
    ),
    ResourceType(
        "AWS::SNS::Topic",
        create=_create_topic,
        update=_update_topic,
        delete=lambda aws, it: aws.client("sns").delete_topic(TopicArn=it.physical_id),
        name="TopicName",
        name_limit=256,
        replaced_by=frozenset({"FifoTopic"}),
    ),
    ResourceType(
        "AWS::SNS::TopicPolicy",
        create=_put_topic_policy,
        update=lambda aws, _, properties: _put_topic_policy(aws, properties),
        delete=_delete_topic_policy,
    ),
    ResourceType(
        "AWS::SNS::Subscription",
        create=_subscribe,
        update=_update_subscription,
        delete=lambda aws, it: aws.client("sns").unsubscribe(SubscriptionArn=it.physical_id),
        replaced_by=frozenset({"TopicArn", "Protocol", "Endpoint"}),
    ),
    ResourceType(
        "AWS::Events::Rule",
        create=_put_rule,
        update=_update_rule,
        delete=_delete_rule,
        name="Name",
        replaced_by=frozenset({"EventBusName"}),
    ),
    ResourceType(
        "AWS::Scheduler::Schedule",
        create=_create_schedule,
        update=_update_schedule,
        delete=_delete_schedule,
        name="Name",
        replaced_by=frozenset({"GroupName"}),
    ),
    ResourceType(
        "AWS::Scheduler::ScheduleGroup",
        create=_create_schedule_group,
        delete=lambda aws, it: aws.client("scheduler").delete_schedule_group(Name=it.physical_id),
        name="Name",
        mutable=frozenset({"Tags"}),
        update=lambda _, it, properties: Existing(it.physical_id, properties, it.attributes),
    ),
)
