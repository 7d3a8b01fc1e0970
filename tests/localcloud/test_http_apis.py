"""HTTP APIs: a deployed route answers whom it should, at the pace that its stage allows, and says so in its log."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cloud_templates import allow, create, describe, entries, function, outputs, role, update
from test_iam import ANYONE

from localcloud.client import LocalCloud
from localcloud.cloud import ADMIN_KEY, ADMIN_SECRET
from localcloud.http_apis import TokenBucket

ECHO = """
import json
def handler(event, context):
    body = event.get("body")
    if body == "fail":
        raise ValueError("no")
    if body == "plain":
        return {"took": "it"}
    if body == "short":
        return {"statusCode": "202", "body": "IjEi", "isBase64Encoded": True}
    if body == "odd":
        return {"statusCode": 99}
    return {"statusCode": 201, "headers": {"X-Seen": "yes"}, "body": json.dumps(event)}
"""
AUTHORIZER = """
def handler(event, context):
    print("asked")
    if event["identitySource"] == ["odd"]:
        return {"nothing": True}
    return {"isAuthorized": event["identitySource"] == ["right"], "context": {"who": "me"}}
"""
FORMAT = (
    '{"status": "$context.status", "route": "$context.routeKey", "why": "$context.error.message", "x": "$context.y"}'
)


def it(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties}


def part(kind: str, **properties: Any) -> dict[str, Any]:
    return it(f"AWS::ApiGatewayV2::{kind}", ApiId={"Ref": "Api"}, **properties)


def permission(name: str, resource: str) -> dict[str, Any]:
    return it(
        "AWS::Lambda::Permission",
        Action="lambda:InvokeFunction",
        FunctionName={"Ref": name},
        Principal="apigateway.amazonaws.com",
        SourceArn={"Fn::Sub": f"arn:aws:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/{resource}"},
    )


def api(route: Mapping[str, Any] = {}, throttling: Mapping[str, Any] = {}, **more: Any) -> dict[str, Any]:
    """A template with one route, to a function that answers with its event."""
    resources = {
        "Role": role("lambda.amazonaws.com"),
        "Echo": function(ECHO),
        "MayEcho": permission("Echo", "*/*/things"),
        "Group": it("AWS::Logs::LogGroup"),
        "Api": it("AWS::ApiGatewayV2::Api", Name="things", ProtocolType="HTTP"),
        "Integration": part(
            "Integration",
            IntegrationType="AWS_PROXY",
            IntegrationUri={"Fn::GetAtt": ["Echo", "Arn"]},
            PayloadFormatVersion="2.0",
        ),
        "Route": part(
            "Route",
            RouteKey="POST /things",
            Target={"Fn::Join": ["", ["integrations/", {"Ref": "Integration"}]]},
            **route,
        ),
        "Stage": part(
            "Stage",
            StageName="$default",
            AutoDeploy=True,
            AccessLogSettings={"DestinationArn": {"Fn::GetAtt": ["Group", "Arn"]}, "Format": FORMAT},
            **({"DefaultRouteSettings": dict(throttling)} if throttling else {}),
        ),
        **more,
    }
    shown = {"Url": {"Value": {"Fn::GetAtt": ["Api", "ApiEndpoint"]}}, "Group": {"Value": {"Ref": "Group"}}}
    return {"Resources": resources, "Outputs": shown}


def deployed(local: LocalCloud, name: str, template: dict[str, Any]) -> dict[str, str]:
    stack = create(local, name, template)
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason")
    return outputs(stack)


def send(
    url: str, body: bytes = b"{}", method: str = "POST", content_type: str = "application/json", **headers: str
) -> tuple[int, Any]:
    """Status and body of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, {"content-type": content_type, **named}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def signed(url: str, key: str, secret: str, token: str | None = None, body: bytes = b"{}") -> dict[str, str]:
    """The headers that sign a request."""
    request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=body)
    SigV4Auth(Credentials(key, secret, token), "execute-api", "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "content-type"}


def logged(local: LocalCloud, group: str) -> list[dict[str, str]]:
    events = local.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events]


def test_a_function_is_told_of_the_request_and_says_what_is_answered(local: LocalCloud) -> None:
    # given
    url = deployed(local, "api-echo", api())["Url"] + "/things"
    # when
    status, event = send(url + "?a=1", b'{"x": 1}', X_Extra="y")
    # then
    assert status == 201
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "POST /things", "/things")
    assert (event["rawQueryString"], event["headers"]["x-extra"]) == ("a=1", "y")
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    assert abs(event["requestContext"]["timeEpoch"] / 1000 - local.now().timestamp()) < 60
    assert event["requestContext"]["http"]["method"] == "POST"


