"""CloudWatch as a client sees it: alarms judged each virtual minute, what they send, metrics read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from inprocess import Embedded, embedded

from localcloud.cloud import Cloud

TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.fixture
def found(tmp_path: Any) -> Iterator[Embedded]:
    with embedded(tmp_path / "home", "cloudwatch") as running:
        yield running


def minutes(cloud: Cloud, count: float) -> None:
    cloud.clock.advance(cloud.clock.now() + timedelta(minutes=count))


def put_alarm(cloud: Cloud, name: str, **changes: Any) -> None:
    definition = {
        "AlarmName": name,
        "Namespace": "N",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "Model", "Value": "m"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    cloud.client("cloudwatch").put_metric_alarm(**{**definition, **changes})


def put_errors(cloud: Cloud, value: float) -> None:
    cloud.publish_metric("N", "Errors", {"Model": "m"}, value, "Count")


def state(cloud: Cloud, name: str) -> str:
    answer = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    (alarm,) = answer["MetricAlarms"] + answer["CompositeAlarms"]
    return str(alarm["StateValue"])


def test_an_alarm_starts_without_data_then_follows_its_metric(found: Embedded) -> None:
    # given
    put_alarm(found.cloud, "errors", AlarmActions=[TOPIC, FUNCTION], OKActions=[TOPIC], AlarmDescription="why")
    before = state(found.cloud, "errors")
    minutes(found.cloud, 1)
    quiet = state(found.cloud, "errors")
    # when
    put_errors(found.cloud, 2.0)
    minutes(found.cloud, 1)
    loud = state(found.cloud, "errors")
    minutes(found.cloud, 5)
    # then
    assert (before, quiet, loud, state(found.cloud, "errors")) == ("INSUFFICIENT_DATA", "OK", "ALARM", "OK")
    assert [entry["state"] for entry in found.kinds("alarm")] == ["OK", "ALARM", "OK"]
    assert {(d.arn, d.by) for d in found.deliveries} == {
        (TOPIC, "cloudwatch.amazonaws.com"),
        (FUNCTION, "lambda.alarms.cloudwatch.amazonaws.com"),
    }


def test_a_change_of_state_sends_what_cloudwatch_sends(found: Embedded) -> None:
    # given
    put_alarm(found.cloud, "errors", AlarmActions=[TOPIC], AlarmDescription="why")
    put_errors(found.cloud, 2.0)
    # when
    minutes(found.cloud, 1)
    # then
    (delivery,) = found.deliveries
    message = json.loads(delivery.body)
    assert delivery.subject == 'ALARM: "errors" in US East (N. Virginia)'
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "INSUFFICIENT_DATA")
    assert message["Trigger"]["Dimensions"] == [{"value": "m", "name": "Model"}]
    (event,) = found.events
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    detail = event["detail"]
    assert (detail["alarmName"], detail["state"]["value"]) == ("errors", "ALARM")
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    assert detail["configuration"]["description"] == "why"
    assert detail["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] == {"Model": "m"}
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [2.0]
    assert "was greater than or equal to the threshold (1)" in detail["state"]["reason"]


def test_an_alarm_with_its_actions_off_changes_state_and_tells_events_but_acts_on_nothing(found: Embedded) -> None:
    # given
    put_alarm(found.cloud, "errors", AlarmActions=[TOPIC])
    found.cloud.client("cloudwatch").disable_alarm_actions(AlarmNames=["errors"])
    # when
    found.cloud.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    found.cloud.clock.settle()
    # then
    assert found.deliveries == []
    assert len(found.events) == 1


def test_setting_a_state_acts_and_moves_composite_alarms(found: Embedded) -> None:
    # given
    client = found.cloud.client("cloudwatch")
    put_alarm(found.cloud, "a")
    put_alarm(found.cloud, "b")
    client.put_composite_alarm(AlarmName="both", AlarmRule='ALARM("a") AND ALARM("b")', AlarmActions=[TOPIC])
    client.put_composite_alarm(AlarmName="over", AlarmRule="ALARM(both)")
    # when
    client.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="test")
    first = state(found.cloud, "both")
    client.set_alarm_state(AlarmName="b", StateValue="ALARM", StateReason="test")
    found.cloud.clock.settle()
    # then
    assert (first, state(found.cloud, "both"), state(found.cloud, "over")) == ("OK", "ALARM", "ALARM")
    assert [delivery.arn for delivery in found.deliveries] == [TOPIC]


def test_metric_math_alarms_are_computed_from_their_own_queries(found: Embedded) -> None:
    # given
    def query(name: str) -> dict[str, Any]:
        metric = {"Namespace": "N", "MetricName": name, "Dimensions": []}
        return {"Id": name.lower(), "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    found.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="share",
        Metrics=[query("Bad"), query("All"), {"Id": "share", "Expression": "FILL(bad, 0) / all", "ReturnData": True}],
        EvaluationPeriods=1,
        Threshold=0.5,
        ComparisonOperator="GreaterThanThreshold",
    )
    # when
    found.cloud.publish_metric("N", "All", {}, 10, "Count")
    minutes(found.cloud, 1)
    healthy = state(found.cloud, "share")
    found.cloud.publish_metric("N", "Bad", {}, 8, "Count")
    found.cloud.publish_metric("N", "All", {}, 10, "Count")
    minutes(found.cloud, 1)
    # then
    assert (healthy, state(found.cloud, "share")) == ("OK", "ALARM")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Statistic": "TM(10%:90%)"}, "Statistic|statistic"),
        ({"Period": 10}, "period"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm"),
        ({"ThresholdMetricId": "band"}, "ThresholdMetricId"),
        ({"ComparisonOperator": "LessThanLowerThreshold"}, "ComparisonOperator"),
    ],
)
def test_an_alarm_that_could_never_be_judged_is_refused(found: Embedded, change: dict[str, Any], told: str) -> None:
    # given / when / then
    with pytest.raises(Exception, match=told):
        put_alarm(found.cloud, "broken", **change)


def test_an_alarm_that_fails_stays_on_the_timeline_and_does_not_stop_the_others(found: Embedded) -> None:
    # given
    def series(name: str) -> dict[str, Any]:
        metric = {"Namespace": "N", "MetricName": name, "Dimensions": []}
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    found.cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="many",
        Metrics=[series("a"), {"Id": "x", "Expression": "METRICS()"}],
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    put_alarm(found.cloud, "errors")
    # when
    minutes(found.cloud, 1)
    # then
    assert state(found.cloud, "errors") == "OK"
    assert any(entry["subject"] == "many" for entry in found.kinds("background-error"))


def test_metrics_embedded_in_log_lines_are_stored_under_their_own_time(found: Embedded) -> None:
    # given
    at = found.cloud.clock.now() - timedelta(hours=2)
    line = json.dumps(
        {
            "_aws": {
                "Timestamp": int(at.timestamp() * 1000),
                "CloudWatchMetrics": [
                    {"Namespace": "E", "Dimensions": [["Model"]], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}
                ],
            },
            "Model": "m",
            "Rows": [1, 2, 3],
        }
    )
    # when
    found.cloud.log_lines("/group", "stream", ["plain", line, '{"_aws": 1}'])
    # then
    client = found.cloud.client("cloudwatch")
    dimensions = [{"Name": "Model", "Value": "m"}]
    answer = client.get_metric_statistics(
        Namespace="E",
        MetricName="Rows",
        Dimensions=dimensions,
        StartTime=at - timedelta(minutes=2),
        EndTime=at + timedelta(minutes=2),
        Period=60,
        Statistics=["Sum", "SampleCount"],
        ExtendedStatistics=["p50"],
    )
    (point,) = answer["Datapoints"]
    assert (point["Sum"], point["SampleCount"], point["ExtendedStatistics"]["p50"]) == (6.0, 3.0, 2.0)
    assert client.list_metrics(Namespace="E")["Metrics"] == [
        {"Namespace": "E", "MetricName": "Rows", "Dimensions": dimensions}
    ]


def test_get_metric_data_computes_math_and_leaves_namespaces_apart(found: Embedded) -> None:
    # given
    client, now = found.cloud.client("cloudwatch"), found.cloud.clock.now()
    for namespace, value in (("N", 4.0), ("Other", 100.0)):
        client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "m", "Value": value}])
    metric = {"Namespace": "N", "MetricName": "m", "Dimensions": []}
    # when
    answer = client.get_metric_data(
        StartTime=now - timedelta(minutes=2),
        EndTime=now + timedelta(minutes=1),
        MetricDataQueries=[
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Average"}, "ReturnData": False},
            {"Id": "twice", "Expression": "m * 2"},
        ],
    )
    # then
    (result,) = answer["MetricDataResults"]
    assert (result["Id"], result["Values"]) == ("twice", [8.0])


def test_fifty_alarms_are_judged_through_a_whole_day(found: Embedded) -> None:
    # given
    for number in range(50):
        put_alarm(found.cloud, f"alarm-{number:02d}", Period=300)
    put_errors(found.cloud, 5.0)
    # when
    minutes(found.cloud, 24 * 60)
    # then
    assert [entry["state"] for entry in found.kinds("alarm")] == ["ALARM"] * 50 + ["OK"] * 50
