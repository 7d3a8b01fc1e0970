"""What finds out what a model goes by: it can be left out, is no traffic, and keeps captured rows for a day."""

from __future__ import annotations

import json

import pytest

from tests.infra.conftest import MODEL, Assembly, Synthesizer, listed, machines, of_type, only, text
from watchkeeper import naming
from watchkeeper.errors import ConfigError
from watchkeeper.naming import AlarmKind


def test_it_can_be_left_out_whole(synthesize: Synthesizer) -> None:
    # given
    template = synthesize({"monitors.attribution.enabled": False}).model()
    # then
    assert f"{MODEL}--attribution" not in machines(template)
    assert "attribution/" not in json.dumps(template)
    names = {alarm["Properties"]["AlarmName"] for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()}
    assert naming.alarm(MODEL, AlarmKind.ATTRIBUTION_DRIFT) not in names


def test_requests_that_explain_too_few_rows_are_refused_with_how_many_would_do(synthesize: Synthesizer) -> None:
    # given 8 features, of which a row takes 61 requests
    with pytest.raises(ConfigError, match=r"explains 49 rows of 8 features; a verdict needs 50. Set it to 3050,"):
        synthesize({"monitors.attribution.requests": 3049})
    # then
    assert synthesize({"monitors.attribution.requests": 3050}).model()


def test_what_it_asks_is_not_captured(shipped: Assembly) -> None:
    # given
    ask = machines(shipped.model())[f"{MODEL}--attribution"]["States"]["Ask"]
    # then
    assert ask["Resource"].endswith("createTransformJob.sync")
    assert "DataCaptureConfig" not in ask["Parameters"]
    assert ask["Parameters"]["TransformOutput"]["KmsKeyId"]


def test_what_models_were_asked_is_kept_for_a_day(shipped: Assembly) -> None:
    # given
    bucket = of_type(shipped.platform, "AWS::S3::Bucket")["Data666C94C7"]["Properties"]
    rules = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule.get("Prefix") == "attribution/"]
    # then
    assert [rule["ExpirationInDays"] for rule in rules] == [1]
    assert [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules] == [1]


def test_it_follows_the_machines_that_let_versions_serve(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    (rule,) = [
        rule["Properties"]
        for rule in of_type(template, "AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"]["source"] == ["aws.states"]
    ]
    # then
    assert rule["EventPattern"]["detail"]["status"] == ["SUCCEEDED"]
    watched = " ".join(map(text, rule["EventPattern"]["detail"]["stateMachineArn"]))
    assert "Onboarding" in watched
    assert "Rollout" in watched
    assert [target["Input"] for target in rule["Targets"]] == ["{}"]


def test_a_failed_explanation_is_no_failed_execution(shipped: Assembly) -> None:
    # given
    states = machines(shipped.model())[f"{MODEL}--attribution"]["States"]
    # then
    (rule,) = states["Failed"]["Choices"]
    assert rule["Variable"] == "$.request.explain"
    assert states[rule["Next"]]["Type"] == "Succeed"
    assert states[states["Failed"]["Default"]]["Type"] == "Fail"


def test_the_schedule_may_start_its_machine_and_no_other(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    schedules = of_type(template, "AWS::Scheduler::Schedule").values()
    (target,) = [s["Properties"]["Target"] for s in schedules if s["Properties"]["Name"] == f"{MODEL}--attribution"]
    # then
    assert "Attribution" in text(target["Arn"])
    role = text(target["RoleArn"]).strip("<>").removesuffix(".Arn")
    (policy,) = [
        policy["Properties"]["PolicyDocument"]
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if [text(r) for r in policy["Properties"]["Roles"]] == [f"<{role}>"]
    ]
    starts = [s["Resource"] for s in policy["Statement"] if s["Action"] == "states:StartExecution"]
    assert [text(resource) for resource in starts] == [text(target["Arn"])]
    assert only(template, "AWS::Scheduler::ScheduleGroup")["Name"] == f"{MODEL}--monitors"


EXACT = {"monitors.attribution.method": "exact", "endpoint.create.environment": {"THREADS": "2"}}


def test_a_job_explains_first_and_whatever_it_fails_of_is_sampled(synthesize: Synthesizer) -> None:
    # given
    states = machines(synthesize(EXACT).model())[f"{MODEL}--attribution"]["States"]
    # then
    assert [rule["Next"] for rule in states["Due?"]["Choices"]] == ["Explain", "Ask"]
    (caught,) = states["Explain"]["Catch"]
    assert (caught["ErrorEquals"], caught["Next"], caught["ResultPath"]) == (["States.ALL"], "Plan", "$.inexact")
    assert states["More?"]["Choices"][0]["Next"] == "Refused"
    assert states["Refused"]["Next"] == "Plan"
    assert states["Plan"]["Parameters"]["Payload"]["inexact.$"] == "$.inexact"
    assert states["Begin"]["Parameters"]["inexact"] == {"Error": "", "Cause": ""}


def test_the_job_runs_our_script_in_the_container_of_the_version_on_the_instance_that_trains(
    synthesize: Synthesizer,
) -> None:
    # given
    states = machines(synthesize(EXACT).model())[f"{MODEL}--attribution"]["States"]
    job = states["Explain"]["Parameters"]
    # then
    assert job["AlgorithmSpecification"]["TrainingImage.$"] == "$.plan.image"
    assert job["HyperParameters"]["sagemaker_program"] == "explain.py"
    model, question = (channel["DataSource"]["S3DataSource"]["S3Uri.$"] for channel in job["InputDataConfig"])
    assert model == "$.plan.artefact"
    assert question.endswith("{}/question.json', $.plan.run)")
    assert job["OutputDataConfig"]["KmsKeyId"]
    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200}
    assert job["EnableManagedSpotTraining"]
    assert job["Environment"] == {"THREADS": "2"}


def test_the_role_of_the_job_reads_artefacts_and_questions_and_writes_answers_alone(synthesize: Synthesizer) -> None:
    # given
    template = synthesize(EXACT).model()
    (policy,) = [
        policy["Properties"]["PolicyDocument"]["Statement"]
        for name, policy in of_type(template, "AWS::IAM::Policy").items()
        if name.startswith("AttributionExplainerRole")
    ]
    touched: dict[str, set[str]] = {}
    for statement in policy:
        for action in listed(statement["Action"]):
            touched.setdefault(action, set()).update(
                text(each).rpartition("/")[0] for each in listed(statement["Resource"])
            )
    # then
    data = {name.split(":::", 1)[1].split("/", 1)[-1] for name in touched["s3:GetObject"] if "Watchkeeper" in name}
    assert data == {f"training/{MODEL}/*", f"attribution/{MODEL}"}
    assert {name.split(":::", 1)[1].split("/", 1)[-1] for name in touched["s3:PutObject"]} == {
        f"attribution/{MODEL}/*/exact"
    }
    assert not [action for action in touched if action.startswith(("dynamodb:", "sagemaker:", "lambda:", "iam:"))]


def test_without_exact_values_there_is_no_such_job(shipped: Assembly) -> None:
    # given
    template = shipped.model()
    # then
    assert "Explain" not in machines(template)[f"{MODEL}--attribution"]["States"]
    assert not [name for name in template["Resources"] if "Explainer" in name]