def test_a_body_that_is_not_declared_as_text_comes_as_base64_and_a_plain_document_is_the_answer(
    local: LocalCloud,
) -> None:
    # given
    url = deployed(local, "api-body", api())["Url"] + "/things"
    # then
    assert send(url, b"plain", content_type="application/x-www-form-urlencoded")[1]["body"] == "cGxhaW4="
    assert send(url, b"plain", content_type="text/plain") == (200, {"took": "it"})
    assert send(url, b"short", content_type="text/plain") == (202, "1")
    assert send(url, b"odd", content_type="text/plain") == (500, {"message": "Internal Server Error"})


def test_other_methods_paths_and_apis_are_not_found_and_a_failing_function_is_an_error(local: LocalCloud) -> None:
    # given
    base = deployed(local, "api-lost", api())["Url"]
    # then
    assert send(base + "/things", method="PUT") == (404, {"message": "Not Found"})
    assert send(base + "/other") == (404, {"message": "Not Found"})
    assert send(base + "none/things") == (404, {"message": "Not Found"})
    assert send(base + "/things", b"fail") == (500, {"message": "Internal Server Error"})
    assert send(base + "/things", b" " * 10_000_001) == (413, {"message": "Request Entity Too Large"})


def test_a_function_that_does_not_let_the_api_in_is_not_run(local: LocalCloud) -> None:
    # given
    template = api()
    template["Resources"]["MayEcho"] = permission("Echo", "*/*/elsewhere")
    url = deployed(local, "api-kept-out", template)["Url"] + "/things"
    # then
    assert send(url) == (500, {"message": "Internal Server Error"})
    assert entries(local, "denied", "api-kept-out-Echo")


