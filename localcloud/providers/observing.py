"""AWS::CloudWatch::* and AWS::Logs::*."""

from __future__ import annotations

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, text


def _put_alarm(aws: Aws, properties: Properties) -> Existing:
    aws.call("cloudwatch", "put_metric_alarm", properties)
    return _alarm(aws, properties)


def _put_composite_alarm(aws: Aws, properties: Properties) -> Existing:
    aws.call("cloudwatch", "put_composite_alarm", properties)
    return _alarm(aws, properties)


def _alarm(aws: Aws, properties: Properties) -> Existing:
    name = properties["AlarmName"]
    return Existing(name, properties, {"Arn": aws.arn("cloudwatch", f"alarm:{name}")})


def _delete_alarm(aws: Aws, alarm: Existing) -> None:
    aws.client("cloudwatch").delete_alarms(AlarmNames=[alarm.physical_id])


def _put_dashboard(aws: Aws, properties: Properties) -> Existing:
    aws.call("cloudwatch", "put_dashboard", {**properties, "DashboardBody": text(properties["DashboardBody"])})
    return Existing(properties["DashboardName"], properties)


def _create_log_group(aws: Aws, properties: Properties) -> Existing:
    name = properties["LogGroupName"]
    aws.call(
        "logs",
        "create_log_group",
        properties,
        ignore=("RetentionInDays",),
    )
    arn = aws.arn("logs", f"log-group:{name}:*")
    return _set_retention(aws, Existing(name, properties, {"Arn": arn}), properties)


def _set_retention(aws: Aws, group: Existing, properties: Properties) -> Existing:
    logs, name = aws.client("logs"), group.physical_id
    if "RetentionInDays" in properties:
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(properties["RetentionInDays"]))
    elif "RetentionInDays" in group.properties:
        logs.delete_retention_policy(logGroupName=name)
    return Existing(name, properties, group.attributes)


def _put_resource_policy(aws: Aws, properties: Properties) -> Existing:
    name = properties["PolicyName"]
    aws.client("logs").put_resource_policy(policyName=name, policyDocument=text(properties["PolicyDocument"]))
    return Existing(name, properties)


TYPES = (
    ResourceType(
        "AWS::CloudWatch::Alarm",
        create=_put_alarm,
        update=lambda aws, _, properties: _put_alarm(aws, properties),
        delete=_delete_alarm,
        name="AlarmName",
        name_limit=255,
    ),
    ResourceType(
        "AWS::CloudWatch::CompositeAlarm",
        create=_put_composite_alarm,
        update=lambda aws, _, properties: _put_composite_alarm(aws, properties),
        delete=_delete_alarm,
        name="AlarmName",
        name_limit=255,
    ),
    ResourceType(
        "AWS::CloudWatch::Dashboard",
        create=_put_dashboard,
        update=lambda aws, _, properties: _put_dashboard(aws, properties),
        delete=lambda aws, it: aws.client("cloudwatch").delete_dashboards(DashboardNames=[it.physical_id]),
        name="DashboardName",
        name_limit=255,
    ),
    ResourceType(
        "AWS::Logs::LogGroup",
        create=_create_log_group,
        update=_set_retention,
        delete=lambda aws, it: aws.client("logs").delete_log_group(logGroupName=it.physical_id),
        name="LogGroupName",
        name_limit=512,
    ),
    ResourceType(
        "AWS::Logs::ResourcePolicy",
        create=_put_resource_policy,
        update=lambda aws, _, properties: _put_resource_policy(aws, properties),
        delete=lambda aws, it: aws.client("logs").delete_resource_policy(policyName=it.physical_id),
        name="PolicyName",
    ),
)
