"""Alarms watch what is really emitted, and what they set off exists."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.alarm_definitions import Definition
from tests.infra.conftest import MODEL, Assembly, Synthesizer, Template, listed, machines, of_type, only, text
from watchkeeper import naming
from watchkeeper.errors import ConfigError
from watchkeeper.naming import AlarmKind, Metric

PUBLISHED_BY_AWS = {
    "AWS/SageMaker": {"Invocations", "Invocation5XXErrors", "ModelLatency"},
    "AWS/Lambda": {"Errors"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut"},
}


def alarms(template: Template) -> dict[str, Template]:
    return {a["Properties"]["AlarmName"]: a["Properties"] for a in of_type(template, "AWS::CloudWatch::Alarm").values()}


def metrics(alarm: Template) -> list[Template]:
    if "MetricName" in alarm:
        return [alarm]
    return [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]


def test_there_is_one_alarm_of_each_kind(shipped: Assembly) -> None:
    # given
    composite = only(shipped.model(), "AWS::CloudWatch::CompositeAlarm")
    # then
    assert {*alarms(shipped.model()), composite["AlarmName"]} == {naming.alarm(MODEL, kind) for kind in AlarmKind}


def test_every_alarm_watches_a_metric_that_somebody_emits(shipped: Assembly) -> None:
    # then
    for name, alarm in alarms(shipped.model()).items():
        for metric in metrics(alarm):
            if metric["Namespace"] == naming.NAMESPACE:
                assert metric["MetricName"] in list(Metric), name
                assert metric["Dimensions"] == [{"Name": "Model", "Value": MODEL}]
            else:
                assert metric["MetricName"] in PUBLISHED_BY_AWS[metric["Namespace"]], name


def test_every_alarm_says_what_to_do_and_how_bad_it_is(shipped: Assembly) -> None:
    # then
    for alarm in alarms(shipped.model()).values():
        assert alarm["AlarmDescription"].startswith(("[warning] ", "[critical] "))
        assert len(alarm["AlarmDescription"]) > 60


def test_points_to_alarm_fit_the_periods_and_the_periods_fit_cloudwatch(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"monitors.drift.every": "1 day"}).model()
    # then
    for alarm in alarms(template).values():
        assert 1 <= alarm["DatapointsToAlarm"] <= alarm["EvaluationPeriods"]
        period = alarm.get("Period") or max(q["MetricStat"]["Period"] for q in alarm["Metrics"] if "MetricStat" in q)
        assert period % 60 == 0
        assert period * alarm["EvaluationPeriods"] <= 86400
        assert sum("MetricStat" in query for query in alarm.get("Metrics", [])) <= 10


def test_more_points_than_periods_are_refused_by_name() -> None:
    # given
    metric = cloudwatch.Metric(namespace="n", metric_name="m")
    # then
    with pytest.raises(ConfigError, match="Alarm credit--drift: 3 of 2"):
        Definition(metric, 1, "todo", points=3, of=2).check("credit--drift")


def test_a_verdict_holds_until_the_next_one(shipped: Assembly) -> None:
    # then
    for kind in (
        AlarmKind.DRIFT,
        AlarmKind.PREDICTION_DRIFT,
        AlarmKind.SUSPECT_VERSION,
        AlarmKind.DATA_QUALITY,
        AlarmKind.BIAS,
        AlarmKind.BIAS_DRIFT,
    ):
        assert alarms(shipped.model())[naming.alarm(MODEL, kind)]["TreatMissingData"] == "ignore"


def test_without_its_alarm_the_quality_of_data_is_looked_at_all_the_same(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"monitors.data_quality.alarm": False}).model()
    # then
    of_quality = {naming.alarm(MODEL, kind) for kind in (AlarmKind.DATA_QUALITY, AlarmKind.TRAIN_SERVE_SKEW)}
    assert not of_quality & alarms(template).keys()
    assert f"{MODEL}--quality" in {
        schedule["Properties"]["Name"] for schedule in of_type(template, "AWS::Scheduler::Schedule").values()
    }


def test_where_nobody_is_sensitive_there_is_no_bias_monitor(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"input.sensitive": [], "monitors.bias": None}).model()
    # then
    of_bias = {naming.alarm(MODEL, kind) for kind in (AlarmKind.BIAS, AlarmKind.BIAS_DRIFT)}
    assert not of_bias & alarms(template).keys()
    for kind in ("AWS::Lambda::Function", "AWS::Scheduler::Schedule", "AWS::IAM::Policy"):
        assert not [name for name in of_type(template, kind) if "Bias" in name]
    assert "groups/" not in json.dumps(template)


def test_the_alarm_over_functions_and_machines_covers_them_all(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    dimension = {
        kind: {text(m["Dimensions"][0]["Value"]) for m in metrics(alarms(template)[naming.alarm(MODEL, kind)])}
        for kind in (
            AlarmKind.FUNCTION_ERRORS,
            AlarmKind.MONITOR_ERRORS,
            AlarmKind.AUTOMATION_FAILED,
            AlarmKind.DEAD_LETTERS,
        )
    }
    # then
    deciders = {name for name in functions(template) if name.startswith(("<Deciders", "<Attribution"))}
    called = " ".join(map(str, machines(template).values()))
    assert all(f"{name[:-1]}.Arn>" in called for name in deciders)  # whose failures are their machines'
    working, monitoring = dimension[AlarmKind.FUNCTION_ERRORS], dimension[AlarmKind.MONITOR_ERRORS]
    assert working | monitoring == functions(template) - deciders
    assert not working & monitoring
    assert len(dimension[AlarmKind.AUTOMATION_FAILED]) == len(machines(template))
    dead = {
        text(q["Properties"]["RedrivePolicy"]["deadLetterTargetArn"])
        for q in of_type(template, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in q["Properties"]
    }
    assert len(dimension[AlarmKind.DEAD_LETTERS]) == len(dead) + 1  # and the queue of undelivered events


def functions(template: Template) -> set[str]:
    return {f"<{name}>" for name in of_type(template, "AWS::Lambda::Function")}


def rules(template: Template) -> list[Template]:
    return [
        r["Properties"]
        for r in of_type(template, "AWS::Events::Rule").values()
        if r["Properties"]["EventPattern"]["source"] == ["aws.cloudwatch"]
    ]


def test_rules_name_alarms_that_exist(shipped: Assembly) -> None:
    # given
    existing = set(alarms(shipped.model()))
    # then
    for rule in rules(shipped.model()):
        assert set(rule["EventPattern"]["detail"]["alarmName"]) <= existing


def started_by(template: Template, kind: AlarmKind) -> list[str]:
    return [
        text(target["Arn"])
        for rule in rules(template)
        if rule["EventPattern"]["detail"]["alarmName"] == [naming.alarm(MODEL, kind)]
        and rule["EventPattern"]["detail"]["state"] == {"value": ["ALARM"]}
        for target in rule["Targets"]
    ]


def test_drift_starts_retraining_and_a_suspect_version_the_rollback(shipped: Assembly) -> None:
    # then
    assert ["Retraining" in arn for arn in started_by(shipped.model(), AlarmKind.DRIFT)] == [True]
    assert ["Rollback" in arn for arn in started_by(shipped.model(), AlarmKind.SUSPECT_VERSION)] == [True]


def test_every_trigger_that_the_file_lists_starts_the_retraining(synthesize: Synthesizer) -> None:
    # given
    wanted = ["drift", "performance", "concept_drift", "estimated_performance", "bias", "labels", "schedule"]
    template = synthesize({"retraining.triggers": wanted, "retraining.every": "30 days"}).model()
    # then
    kinds = (AlarmKind.PERFORMANCE, AlarmKind.CONCEPT_DRIFT, AlarmKind.ESTIMATED_PERFORMANCE, AlarmKind.BIAS)
    for kind in (AlarmKind.DRIFT, *kinds):
        assert ["Retraining" in arn for arn in started_by(template, kind)] == [True]
    schedules = {
        s["Properties"]["Name"]: (s["Properties"]["ScheduleExpression"], s["Properties"]["Target"]["Input"])
        for s in of_type(template, "AWS::Scheduler::Schedule").values()
    }
    by_clock = {"retrain": ("rate(30 days)", "schedule"), "retrain-on-labels": ("rate(6 hours)", "labels")}
    for name, expected in by_clock.items():
        expression, request = schedules[f"{MODEL}--{name}"]
        assert (expression, json.loads(request)["trigger"]) == expected


def test_whom_an_alarm_tells_and_what_it_starts_are_ready_before_it_can_fire(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    told = {
        name
        for name, rule in of_type(template, "AWS::Events::Rule").items()
        if rule["Properties"]["EventPattern"]["source"] == ["aws.cloudwatch"]
    }
    permissions = {
        name
        for name, permission in of_type(template, "AWS::Lambda::Permission").items()
        if permission["Properties"]["SourceArn"]["Fn::GetAtt"][0] in told
    }
    # then
    assert permissions
    for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for alarm in of_type(template, kind).values():
            assert told | permissions <= set(alarm["DependsOn"])


def test_a_rule_exists_only_once_its_role_may_start_the_machine(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    policies = of_type(template, "AWS::IAM::Policy")
    # then
    for rule in of_type(template, "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            if "RoleArn" not in target:
                continue
            role = {"Ref": target["RoleArn"]["Fn::GetAtt"][0]}
            assert {name for name, policy in policies.items() if role in policy["Properties"]["Roles"]} & set(
                rule["DependsOn"]
            )


def test_automation_that_the_file_switches_off_is_not_started(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"retraining.triggers": [], "rollback.automatic": False}).model()
    # then
    assert started_by(template, AlarmKind.DRIFT) == started_by(template, AlarmKind.SUSPECT_VERSION) == []
    assert f"{MODEL}--retraining" in machines(template)  # a person may start it


def test_every_rule_has_somewhere_to_leave_what_it_could_not_deliver(shipped: Assembly) -> None:
    # then
    for rule in of_type(shipped.model(), "AWS::Events::Rule").values():
        for target in rule["Properties"]["Targets"]:
            arn = text(target["Arn"])
            assert "DeadLetterConfig" in target or "Captured" in arn or "Undelivered" in arn  # queues of this account


@pytest.mark.parametrize(("severity", "topics"), [("warning", 2), ("critical", 1)])
def test_subscribers_get_their_models_messages_of_their_severity_and_worse(
    synthesize: Synthesizer, severity: str, topics: int
) -> None:
    # given
    address: dict[str, Any] = {"email": "ops@example.com", "severity": severity}
    template = synthesize({"alerts": [address]}).model()
    subscriptions = [s["Properties"] for s in of_type(template, "AWS::SNS::Subscription").values()]
    # then
    assert len(subscriptions) == topics
    assert "Watchkeeper-CriticalTopicArn" in {text(s["TopicArn"]) for s in subscriptions}
    assert all(s["FilterPolicy"] == {"model": [MODEL]} for s in subscriptions)


def test_a_function_that_is_told_may_be_called_by_the_topics(synthesize: Synthesizer) -> None:
    # given
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:page"
    template = synthesize({"alerts": [{"lambda": arn}]}).model()
    permissions = [
        p["Properties"]
        for p in of_type(template, "AWS::Lambda::Permission").values()
        if p["Properties"]["FunctionName"] == arn
    ]
    # then
    assert [p["Principal"] for p in permissions] == ["sns.amazonaws.com"] * 2


def test_what_runs_by_the_clock_is_told_the_time_for_which_it_was_scheduled(shipped: Assembly) -> None:
    # given
    targets = [s["Properties"]["Target"] for s in of_type(shipped.model(), "AWS::Scheduler::Schedule").values()]
    # then
    assert len(targets) >= 5
    for target in targets:
        assert json.loads(target["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
        assert target["DeadLetterConfig"]["Arn"]
        assert target["RetryPolicy"]["MaximumRetryAttempts"] >= 1


def test_captures_are_profiled_in_batches_whose_failures_are_told_apart(shipped: Assembly) -> None:
    # given
    mapping = only(shipped.model(), "AWS::Lambda::EventSourceMapping")
    queue = next(
        q["Properties"]
        for n, q in of_type(shipped.model(), "AWS::SQS::Queue").items()
        if n.startswith("CaptureCaptured")
    )
    function = next(
        f["Properties"]
        for f in of_type(shipped.model(), "AWS::Lambda::Function").values()
        if f["Properties"]["Handler"] == "lambdas.profile_capture.handler.handler"
    )
    # then
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["MaximumBatchingWindowInSeconds"] <= 5
    assert queue["VisibilityTimeout"] == 6 * function["Timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert listed(mapping["EventSourceArn"])