def test_only_those_who_sign_and_may_invoke_reach_a_route_with_iam(local: LocalCloud) -> None:
    # given
    shown = deployed(local, "api-iam", api({"AuthorizationType": "AWS_IAM"}))
    url, api_id = shown["Url"] + "/things", shown["Url"].rpartition("/")[2]
    keys = {}
    for name, resource in (("caller", f"{api_id}/$default/POST/things"), ("stranger", f"{api_id}/$default/GET/things")):
        given = role("lambda.amazonaws.com", allow("execute-api:Invoke", f"arn:aws:execute-api:*:*:{resource}"))
        given["Properties"] |= {"RoleName": name}
        given["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(ANYONE)
        create(local, f"role-{name}", {"Resources": {"Role": given}})
        arn = f"arn:aws:iam::123456789012:role/{name}"
        found = local.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
        keys[name] = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    key, secret, token = keys["caller"]
    refused = (403, {"message": "Forbidden"})
    # then
    assert send(url, **signed(url, *keys["caller"]))[0] == 201
    assert send(url, **signed(url, ADMIN_KEY, ADMIN_SECRET))[0] == 201
    assert send(url, **signed(url, *keys["stranger"])) == refused
    assert send(url) == refused
    assert send(url, **signed(url, key, "wrong", token)) == refused
    assert send(url, **signed(url, key, secret)) == refused
    assert send(url, **signed(url, "AKIANOBODY", secret)) == refused
    assert send(url, b'{"changed": 1}', **signed(url, key, secret, token)) == refused
    (denied,) = entries(local, "denied", "stranger")
    assert denied["detail"]["action"] == "execute-api:Invoke"


def keyed(ttl: int) -> dict[str, Any]:
    authorizer = part(
        "Authorizer",
        Name="key",
        AuthorizerType="REQUEST",
        AuthorizerPayloadFormatVersion="2.0",
        EnableSimpleResponses=True,
        AuthorizerResultTtlInSeconds=ttl,
        IdentitySource=["$request.header.X-Api-Key"],
        AuthorizerUri={
            "Fn::Sub": "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Ask.Arn}/invocations"
        },
    )
    return api(
        {"AuthorizationType": "CUSTOM", "AuthorizerId": {"Ref": "Authorizer"}},
        Ask=function(AUTHORIZER, LoggingConfig={"LogGroup": {"Ref": "Asked"}}),
        Asked=it("AWS::Logs::LogGroup"),
        MayAsk=permission("Ask", "authorizers/${Authorizer}"),
        Authorizer=authorizer,
    )


def test_an_authorizer_says_who_is_let_through_and_what_it_said_is_remembered(local: LocalCloud) -> None:
    # given
    template = keyed(ttl=300)
    template["Outputs"]["Asked"] = {"Value": {"Ref": "Asked"}}
    shown = deployed(local, "api-key", template)
    url = shown["Url"] + "/things"

    def asked() -> int:
        events = local.client("logs").filter_log_events(logGroupName=shown["Asked"])["events"]
        return sum(event["message"] == "asked" for event in events)

    # then
    status, event = send(url, x_api_key="right")
    assert (status, event["requestContext"]["authorizer"]) == (201, {"lambda": {"who": "me"}})
    assert send(url, x_api_key="wrong") == (403, {"message": "Forbidden"})
    assert send(url) == (401, {"message": "Unauthorized"})
    assert send(url, x_api_key="odd") == (500, {"message": "Internal Server Error"})
    assert asked() == 3
    assert send(url, x_api_key="right")[0] == 201
    assert send(url, x_api_key="wrong")[0] == 403
    assert asked() == 3
    # when
    local.advance(timedelta(minutes=6))
    # then
    assert send(url, x_api_key="right")[0] == 201
    assert asked() == 4


def test_a_bucket_of_tokens_lets_a_burst_through_and_then_the_rate() -> None:
    # given
    start = datetime(2026, 11, 21, tzinfo=UTC)
    bucket = TokenBucket(rate=2, burst=3, at=start)
    # then
    assert [bucket.take(start) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(start + timedelta(seconds=0.5)) for _ in range(2)] == [True, False]
    assert [bucket.take(start + timedelta(hours=1)) for _ in range(4)] == [True, True, True, False]


def test_requests_beyond_the_burst_are_throttled_until_time_has_passed(local: LocalCloud) -> None:
    # given: a bucket that takes a year to fill by one
    slow = {"ThrottlingRateLimit": 3e-8, "ThrottlingBurstLimit": 2}
    shown = deployed(local, "api-slow", api(throttling=slow))
    url = shown["Url"] + "/things"
    # then
    assert [send(url)[0] for _ in range(3)] == [201, 201, 429]
    assert send(url) == (429, {"message": "Too Many Requests"})
    assert send(shown["Url"] + "/other")[0] == 404
    # when the stage lets more through
    more = {"ThrottlingRateLimit": 1000, "ThrottlingBurstLimit": 1000}
    update(local, "api-slow", api(throttling=more))
    # then
    assert describe(local, "api-slow")["StackStatus"] == "UPDATE_COMPLETE"
    assert send(url)[0] == 201


def test_the_access_log_says_how_each_request_ended(local: LocalCloud) -> None:
    # given
    shown = deployed(local, "api-logged", api({"AuthorizationType": "AWS_IAM"}))
    # when
    send(shown["Url"] + "/things")
    # then
    (line,) = logged(local, shown["Group"])
    assert (line["status"], line["route"], line["x"]) == ("403", "POST /things", "-")
    assert line["why"] == "not signed by one who may execute-api:Invoke"


@pytest.mark.parametrize(
    ("part_id", "changed", "words"),
    [
        ("Route", {"RouteKey": "GET /things/{id}"}, "the route GET /things/{id}"),
        ("Route", {"AuthorizationType": "JWT"}, "the authorization JWT"),
        ("Integration", {"PayloadFormatVersion": "1.0"}, "payloads of format 1.0"),
        ("Stage", {"StageName": "test"}, "the stage test"),
        ("Api", {"ProtocolType": "WEBSOCKET"}, "WEBSOCKET APIs"),
    ],
)
def test_what_is_not_served_fails_at_deployment(
    local: LocalCloud, part_id: str, changed: dict[str, Any], words: str
) -> None:
    # given
    template = api()
    template["Resources"][part_id]["Properties"] |= changed
    # when
    name = f"api-odd-{part_id}-{'-'.join(changed)}"
    create(local, name, template)
    # then
    events = local.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert describe(local, name)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert any("localcloud does not serve" in reason and words in reason for reason in reasons)


def test_a_route_that_is_changed_asks_others_than_before(local: LocalCloud) -> None:
    # given
    url = deployed(local, "api-changed", keyed(ttl=0))["Url"] + "/things"
    open_to_all = keyed(ttl=0)
    open_to_all["Resources"]["Route"]["Properties"]["AuthorizationType"] = "NONE"
    assert send(url)[0] == 401
    # when
    stack = update(local, "api-changed", open_to_all)
    # then
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert send(url)[0] == 201


def test_deleting_the_stack_ends_the_api(local: LocalCloud) -> None:
    # given
    url = deployed(local, "api-gone", keyed(ttl=0))["Url"] + "/things"
    assert send(url, x_api_key="right")[0] == 201
    # when
    local.client("cloudformation").delete_stack(StackName="api-gone")
    # then
    assert send(url, x_api_key="right") == (404, {"message": "Not Found"})
