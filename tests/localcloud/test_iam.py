"""IAM: what a role may do on the running cloud, what is recorded, and how a refusal looks to its caller."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from cloud_templates import allow, create, outputs, role, update

from localcloud.client import LocalCloud

ANYONE = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
ARN = "arn:aws:{}:us-east-1:123456789012:{}"
As = Callable[[str], Any]


def as_role(local: LocalCloud, name: str, *statements: dict[str, Any]) -> As:
    """Make a role with these statements; return how to get clients with its credentials."""
    given = role("lambda.amazonaws.com", *statements)
    given["Properties"]["RoleName"] = name
    given["Properties"]["AssumeRolePolicyDocument"]["Statement"].append(ANYONE)
    create(local, f"role-{name}", {"Resources": {"Role": given}})
    arn = f"arn:aws:iam::123456789012:role/{name}"
    keys = local.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]

    def client(service: str) -> Any:
        return boto3.session.Session().client(
            service,
            endpoint_url=local.url,
            region_name="us-east-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    return client


def error_of(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that a call raises."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code", "action"),
    [
        ("s3", "get_object", {"Bucket": "bkt", "Key": "k"}, "AccessDenied", "s3:GetObject on arn:aws:s3:::bkt/k"),
        ("sns", "publish", {"TopicArn": ARN.format("sns", "t"), "Message": "m"}, "AuthorizationError", "sns:Publish"),
        ("sqs", "list_queues", {}, "AccessDeniedException", "sqs:ListQueues"),
        (
            "dynamodb",
            "get_item",
            {"TableName": "t", "Key": {"a": {"S": "b"}}},
            "AccessDeniedException",
            "dynamodb:GetItem on " + ARN.format("dynamodb", "table/t"),
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "f"},
            "AccessDeniedException",
            "lambda:InvokeFunction on " + ARN.format("lambda", "function:f"),
        ),
        (
            "sagemaker",
            "describe_endpoint",
            {"EndpointName": "e"},
            "AccessDeniedException",
            "sagemaker:DescribeEndpoint on " + ARN.format("sagemaker", "endpoint/e"),
        ),
        (
            "sagemaker-runtime",
            "invoke_endpoint",
            {"EndpointName": "e", "Body": b"1"},
            "AccessDeniedException",
            "sagemaker:InvokeEndpoint on " + ARN.format("sagemaker", "endpoint/e"),
        ),
        ("iam", "get_role", {"RoleName": "r"}, "AccessDenied", "iam:GetRole"),
    ],
)
def test_a_call_without_a_grant_is_denied_in_the_words_and_protocol_of_aws(
    local: LocalCloud, service: str, operation: str, arguments: dict[str, Any], code: str, action: str
) -> None:
    # given
    nobody = as_role(local, f"nobody-{service}")
    # when
    found, message = error_of(getattr(nobody(service), operation), **arguments)
    # then
    assert found == code
    assert (
        f"assumed-role/nobody-{service}/me is not authorized to perform: {action.replace(' on ', ' on resource: ')}"
        in message
    )
    assert "because no identity-based policy allows the" in message


def test_a_grant_on_one_resource_is_not_one_on_another(local: LocalCloud) -> None:
    # given
    for name in ("mine-bucket", "other-bucket"):
        local.client("s3").create_bucket(Bucket=name)
    s3 = as_role(local, "scoped", allow("s3:PutObject", "arn:aws:s3:::mine-bucket/in/*"))("s3")
    # when
    s3.put_object(Bucket="mine-bucket", Key="in/x", Body=b"1")
    # then
    assert error_of(s3.put_object, Bucket="mine-bucket", Key="out/x", Body=b"1")[0] == "AccessDenied"
    assert error_of(s3.put_object, Bucket="other-bucket", Key="in/x", Body=b"1")[0] == "AccessDenied"


def test_listing_may_be_limited_to_a_prefix(local: LocalCloud) -> None:
    # given
    local.client("s3").create_bucket(Bucket="listed-bucket")
    condition = {"StringLike": {"s3:prefix": "a/*"}}
    s3 = as_role(local, "lister", allow("s3:ListBucket", "arn:aws:s3:::listed-bucket", Condition=condition))("s3")
    # when
    s3.list_objects_v2(Bucket="listed-bucket", Prefix="a/b")
    # then
    assert error_of(s3.list_objects_v2, Bucket="listed-bucket", Prefix="b")[0] == "AccessDenied"


def test_metrics_may_be_limited_to_a_namespace(local: LocalCloud) -> None:
    # given
    condition = {"StringEquals": {"cloudwatch:namespace": "Mine"}}
    client = as_role(local, "metered", allow("cloudwatch:PutMetricData", Condition=condition))("cloudwatch")
    data = [{"MetricName": "m", "Value": 1.0}]
    # when
    client.put_metric_data(Namespace="Mine", MetricData=data)
    # then
    assert "PutMetricData" in error_of(client.put_metric_data, Namespace="Yours", MetricData=data)[1]


def test_passing_a_role_needs_a_grant_for_that_role_and_service(local: LocalCloud) -> None:
    # given
    passed = "arn:aws:iam::123456789012:role/executes"
    only = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    without = as_role(local, "no-pass", allow("sagemaker:CreateModel"))("sagemaker")
    elsewhere = as_role(
        local,
        "pass-glue",
        allow("sagemaker:CreateModel"),
        allow("iam:PassRole", passed, Condition={"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}}),
    )("sagemaker")
    right = as_role(local, "pass-right", allow("sagemaker:CreateModel"), allow("iam:PassRole", passed, Condition=only))(
        "sagemaker"
    )
    model = {"ModelName": "passed", "PrimaryContainer": {"Image": "i"}, "ExecutionRoleArn": passed}
    # when
    right.create_model(**model)
    # then
    for client in (without, elsewhere):
        code, message = error_of(client.create_model, **{**model, "ModelName": "other"})
        assert code == "AccessDeniedException"
        assert f"iam:PassRole on resource: {passed}" in message


def test_tagging_what_one_creates_needs_a_grant_of_its_own(local: LocalCloud) -> None:
    # given
    create_group = allow("sagemaker:CreateModelPackageGroup")
    without = as_role(local, "no-tags", create_group)("sagemaker")
    right = as_role(local, "tags", create_group, allow("sagemaker:AddTags", "arn:aws:sagemaker:*:*:*/tagged"))(
        "sagemaker"
    )
    tags = [{"Key": "k", "Value": "v"}]
    # when
    right.create_model_package_group(ModelPackageGroupName="tagged", Tags=tags)
    without.create_model_package_group(ModelPackageGroupName="plain")
    # then
    code, message = error_of(without.create_model_package_group, ModelPackageGroupName="other", Tags=tags)
    assert code == "AccessDeniedException"
    assert "sagemaker:AddTags on resource" in message


def test_an_endpoint_is_updated_to_a_config_only_with_a_grant_on_both(local: LocalCloud) -> None:
    # given
    endpoint = allow("sagemaker:UpdateEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e")
    client = as_role(local, "half", endpoint)("sagemaker")
    # then
    code, message = error_of(client.update_endpoint, EndpointName="e", EndpointConfigName="c")
    assert code == "AccessDeniedException"
    assert "sagemaker:UpdateEndpoint on resource: arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/c" in message


ENCRYPTED: dict[str, Any] = {
    "Resources": {
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}, "EnableKeyRotation": True},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "encrypted-bucket",
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                            }
                        }
                    ]
                },
            },
        },
    },
    "Outputs": {"Key": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}},
}


def test_an_object_under_a_customers_key_needs_the_key_as_well(local: LocalCloud) -> None:
    # given
    key = outputs(create(local, "encrypted", ENCRYPTED))["Key"]
    objects = allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::encrypted-bucket/*")
    via = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    keyless = as_role(local, "keyless", objects)("s3")
    keyed = as_role(local, "keyed", objects, allow(["kms:Decrypt", "kms:GenerateDataKey"], key, Condition=via))("s3")
    # when
    keyed.put_object(Bucket="encrypted-bucket", Key="x", Body=b"secret")
    # then
    assert keyed.get_object(Bucket="encrypted-bucket", Key="x")["Body"].read() == b"secret"
    code, message = error_of(keyless.put_object, Bucket="encrypted-bucket", Key="y", Body=b"1")
    assert (code, "kms:GenerateDataKey" in message) == ("AccessDenied", True)
    assert "kms:Decrypt" in error_of(keyless.get_object, Bucket="encrypted-bucket", Key="x")[1]


def test_a_bucket_policy_that_asks_for_tls_lets_calls_through_and_its_other_denials_hold(local: LocalCloud) -> None:
    # given
    s3 = local.client("s3")
    s3.create_bucket(Bucket="strict-bucket")
    everything = ["arn:aws:s3:::strict-bucket", "arn:aws:s3:::strict-bucket/*"]
    tls = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything}
    policy = [
        {**tls, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {**tls, "Action": "s3:DeleteObject"},
    ]
    s3.put_bucket_policy(Bucket="strict-bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": policy}))
    client = as_role(local, "strict", allow("s3:*", everything))("s3")
    # when
    client.put_object(Bucket="strict-bucket", Key="k", Body=b"1")
    # then
    code, message = error_of(client.delete_object, Bucket="strict-bucket", Key="k")
    assert code == "AccessDenied"
    assert "with an explicit deny in a resource-based policy" in message


def test_calls_are_recorded_and_statements_that_none_has_used_are_named(local: LocalCloud) -> None:
    # given
    s3 = as_role(local, "recorded", allow("s3:ListAllMyBuckets"), allow("sqs:ListQueues"))("s3")
    # when
    s3.list_buckets()
    error_of(s3.list_objects_v2, Bucket="anything")
    # then
    report = local.calls()
    mine = {(call["action"], call["allowed"]) for call in report["calls"] if call["role"] == "recorded"}
    assert mine == {("s3:ListAllMyBuckets", True), ("s3:ListBucket", False)}
    unused = [entry for entry in report["unused"] if entry["role"] == "recorded"]
    assert [entry["actions"] for entry in unused] == [["sqs:ListQueues"]]


def test_an_administrators_key_is_not_checked(local: LocalCloud) -> None:
    assert local.client("sqs").list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_reading_a_secret_needs_the_secret_and_its_key(local: LocalCloud) -> None:
    # given
    key = local.client("kms").create_key()["KeyMetadata"]["Arn"]
    made = {"Type": "AWS::SecretsManager::Secret", "Properties": {"KmsKeyId": key, "GenerateSecretString": {}}}
    stack = create(local, "kept", {"Resources": {"Secret": made}, "Outputs": {"Arn": {"Value": {"Ref": "Secret"}}}})
    secret = outputs(stack)["Arn"]
    read = allow("secretsmanager:GetSecretValue", secret)
    # when
    without_key = as_role(local, "secret-only", read)("secretsmanager")
    without_secret = as_role(local, "key-only", allow("kms:Decrypt", key))("secretsmanager")
    reader = as_role(local, "secret-and-key", read, allow("kms:Decrypt", key))("secretsmanager")
    # then
    assert "kms:Decrypt" in error_of(without_key.get_secret_value, SecretId=secret)[1]
    assert "secretsmanager:GetSecretValue" in error_of(without_secret.get_secret_value, SecretId=secret)[1]
    assert len(reader.get_secret_value(SecretId=secret)["SecretString"]) == 32


def test_a_secret_keeps_its_value_until_it_is_generated_in_another_way(local: LocalCloud) -> None:
    # given
    def template(**properties: Any) -> dict[str, Any]:
        return {"Resources": {"Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}}

    def value() -> str:
        client = local.client("secretsmanager")
        return str(client.get_secret_value(SecretId="document")["SecretString"])

    how = {"SecretStringTemplate": '{"user": "me"}', "GenerateStringKey": "password", "PasswordLength": 12}
    create(local, "document", template(Name="document", GenerateSecretString=how))
    first = value()
    # then
    assert json.loads(first)["user"] == "me"
    assert len(json.loads(first)["password"]) == 12
    # when
    update(local, "document", template(Name="document", GenerateSecretString=how, Description="new"))
    # then
    assert value() == first
    # when
    update(local, "document", template(Name="document", GenerateSecretString={**how, "PasswordLength": 20}))
    # then
    assert len(json.loads(value())["password"]) == 20
