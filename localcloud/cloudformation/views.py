"""How stacks, resources, events and change sets look in the API's answers."""

from __future__ import annotations

from typing import Any

from localcloud.cloudformation.stack import ChangeSet, Event, Proposal, Resource, Stack


def _pairs(values: dict[str, Any], key: str, value: str) -> list[dict[str, Any]]:
    return [{key: name, value: item} for name, item in values.items()]


def _parameters(proposal: Proposal) -> list[dict[str, Any]]:
    declared = proposal.template.get("Parameters", {})
    found = []
    for name, raw in proposal.raw.items():
        entry = {"ParameterKey": name, "ParameterValue": "****" if declared[name].get("NoEcho") else raw}
        if str(declared[name].get("Type", "")).startswith("AWS::SSM::"):
            entry["ResolvedValue"] = str(proposal.resolved[name])
        found.append(entry)
    return found


def summary(stack: Stack) -> dict[str, Any]:
    """One line of ListStacks."""
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "CreationTime": stack.created,
        "LastUpdatedTime": stack.updated,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason,
        "TemplateDescription": stack.proposal.template.get("Description"),
    }


def stack(stack: Stack) -> dict[str, Any]:
    """One stack of DescribeStacks."""
    outputs = [
        {"OutputKey": o.key, "OutputValue": o.value, "Description": o.description, "ExportName": o.export}
        for o in stack.outputs.values()
    ]
    return {
        **summary(stack),
        "Description": stack.proposal.template.get("Description"),
        "Parameters": _parameters(stack.proposal),
        "Outputs": outputs,
        "Tags": _pairs(stack.proposal.tags, "Key", "Value"),
        "DisableRollback": False,
        "NotificationARNs": [],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "EnableTerminationProtection": stack.protected,
        "DriftInformation": {"StackDriftStatus": "NOT_CHECKED"},
    }


def event(stack: Stack, event: Event) -> dict[str, Any]:
    """One event of DescribeStackEvents."""
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "EventId": event.event_id,
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.at,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason,
    }


def resource(stack: Stack, resource: Resource) -> dict[str, Any]:
    """One resource, for every operation that shows any."""
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.existing.physical_id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "Timestamp": resource.at,
        "LastUpdatedTimestamp": resource.at,
        "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
    }


def change_set(change_set: ChangeSet) -> dict[str, Any]:
    """One change set."""
    return {
        "ChangeSetName": change_set.name,
        "ChangeSetId": change_set.change_set_id,
        "StackId": change_set.stack.stack_id,
        "StackName": change_set.stack.name,
        "Description": change_set.description,
        "Parameters": _parameters(change_set.proposal),
        "CreationTime": change_set.created,
        "ExecutionStatus": change_set.execution_status,
        "Status": change_set.status,
        "StatusReason": change_set.reason,
        "Changes": change_set.changes,
        "Tags": _pairs(change_set.proposal.tags, "Key", "Value"),
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        "IncludeNestedStacks": False,
    }


def template_summary(template: dict[str, Any]) -> dict[str, Any]:
    """The answer of GetTemplateSummary and ValidateTemplate."""
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": declaration.get("Default"),
            "ParameterType": declaration.get("Type", "String"),
            "NoEcho": bool(declaration.get("NoEcho")),
            "Description": declaration.get("Description"),
            "ParameterConstraints": {"AllowedValues": declaration.get("AllowedValues", [])},
        }
        for name, declaration in template.get("Parameters", {}).items()
    ]
    return {
        "Parameters": parameters,
        "Description": template.get("Description"),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "ResourceTypes": sorted({body["Type"] for body in template["Resources"].values()}),
        "Version": template.get("AWSTemplateFormatVersion"),
    }
