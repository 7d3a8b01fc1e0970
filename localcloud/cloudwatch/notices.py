"""What an alarm sends when its state changes, spelled as CloudWatch spells it: messages, events, Lambda payloads."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from localcloud.cloudwatch.alarms import Alarm, Change, Standing, timestamp
from localcloud.operations import Shape

_REGION_TITLES = {"us-east-1": "US East (N. Virginia)"}
_MATH_NAMESPACE = uuid.UUID("5a3c9f0e-6f5b-4f0e-9b44-2f5f6c1f5d10")


def subject(change: Change, region: str) -> str:
    """Return the subject of the SNS message."""
    return f'{change.after.value}: "{change.alarm.name}" in {_REGION_TITLES.get(region, region)}'


def message(change: Change, account: str, region: str) -> Shape:
    """Return the SNS message."""
    alarm, definition = change.alarm, change.alarm.definition
    shown = {
        "AlarmName": alarm.name,
        "AlarmDescription": definition.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.configured),
        "NewStateValue": change.after.value,
        "NewStateReason": change.after.reason,
        "StateChangeTime": timestamp(change.after.updated),
        "Region": _REGION_TITLES.get(region, region),
        "AlarmArn": alarm.arn,
        "OldStateValue": change.before.value,
        "OKActions": definition.get("OKActions", []),
        "AlarmActions": definition.get("AlarmActions", []),
        "InsufficientDataActions": definition.get("InsufficientDataActions", []),
    }
    return shown | ({"AlarmRule": definition["AlarmRule"]} if alarm.rule else {"Trigger": _trigger(definition)})


def _trigger(definition: Mapping[str, Any]) -> Shape:
    shared = {
        "Period": int(definition.get("Period", 60)),
        "EvaluationPeriods": int(definition["EvaluationPeriods"]),
        "DatapointsToAlarm": int(definition.get("DatapointsToAlarm", definition["EvaluationPeriods"])),
        "ComparisonOperator": definition["ComparisonOperator"],
        "Threshold": float(definition["Threshold"]),
        "TreatMissingData": definition.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": definition.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in definition:
        return shared | {"Metrics": definition["Metrics"]}
    extended = "ExtendedStatistic" in definition
    return shared | {
        "MetricName": definition["MetricName"],
        "Namespace": definition["Namespace"],
        "StatisticType": "ExtendedStatistic" if extended else "Statistic",
        "Statistic": definition["ExtendedStatistic"] if extended else definition["Statistic"].upper(),
        "Unit": definition.get("Unit"),
        "Dimensions": [{"value": d["Value"], "name": d["Name"]} for d in definition.get("Dimensions", [])],
    }


def event_detail(change: Change) -> Shape:
    """Return the detail of the EventBridge event "CloudWatch Alarm State Change"."""
    return {
        "alarmName": change.alarm.name,
        "state": _standing(change.after),
        "previousState": _standing(change.before),
        "configuration": _configuration(change.alarm),
    }


def lambda_payload(change: Change, account: str, region: str) -> Shape:
    """Return what a Lambda function that is an alarm's action is invoked with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": change.alarm.arn,
        "accountId": account,
        "time": timestamp(change.after.updated),
        "region": region,
        "alarmData": event_detail(change),
    }


def _standing(standing: Standing) -> Shape:
    shown = {"value": standing.value, "reason": standing.reason, "timestamp": timestamp(standing.updated)}
    return shown | ({"reasonData": standing.data} if standing.data else {})


def _configuration(alarm: Alarm) -> Shape:
    definition = alarm.definition
    described = {"description": definition["AlarmDescription"]} if "AlarmDescription" in definition else {}
    if alarm.rule is not None:
        return described | {"alarmRule": definition["AlarmRule"]}
    if "Metrics" in definition:
        return described | {"metrics": [_metric(query) for query in definition["Metrics"]]}
    statistic = definition.get("Statistic") or definition["ExtendedStatistic"]
    query = {
        "Id": str(uuid.uuid5(_MATH_NAMESPACE, alarm.arn)),
        "MetricStat": {"Metric": definition, "Period": definition["Period"], "Stat": statistic},
    }
    return described | {"metrics": [_metric(query)]}


def _metric(query: Mapping[str, Any]) -> Shape:
    shown: Shape = {"id": query["Id"], "returnData": bool(query.get("ReturnData", True))}
    if "Label" in query:
        shown["label"] = query["Label"]
    if "Expression" in query:
        return shown | {"expression": query["Expression"]}
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {entry["Name"]: entry["Value"] for entry in stat["Metric"].get("Dimensions", [])},
    }
    return shown | {"metricStat": {"metric": metric, "period": int(stat["Period"]), "stat": stat["Stat"]}}
