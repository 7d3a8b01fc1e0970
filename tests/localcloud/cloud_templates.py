"""Small templates, functions and look-ups that the tests of the embedded AWS share."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from localcloud.client import LocalCloud

Template = dict[str, Any]


def role(service: str, *statements: dict[str, Any]) -> Template:
    """A role that `service` may assume, with one policy."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}}
    if statements:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        properties["Policies"] = [{"PolicyName": "main", "PolicyDocument": document}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def allow(action: str | list[str], resource: Any = "*", **more: Any) -> dict[str, Any]:
    """An Allow statement."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def function(code: str, role_id: str = "Role", **more: Any) -> Template:
    """A Python function with its code in the template."""
    properties = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": code},
        "Role": {"Fn::GetAtt": [role_id, "Arn"]},
        "Timeout": 20,
        "MemorySize": 256,
        "Architectures": ["arm64"],
    }
    return {"Type": "AWS::Lambda::Function", "Properties": {**properties, **more}}


def create(local: LocalCloud, name: str, template: Template, **more: Any) -> dict[str, Any]:
    """Create a stack; return its description."""
    local.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), **more)
    return describe(local, name)


def update(local: LocalCloud, name: str, template: Template, **more: Any) -> dict[str, Any]:
    """Update a stack; return its description."""
    local.client("cloudformation").update_stack(StackName=name, TemplateBody=json.dumps(template), **more)
    return describe(local, name)


def describe(local: LocalCloud, name: str) -> dict[str, Any]:
    """Return a stack's description."""
    stacks: list[dict[str, Any]] = local.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return stacks[0]


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    """Return a stack's outputs."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def exists(call: Any, **arguments: Any) -> bool:
    """Whether a describing call finds what it asks for."""
    try:
        call(**arguments)
    except ClientError:
        return False
    return True


def drain(local: LocalCloud, url: str) -> list[dict[str, Any]]:
    """Take every visible message out of a queue, with its attributes."""
    sqs, messages = local.client("sqs"), list[dict[str, Any]]()
    while got := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
        "Messages"
    ):
        for message in got:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        messages += got
    return messages


def entries(local: LocalCloud, kind: str, subject: str = "") -> list[dict[str, Any]]:
    """Return the timeline's entries of one kind whose subject holds a text."""
    return [entry for entry in local.timeline() if entry["kind"] == kind and subject in entry["subject"]]
