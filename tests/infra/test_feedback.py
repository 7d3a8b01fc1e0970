"""The feedback API: one guarded, throttled, logged route, and nothing at all for a model that does not ask for it."""

from __future__ import annotations

import json

import pytest

from tests.infra.conftest import MODEL, Assembly, Synthesizer, Template, listed, of_type, only, statements, text

GATEWAY = "AWS::ApiGatewayV2::"


@pytest.fixture(scope="module")
def signed(synthesize: Synthesizer) -> Template:
    return synthesize({"labels": {"feedback_api": {"rate": 20, "burst": 40}}}).model()


@pytest.fixture(scope="module")
def keyed(synthesize: Synthesizer) -> Template:
    return synthesize({"labels": {"feedback_api": {"auth": "key"}}}).model()


def function(template: Template, name: str) -> Template:
    functions = of_type(template, "AWS::Lambda::Function").values()
    (found,) = (f["Properties"] for f in functions if f["Properties"]["FunctionName"] == f"{MODEL}--{name}")
    return dict(found)


def granted(template: Template, name: str) -> set[str]:
    """Actions of a function's role, but for logs and traces."""
    role = text(function(template, name)["Role"]).strip("<>").removesuffix(".Arn")
    policies = {
        policy
        for policy, item in of_type(template, "AWS::IAM::Policy").items()
        if role in [text(r).strip("<>") for r in item["Properties"]["Roles"]]
    }
    actions = {a for policy, s in statements(template) if policy in policies for a in listed(s["Action"])}
    return {action for action in actions if not action.startswith(("logs:", "xray:"))}


def test_a_model_that_does_not_ask_for_it_has_no_api_and_no_secret(shipped: Assembly) -> None:
    # then
    types = {resource["Type"] for resource in shipped.model()["Resources"].values()}
    assert not {kind for kind in types if kind.startswith((GATEWAY, "AWS::SecretsManager"))}


def test_labels_can_be_posted_and_nothing_else_can_be_done(signed: Template) -> None:
    # then
    assert only(signed, f"{GATEWAY}Route")["RouteKey"] == "POST /labels"
    assert only(signed, f"{GATEWAY}Integration")["PayloadFormatVersion"] == "2.0"


def test_callers_sign_with_aws_credentials_unless_the_file_asks_for_a_key(signed: Template, keyed: Template) -> None:
    # then
    assert only(signed, f"{GATEWAY}Route")["AuthorizationType"] == "AWS_IAM"
    assert not of_type(signed, f"{GATEWAY}Authorizer")
    assert only(keyed, f"{GATEWAY}Route")["AuthorizationType"] == "CUSTOM"
    authorizer = only(keyed, f"{GATEWAY}Authorizer")
    assert (authorizer["EnableSimpleResponses"], authorizer["IdentitySource"]) == (True, ["$request.header.x-api-key"])


def test_the_key_is_generated_encrypted_and_in_no_template(keyed: Template) -> None:
    # given
    secret = only(keyed, "AWS::SecretsManager::Secret")
    # then
    assert secret["GenerateSecretString"]["PasswordLength"] == 40
    assert text(secret["KmsKeyId"]) == "Watchkeeper-KeyArn"
    assert set(function(keyed, "authorize-labels")["Environment"]["Variables"]) & {"SECRET_ARN", "KEY"} == {
        "SECRET_ARN"
    }


def test_the_stage_throttles_and_logs_who_called_but_no_body(signed: Template) -> None:
    # given
    stage = only(signed, f"{GATEWAY}Stage")
    group = of_type(signed, "AWS::Logs::LogGroup")[text(stage["AccessLogSettings"]["DestinationArn"])[1:-5]]
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    # then
    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 20, "ThrottlingBurstLimit": 40}
    assert group["Properties"]["RetentionInDays"] == 90
    assert {"$context.status", "$context.identity.sourceIp"} <= set(logged.values())
    assert not [value for value in logged.values() if "body" in value or "header" in value]


def test_what_receives_labels_may_write_them_and_read_nothing(signed: Template) -> None:
    # then
    assert granted(signed, "receive-labels") == {"s3:PutObject", "kms:Decrypt", "kms:GenerateDataKey"}
    written = [
        text(resource)
        for policy, s in statements(signed)
        if "ReceiveLabels" in policy and "s3:PutObject" in listed(s["Action"])
        for resource in listed(s["Resource"])
    ]
    assert written == [f"arn:aws:s3:::Watchkeeper-DataBucketName/labels/{MODEL}/*"]


def test_what_looks_at_keys_may_read_the_one_secret(keyed: Template) -> None:
    # then
    assert granted(keyed, "authorize-labels") == {"secretsmanager:GetSecretValue", "kms:Decrypt"}


def test_outputs_say_where_labels_go_and_where_the_key_is(signed: Template, keyed: Template) -> None:
    # then
    assert text(signed["Outputs"]["FeedbackUrl"]["Value"]).endswith(".ApiEndpoint>/labels")
    assert "FeedbackKeyArn" not in signed["Outputs"]
    assert "FeedbackKeyArn" in keyed["Outputs"]


def test_the_alarm_over_failing_functions_watches_them(keyed: Template) -> None:
    # given
    alarms = of_type(keyed, "AWS::CloudWatch::Alarm").values()
    (alarm,) = (a["Properties"] for a in alarms if a["Properties"]["AlarmName"] == f"{MODEL}--function-errors")
    # then
    watched = json.dumps(alarm["Metrics"])
    for name in ("ReceiveLabels", "AuthorizeLabels"):
        assert name in watched
