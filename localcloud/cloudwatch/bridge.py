"""Put our metrics and alarms in the place of moto's, and judge the alarms at every virtual minute."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse

from localcloud.cloud import Cloud, LogLines
from localcloud.cloudwatch import notices
from localcloud.cloudwatch.alarms import Alarm, AlarmBook, Change
from localcloud.cloudwatch.embedded import read_lines
from localcloud.cloudwatch.queries import Queries
from localcloud.cloudwatch.store import MINUTE, MetricId, MetricStore, single
from localcloud.errors import DeliveryError
from localcloud.operations import ApiError, Shape, answer

log = logging.getLogger("localcloud.cloudwatch")


def install(cloud: Cloud) -> None:
    """Install CloudWatch."""
    store = MetricStore()
    cloud.publish_with = lambda namespace, name, dimensions, value, unit: store.put(
        MetricId.of(namespace, name, dimensions), cloud.clock.now(), single(value), unit
    )
    cloud.on_log_lines.append(lambda printed: _store_embedded(store, printed))
    book = AlarmBook(
        store=store,
        arn_prefix=f"arn:aws:cloudwatch:{cloud.region}:{cloud.account}:alarm:",
        now=cloud.clock.now,
        on_change=lambda change: announce(cloud, change),
        on_error=lambda name, error: report(cloud, name, error),
    )
    answer(CloudWatchResponse, "cloudwatch", {**_metric_handlers(store, cloud), **_alarm_handlers(book, cloud)})
    every_minute(cloud, book.evaluate, "alarm evaluation")


def every_minute(cloud: Cloud, action: Callable[[], None], name: str) -> None:
    """Run an action at each start of a virtual minute, whatever becomes of the run before."""

    def next_minute() -> datetime:
        now = cloud.clock.now()
        return now + timedelta(seconds=MINUTE - now.timestamp() % MINUTE)

    def tick() -> None:
        cloud.clock.at(next_minute(), tick, name)
        action()

    cloud.clock.at(next_minute(), tick, name)


def _store_embedded(store: MetricStore, printed: LogLines) -> None:
    for found in read_lines(printed.lines):
        store.put(found.metric, found.at, found.values, found.unit)


def _metric_handlers(store: MetricStore, cloud: Cloud) -> dict[str, Callable[[Shape], Shape | None]]:
    queries = Queries(store, cloud.clock.now)
    return {
        "PutMetricData": queries.put_metric_data,
        "GetMetricData": queries.get_metric_data,
        "GetMetricStatistics": queries.get_metric_statistics,
        "ListMetrics": queries.list_metrics,
    }


def _alarm_handlers(book: AlarmBook, cloud: Cloud) -> dict[str, Callable[[Shape], Shape | None]]:
    def put(request: Shape, make: Callable[[Shape], None]) -> None:
        make(request)
        if request.get("Tags"):
            tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
            cloudwatch_backends[cloud.account][cloud.region].tagger.tag_resource(
                book.arn_prefix + request["AlarmName"], [{"Key": key, "Value": value} for key, value in tags.items()]
            )

    def set_state(request: Shape) -> None:
        book.set_state(
            request["AlarmName"], request["StateValue"], request["StateReason"], request.get("StateReasonData", "")
        )

    return {
        "PutMetricAlarm": lambda request: put(request, book.put_metric_alarm),
        "PutCompositeAlarm": lambda request: put(request, book.put_composite_alarm),
        "DescribeAlarms": lambda request: _described(_selected(book, request), request),
        "DescribeAlarmsForMetric": lambda request: {
            "MetricAlarms": [alarm.as_api() for alarm in book.find() if _watches(alarm, request)]
        },
        "DeleteAlarms": lambda request: book.delete(request["AlarmNames"]),
        "SetAlarmState": set_state,
        "EnableAlarmActions": lambda request: book.enable_actions(request["AlarmNames"], True),
        "DisableAlarmActions": lambda request: book.enable_actions(request["AlarmNames"], False),
    }


def _selected(book: AlarmBook, request: Shape) -> list[Alarm]:
    alarms = book.find(request["AlarmNames"] if request.get("AlarmNames") else None)
    if "ActionPrefix" in request or "ChildrenOfAlarmName" in request or "ParentsOfAlarmName" in request:
        raise ApiError("ValidationError", "DescribeAlarms selects only by names, AlarmNamePrefix and StateValue here.")
    prefix, state = request.get("AlarmNamePrefix", ""), request.get("StateValue")
    return [alarm for alarm in alarms if alarm.name.startswith(prefix) and state in (None, alarm.standing.value)]


def _described(alarms: list[Alarm], request: Shape) -> Shape:
    # CloudWatch shows composite alarms only to those who ask for them.
    types = request.get("AlarmTypes") or ["MetricAlarm"]
    metric = [alarm.as_api() for alarm in alarms if alarm.rule is None and "MetricAlarm" in types]
    composite = [alarm.as_api() for alarm in alarms if alarm.rule is not None and "CompositeAlarm" in types]
    return {"MetricAlarms": metric, "CompositeAlarms": composite}


def _watches(alarm: Alarm, request: Shape) -> bool:
    definition = alarm.definition
    return "MetricName" in definition and MetricId.from_api(definition) == MetricId.from_api(request)


def announce(cloud: Cloud, change: Change) -> None:
    """Tell the timeline, EventBridge and the alarm's actions of a change of state."""
    alarm = change.alarm
    cloud.note("alarm", alarm.name, state=change.after.value, previous=change.before.value, reason=change.after.reason)
    cloud.emit("aws.cloudwatch", "CloudWatch Alarm State Change", notices.event_detail(change), [alarm.arn])
    for target in alarm.actions(change.after.value) if alarm.actions_enabled else []:
        cloud.clock.spawn(functools.partial(_act, cloud, change, target), f"action of alarm {alarm.name}")


def _act(cloud: Cloud, change: Change, target: str) -> None:
    service = target.split(":")[2]
    try:
        if service == "sns":
            body = json.dumps(notices.message(change, cloud.account, cloud.region), default=str)
            title = notices.subject(change, cloud.region)
            cloud.deliver(target, body, by="cloudwatch.amazonaws.com", source_arn=change.alarm.arn, subject=title[:100])
        elif service == "lambda":
            body = json.dumps(notices.lambda_payload(change, cloud.account, cloud.region), default=str)
            cloud.deliver(target, body, by="lambda.alarms.cloudwatch.amazonaws.com", source_arn=change.alarm.arn)
        else:
            raise DeliveryError(f"Alarm action {target} is not simulated: use an SNS topic or a Lambda function.")
    except DeliveryError as error:
        report(cloud, change.alarm.name, error)


def report(cloud: Cloud, alarm: str, error: Exception) -> None:
    """Put an alarm's failure on the timeline and in the log."""
    log.error("alarm %s: %s", alarm, error)
    cloud.note("background-error", alarm, error=f"{type(error).__name__}: {error}")
