"""Events, schedules, queues and topics: what arrives, what is tried again, and what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from cloud_templates import allow, create, drain, entries, function, outputs, role

from localcloud.client import LocalCloud

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}


def queue_policy(queue: str, service: str, source: Any = None) -> dict[str, Any]:
    """Let a service send to a queue."""
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": [queue, "Arn"]},
    }
    if source:
        statement["Condition"] = {"ArnEquals": {"aws:SourceArn": source}}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::SQS::QueuePolicy", "Properties": {"Queues": [{"Ref": queue}], "PolicyDocument": document}}


def rule(pattern: Any, *targets: dict[str, Any]) -> dict[str, Any]:
    given = [{"Id": f"t{index}", **target} for index, target in enumerate(targets)]
    return {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern, "Targets": given}}


def arn(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


def url(name: str) -> dict[str, Any]:
    return {name: {"Value": {"Ref": name}}}


def put_event(local: LocalCloud, source: str, detail: Any) -> None:
    entry = {"Source": source, "DetailType": "Test", "Detail": json.dumps(detail)}
    local.client("events").put_events(Entries=[entry])


def test_a_bucket_says_whether_it_sends_events(local: LocalCloud) -> None:
    # given
    s3 = local.client("s3")
    s3.create_bucket(Bucket="teller")
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="teller")
    # when
    s3.put_bucket_notification_configuration(
        Bucket="teller", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    # then
    assert s3.get_bucket_notification_configuration(Bucket="teller")["EventBridgeConfiguration"] == {}
    # when
    s3.put_bucket_notification_configuration(Bucket="teller", NotificationConfiguration={})
    # then
    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="teller")


def test_an_object_in_a_bucket_reaches_a_queue_through_a_rule_in_the_form_that_s3_uses(local: LocalCloud) -> None:
    # given
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": "Bucket"}]}, "object": {"key": [{"prefix": "in/"}]}},
    }
    resources = {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
                "VersioningConfiguration": {"Status": "Enabled"},
            },
        },
        "Queue": QUEUE,
        "Rule": rule(pattern, {"Arn": arn("Queue")}),
        "Policy": queue_policy("Queue", "events.amazonaws.com", arn("Rule")),
    }
    found = outputs(create(local, "objects", {"Resources": resources, "Outputs": {**url("Bucket"), **url("Queue")}}))
    # when
    for key in ("in/a b.txt", "out/c.txt"):
        local.client("s3").put_object(Bucket=found["Bucket"], Key=key, Body=b"12345")
    local.settle()
    # then
    events = [json.loads(message["Body"]) for message in drain(local, found["Queue"])]
    assert len(events) == 1
    assert events[0]["detail"]["object"]["key"] == "in/a b.txt"
    assert events[0]["detail"]["object"]["size"] == 5
    assert events[0]["detail"]["object"]["version-id"]
    assert events[0]["detail"]["reason"] == "PutObject"
    assert events[0]["resources"] == [f"arn:aws:s3:::{found['Bucket']}"]


def test_a_target_whose_policy_does_not_allow_the_rule_is_denied_and_its_event_goes_to_the_dead_letters(
    local: LocalCloud,
) -> None:
    # given
    resources = {
        "Queue": QUEUE,
        "Dead": QUEUE,
        "Rule": rule({"source": ["denied"]}, {"Arn": arn("Queue"), "DeadLetterConfig": {"Arn": arn("Dead")}}),
        "Other": queue_policy("Queue", "events.amazonaws.com", "arn:aws:events:us-east-1:123456789012:rule/other"),
        "DeadPolicy": queue_policy("Dead", "events.amazonaws.com", arn("Rule")),
    }
    found = outputs(create(local, "denied", {"Resources": resources, "Outputs": {**url("Queue"), **url("Dead")}}))
    # when
    put_event(local, "denied", {"n": 1})
    local.settle()
    # then
    assert drain(local, found["Queue"]) == []
    dead = drain(local, found["Dead"])
    assert json.loads(dead[0]["Body"])["detail"] == {"n": 1}
    assert dead[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert entries(local, "denied")[-1]["detail"]["principal"] == "events.amazonaws.com"


def test_an_input_transformer_quotes_values_as_json_where_they_stand_bare(local: LocalCloud) -> None:
    # given
    transformer = {
        "InputPathsMap": {"who": "$.detail.who", "n": "$.detail.n", "first": "$.detail.list[0]"},
        "InputTemplate": '{"who": <who>, "n": <n>, "text": "for <who> (<n>)", "first": <first>}',
    }
    resources = {
        "Queue": QUEUE,
        "Rule": rule({"source": ["shaped"]}, {"Arn": arn("Queue"), "InputTransformer": transformer}),
        "Policy": queue_policy("Queue", "events.amazonaws.com"),
    }
    found = outputs(create(local, "shaped", {"Resources": resources, "Outputs": url("Queue")}))
    # when
    put_event(local, "shaped", {"who": 'a "b"', "n": 3, "list": [{"x": 1}]})
    local.settle()
    # then
    body = json.loads(drain(local, found["Queue"])[0]["Body"])
    assert body == {"who": 'a "b"', "n": 3, "text": 'for a "b" (3)', "first": {"x": 1}}


def test_a_rule_starts_a_function_only_with_a_permission(local: LocalCloud) -> None:
    # given
    code = "def handler(e, c):\n    print('got', e['detail']['n'])\n"
    resources: dict[str, Any] = {
        "Role": role("lambda.amazonaws.com"),
        "Allowed": function(code, FunctionName="allowed"),
        "Forbidden": function(code, FunctionName="forbidden"),
        "Rule": rule({"source": ["start"]}, {"Arn": arn("Allowed")}, {"Arn": arn("Forbidden")}),
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": arn("Allowed"),
                "Principal": "events.amazonaws.com",
                "SourceArn": arn("Rule"),
            },
        },
    }
    create(local, "start", {"Resources": resources})
    # when
    put_event(local, "start", {"n": 7})
    local.settle()
    # then
    logs = local.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert "/aws/lambda/allowed" in groups
    assert "/aws/lambda/forbidden" not in groups
    assert [entry["subject"].rsplit(":", 1)[-1] for entry in entries(local, "denied", "forbidden")] == ["forbidden"]


def test_a_scheduled_rule_fires_at_its_times_and_matches_no_other_event(local: LocalCloud) -> None:
    # given
    target = [{"Id": "q", "Arn": arn("Queue")}]
    timed = {
        "Type": "AWS::Events::Rule",
        "Properties": {"ScheduleExpression": "cron(0/15 * * * ? *)", "Targets": target},
    }
    resources = {"Queue": QUEUE, "Rule": timed, "Policy": queue_policy("Queue", "events.amazonaws.com")}
    found = outputs(create(local, "timed", {"Resources": resources, "Outputs": url("Queue")}))
    # when
    put_event(local, "anything", {})
    local.advance(timedelta(hours=1))
    # then
    events = [json.loads(message["Body"]) for message in drain(local, found["Queue"])]
    assert len(events) == 4
    assert {event["detail-type"] for event in events} == {"Scheduled Event"}
    assert all(event["time"][14:] in ("00:00Z", "15:00Z", "30:00Z", "45:00Z") for event in events)


def test_a_schedule_fills_its_placeholders_and_stops_when_it_is_deleted(local: LocalCloud) -> None:
    # given
    schedule = {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": "cron(30 * * * ? *)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": arn("Queue"),
                "RoleArn": arn("Role"),
                "Input": '{"at": "<aws.scheduler.scheduled-time>", "id": "<aws.scheduler.execution-id>"}',
            },
        },
    }
    resources = {
        "Queue": {**QUEUE, "DeletionPolicy": "Retain"},
        "Role": role("scheduler.amazonaws.com", allow("sqs:SendMessage", arn("Queue"))),
        "Schedule": schedule,
    }
    found = outputs(create(local, "schedule", {"Resources": resources, "Outputs": url("Queue")}))
    # when
    local.advance(timedelta(hours=2))
    fired = drain(local, found["Queue"])
    local.client("cloudformation").delete_stack(StackName="schedule")
    local.advance(timedelta(hours=2))
    # then
    bodies = [json.loads(message["Body"]) for message in fired]
    assert [body["at"][14:] for body in bodies] == ["30:00Z", "30:00Z"]
    assert len({body["id"] for body in bodies}) == 2
    assert drain(local, found["Queue"]) == []


def test_a_schedule_with_a_role_that_may_not_reach_its_target_is_denied(local: LocalCloud) -> None:
    # given
    resources = {
        "Queue": QUEUE,
        "Role": role("scheduler.amazonaws.com", allow("sqs:SendMessage", "arn:aws:sqs:us-east-1:123456789012:other")),
        "Schedule": {
            "Type": "AWS::Scheduler::Schedule",
            "Properties": {
                "ScheduleExpression": "rate(1 hours)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": arn("Queue"), "RoleArn": arn("Role")},
            },
        },
    }
    found = outputs(create(local, "noschedule", {"Resources": resources, "Outputs": url("Queue")}))
    # when
    local.settle()
    # then
    assert drain(local, found["Queue"]) == []
    assert entries(local, "denied", "noschedule-Role")[0]["detail"]["action"] == "sqs:SendMessage"


def test_a_change_of_a_parameter_is_an_event(local: LocalCloud) -> None:
    # given
    pattern = {"source": ["aws.ssm"], "detail": {"name": ["/watched"], "operation": ["Create", "Update"]}}
    resources = {
        "Queue": QUEUE,
        "Rule": rule(pattern, {"Arn": arn("Queue")}),
        "Policy": queue_policy("Queue", "events.amazonaws.com"),
    }
    found = outputs(create(local, "watched", {"Resources": resources, "Outputs": url("Queue")}))
    # when
    for value in ("1", "2"):
        local.client("ssm").put_parameter(Name="/watched", Value=value, Type="String", Overwrite=True)
        local.settle()
    # then
    events = [json.loads(message["Body"]) for message in drain(local, found["Queue"])]
    assert sorted(event["detail"]["operation"] for event in events) == ["Create", "Update"]
    assert events[0]["detail-type"] == "Parameter Store Change"


# --- queues -----------------------------------------------------------------------------------------------------------

READS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]


def reader(code: str, actions: list[str], **queue: Any) -> dict[str, Any]:
    """A queue with a dead-letter queue, read by a function."""
    redrive = {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 2}
    mapping = {
        "EventSourceArn": arn("Queue"),
        "FunctionName": {"Ref": "Function"},
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    properties = {"VisibilityTimeout": 120, "RedrivePolicy": redrive, **queue}
    return {
        "Resources": {
            "Dead": QUEUE,
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": properties},
            "Role": role("lambda.amazonaws.com", allow(actions, arn("Queue"))),
            "Function": function(code),
            "Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping, "DependsOn": "Role"},
        },
        "Outputs": {**url("Queue"), **url("Dead"), **url("Function")},
    }


def send(local: LocalCloud, queue: str, *bodies: str) -> None:
    messages = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    local.client("sqs").send_message_batch(QueueUrl=queue, Entries=messages)


def left(local: LocalCloud, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = local.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


PARTIAL = """
def handler(event, context):
    print("batch", [record["body"] for record in event["Records"]])
    bad = [r["messageId"] for r in event["Records"] if r["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": i} for i in bad]}
