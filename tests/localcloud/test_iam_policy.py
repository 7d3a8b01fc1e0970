"""The policy language, on its own."""

from __future__ import annotations

from typing import Any

import pytest

from localcloud.iam.policy import Request, conditions_hold, decide

BUCKET = "arn:aws:s3:::data"


def effect(statements: list[dict[str, Any]], action: str = "s3:GetObject", resource: str = f"{BUCKET}/a/b") -> str:
    return decide([("p", {"Statement": statements})], Request(action, resource, {})).effect


def test_nothing_is_allowed_without_a_statement() -> None:
    assert effect([]) == "none"


def test_a_deny_wins_over_an_allow_whatever_their_order() -> None:
    # given
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": f"{BUCKET}/a/*"}
    # then
    assert effect([allow, deny]) == effect([deny, allow]) == "deny"
    assert effect([allow, deny], resource=f"{BUCKET}/c") == "allow"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({"Action": "S3:getobject", "Resource": f"{BUCKET}/*"}, "allow"),
        ({"Action": "s3:Get?bject", "Resource": f"{BUCKET}/a/?"}, "allow"),
        ({"Action": ["s3:PutObject", "s3:Get*"], "Resource": [BUCKET, f"{BUCKET}/a/b"]}, "allow"),
        ({"Action": "s3:GetObject", "Resource": BUCKET}, "none"),
        ({"Action": "s3:GetObjectVersion", "Resource": "*"}, "none"),
        ({"NotAction": "s3:Put*", "Resource": "*"}, "allow"),
        ({"NotAction": "s3:Get*", "Resource": "*"}, "none"),
        ({"Action": "*", "NotResource": f"{BUCKET}/a/*"}, "none"),
        ({"Action": "*", "NotResource": f"{BUCKET}/z/*"}, "allow"),
        ({"Action": "s3:GetObject", "Resource": f"{BUCKET.upper()}/*"}, "none"),
    ],
)
def test_actions_ignore_case_and_resources_do_not(statement: dict[str, Any], expected: str) -> None:
    assert effect([{"Effect": "Allow", **statement}]) == expected


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"StringEquals": {"aws:region": "eu"}}, True),
        ({"StringEquals": {"AWS:REGION": ["us", "eu"]}}, True),
        ({"StringEquals": {"aws:region": "us"}}, False),
        ({"StringNotEquals": {"aws:region": ["us", "eu"]}}, False),
        ({"StringNotEquals": {"aws:region": ["us", "ap"]}}, True),
        ({"StringEquals": {"absent": "x"}}, False),
        ({"StringNotEquals": {"absent": "x"}}, True),
        ({"StringEqualsIfExists": {"absent": "x"}}, True),
        ({"StringEqualsIfExists": {"aws:region": "us"}}, False),
        ({"StringLike": {"aws:region": "e*"}}, True),
        ({"ArnLike": {"source": "arn:aws:events:*:rule/x-*"}}, True),
        ({"ArnNotLike": {"source": "arn:aws:events:*:rule/x-*"}}, False),
        ({"Bool": {"secure": "true"}}, True),
        ({"Bool": {"secure": False}}, False),
        ({"Null": {"absent": "true"}}, True),
        ({"Null": {"secure": "true"}}, False),
        ({"NumericLessThanEquals": {"size": "10"}}, True),
        ({"NumericGreaterThan": {"size": 10}}, False),
        ({"DateLessThan": {"now": "2027-01-01T00:00:00Z"}}, True),
        ({"IpAddress": {"ip": "10.0.0.0/8"}}, True),
        ({"NotIpAddress": {"ip": "10.0.0.0/8"}}, False),
        ({"ForAllValues:StringEquals": {"keys": ["a", "b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"keys": ["a"]}}, False),
        ({"ForAllValues:StringEquals": {"absent": ["a"]}}, True),
        ({"ForAnyValue:StringEquals": {"keys": ["b", "z"]}}, True),
        ({"ForAnyValue:StringEquals": {"keys": ["z"]}}, False),
        ({"ForAnyValue:StringEquals": {"absent": ["z"]}}, False),
        ({"StringEquals": {"aws:region": "eu"}, "Bool": {"secure": "false"}}, False),
    ],
)
def test_conditions(conditions: dict[str, Any], holds: bool) -> None:
    # given
    context = {
        "aws:Region": "eu",
        "source": "arn:aws:events:us-east-1:1:rule/x-1",
        "secure": "true",
        "size": "10",
        "now": "2026-06-01T00:00:00+00:00",
        "ip": "10.1.2.3",
        "keys": ["a", "b"],
    }
    # then
    assert conditions_hold(conditions, context) is holds


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ({"Service": "events.amazonaws.com"}, "allow"),
        ({"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}, "allow"),
        ({"Service": "sns.amazonaws.com"}, "none"),
        ({"AWS": "arn:aws:iam::1:root"}, "none"),
        ("*", "allow"),
    ],
)
def test_a_resource_policy_must_name_the_service_that_asks(principal: Any, expected: str) -> None:
    # given
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": "*"}
    request = Request("sqs:SendMessage", "q", {}, service="events.amazonaws.com")
    # then
    assert decide([("p", {"Statement": statement})], request, of_resource=True).effect == expected


def test_a_decision_names_the_statements_that_made_it() -> None:
    # given
    document = {
        "Statement": [
            {"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"},
        ]
    }
    # then
    assert decide([("p", document)], Request("s3:GetObject", "x", {})).statements == (("p", 1),)