"""


def test_messages_that_a_function_reports_as_failed_come_back_alone_and_end_in_the_dead_letter_queue(
    local: LocalCloud,
) -> None:
    # given
    found = outputs(create(local, "partial", reader(PARTIAL, READS)))
    # when
    send(local, found["Queue"], "good", "bad", "fine")
    local.settle()
    after_first = left(local, found["Queue"])
    local.advance(timedelta(minutes=10))
    # then
    assert after_first == 1
    assert left(local, found["Queue"]) == 0
    assert [message["Body"] for message in drain(local, found["Dead"])] == ["bad"]
    assert len(entries(local, "dead-letter", "partial-Dead")) == 1


def test_a_function_that_dies_midway_gets_its_batch_again(local: LocalCloud) -> None:
    # given
    found = outputs(create(local, "again", reader(PARTIAL, READS)))
    local.plant_fault(found["Function"], "crash", 1)
    # when
    send(local, found["Queue"], "one")
    local.settle()
    held = left(local, found["Queue"])
    local.advance(timedelta(minutes=3))
    # then
    assert held == 1
    assert left(local, found["Queue"]) == 0
    assert drain(local, found["Dead"]) == []
    assert len(entries(local, "lambda-error", found["Function"])) == 1


def test_a_function_whose_role_may_not_read_the_queue_gets_nothing(local: LocalCloud) -> None:
    # given
    found = outputs(create(local, "unread", reader(PARTIAL, ["sqs:GetQueueAttributes"])))
    # when
    send(local, found["Queue"], "one")
    local.settle()
    # then
    assert left(local, found["Queue"]) == 1
    assert entries(local, "denied", "unread-Role")[0]["detail"]["action"] == "sqs:ReceiveMessage"


def test_a_delayed_message_is_read_when_it_becomes_visible(local: LocalCloud) -> None:
    # given
    found = outputs(create(local, "delayed", reader(PARTIAL, READS, DelaySeconds=600)))
    # when
    send(local, found["Queue"], "later")
    local.advance(timedelta(minutes=5))
    before = left(local, found["Queue"])
    local.advance(timedelta(minutes=6))
    # then
    assert before == 0  # delayed messages are counted apart
    groups = local.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{found['Function']}")[
        "logGroups"
    ]
    assert len(groups) == 1


# --- topics -----------------------------------------------------------------------------------------------------------


def test_a_message_on_a_topic_reaches_people_queues_and_functions_by_its_attributes(local: LocalCloud) -> None:
    # given
    def subscription(protocol: str, endpoint: Any, **more: Any) -> dict[str, Any]:
        properties = {"TopicArn": {"Ref": "Topic"}, "Protocol": protocol, "Endpoint": endpoint, **more}
        return {"Type": "AWS::SNS::Subscription", "Properties": properties}

    code = "def handler(e, c):\n    print('sns', e['Records'][0]['Sns']['Message'])\n"
    resources: dict[str, Any] = {
        "Topic": {"Type": "AWS::SNS::Topic"},
        "Queue": QUEUE,
        "QueuePolicy": queue_policy("Queue", "sns.amazonaws.com", {"Ref": "Topic"}),
        "Role": role("lambda.amazonaws.com"),
        "Function": function(code, FunctionName="subscribed"),
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": "Function"},
                "Principal": "sns.amazonaws.com",
                "SourceArn": {"Ref": "Topic"},
            },
        },
        "ToQueue": subscription("sqs", arn("Queue"), FilterPolicy={"model": ["a"]}, RawMessageDelivery=True),
        "ToFunction": subscription("lambda", arn("Function")),
        "ToPerson": subscription("email", "me@example.org", FilterPolicy={"model": ["b"]}),
    }
    template = {"Resources": resources, "Outputs": {**url("Topic"), **url("Queue")}}
    found = outputs(create(local, "topic", template))
    # when
    for model in ("a", "b"):
        local.client("sns").publish(
            TopicArn=found["Topic"],
            Subject="drift",
            Message=f"about {model}",
            MessageAttributes={"model": {"DataType": "String", "StringValue": model}},
        )
    local.settle()
    # then
    assert [message["Body"] for message in drain(local, found["Queue"])] == ["about a"]
    people = [entry for entry in local.messages() if entry["subject"] == "me@example.org"]
    assert [(entry["detail"]["subject"], entry["detail"]["body"]) for entry in people] == [("drift", "about b")]
    logs = local.client("logs").filter_log_events(logGroupName="/aws/lambda/subscribed", filterPattern="sns")
    assert sorted(e["message"] for e in logs["events"] if "sns" in e["message"]) == ["sns about a", "sns about b"]
