"""CloudFormation: creating, changing, refusing, rolling back and deleting stacks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cloud_templates import create, describe, exists, outputs, update

from localcloud.client import LocalCloud

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 30}}
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"


def parameter(value: Any, **more: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **more}}


def statuses(local: LocalCloud, stack: str, logical_id: str) -> list[str]:
    events = local.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [event["ResourceStatus"] for event in reversed(events) if event["LogicalResourceId"] == logical_id]


def test_a_stack_resolves_references_conditions_and_functions(local: LocalCloud) -> None:
    # given
    template = {
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Mappings": {"Days": {"dev": {"Keep": "7"}}},
        "Conditions": {
            "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
            "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
        },
        "Resources": {
            "Queue": QUEUE,
            "Never": {**QUEUE, "Condition": "IsProd"},
            "Text": parameter(
                {
                    "Fn::Sub": [
                        "${Stage}-${Queue.QueueName}-${X}-${!Y}-${AWS::Region}",
                        {"X": {"Fn::Join": ["/", ["a", "b"]]}},
                    ]
                }
            ),
            "Keep": parameter({"Fn::If": ["IsDev", {"Fn::FindInMap": ["Days", {"Ref": "Stage"}, "Keep"]}, "0"]}),
        },
        "Outputs": {
            "Text": {"Value": {"Fn::GetAtt": ["Text", "Value"]}},
            "Keep": {"Value": {"Fn::GetAtt": ["Keep", "Value"]}},
            "Name": {"Value": {"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["Queue", "Arn"]}]}]}},
            "Prod": {"Value": "x", "Condition": "IsProd"},
        },
    }
    # when
    stack = create(local, "functions", template)
    # then
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    found = outputs(stack)
    assert found["Text"] == f"dev-{found['Name']}-a/b-${{Y}}-us-east-1"
    assert found["Keep"] == "7"
    assert "Prod" not in found
    assert statuses(local, "functions", "Never") == []


def test_dependencies_are_created_first_and_deleted_last(local: LocalCloud) -> None:
    # given
    template = {
        "Resources": {
            "Last": {**parameter("x"), "DependsOn": ["Middle"]},
            "Middle": parameter({"Ref": "First"}),
            "First": QUEUE,
        }
    }
    # when
    stack = create(local, "order", template)
    local.client("cloudformation").delete_stack(StackName="order")
    # then
    events = local.client("cloudformation").describe_stack_events(StackName=stack["StackId"])["StackEvents"]
    done = [(e["LogicalResourceId"], e["ResourceStatus"]) for e in reversed(events)]
    assert [name for name, status in done if status == "CREATE_COMPLETE"][:3] == ["First", "Middle", "Last"]
    assert [name for name, status in done if status == "DELETE_COMPLETE"][:3] == ["Last", "Middle", "First"]


def test_an_unknown_resource_type_fails_loudly_before_anything_is_created(local: LocalCloud) -> None:
    # given
    template = {"Resources": {"Queue": QUEUE, "Custom": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "x"}}}}
    # when
    stack = create(local, "unknown", template)
    # then
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "no provider for Custom::Thing" in stack["StackStatusReason"]
    assert statuses(local, "unknown", "Queue") == []


def test_an_unknown_property_fails_loudly(local: LocalCloud) -> None:
    # given
    template = {"Resources": {"P": parameter("x", Colour="red")}}
    # when
    stack = create(local, "property", template)
    # then
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "no property Colour" in stack["StackStatusReason"]


def test_a_failed_creation_is_rolled_back_with_its_reason(local: LocalCloud) -> None:
    # given
    template = {
        "Resources": {
            "Good": parameter("x", Name="/rolled/back"),
            "Bad": {
                "Type": "AWS::KMS::Alias",
                "DependsOn": "Good",
                "Properties": {"AliasName": "alias/x", "TargetKeyId": "none"},
            },
        }
    }
    # when
    stack = create(local, "bad", template)
    # then
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "none" in stack["StackStatusReason"]
    assert not exists(local.client("ssm").get_parameter, Name="/rolled/back")


def test_a_failed_update_restores_what_it_had_changed(local: LocalCloud) -> None:
    # given
    before = {"Resources": {"A": parameter("old", Name="/restored")}}
    create(local, "restore", before)
    after = {
        "Resources": {
            "A": parameter("new", Name="/restored"),
            "New": {**parameter("x", Name="/restored/new"), "DependsOn": "A"},
            "Bad": {
                "Type": "AWS::KMS::Alias",
                "DependsOn": "New",
                "Properties": {"AliasName": "alias/y", "TargetKeyId": "none"},
            },
        }
    }
    # when
    stack = update(local, "restore", after)
    # then
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert local.client("ssm").get_parameter(Name="/restored")["Parameter"]["Value"] == "old"
    assert not exists(local.client("ssm").get_parameter, Name="/restored/new")


def test_a_change_in_place_keeps_the_physical_id_and_a_made_up_name(local: LocalCloud) -> None:
    # given
    output = {"Url": {"Value": {"Ref": "Queue"}}}
    first = outputs(create(local, "inplace", {"Resources": {"Queue": QUEUE}, "Outputs": output}))
    changed = {**QUEUE, "Properties": {"VisibilityTimeout": 77}}
    # when
    second = outputs(update(local, "inplace", {"Resources": {"Queue": changed}, "Outputs": output}))
    # then
    assert first == second
    attributes = local.client("sqs").get_queue_attributes(QueueUrl=second["Url"], AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"]["VisibilityTimeout"] == "77"


def test_an_immutable_property_replaces_a_resource_that_has_a_made_up_name(local: LocalCloud) -> None:
    # given
    def template(key: str) -> dict[str, Any]:
        table = {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            },
        }
        return {"Resources": {"Table": table}, "Outputs": {"Name": {"Value": {"Ref": "Table"}}}}

    old = outputs(create(local, "replace", template("a")))["Name"]
    # when
    new = outputs(update(local, "replace", template("b")))["Name"]
    # then
    assert old != new
    tables = local.client("dynamodb").list_tables()["TableNames"]
    assert new in tables
    assert old not in tables


@pytest.mark.parametrize(
    ("name", "kind", "properties", "change"),
    [
        (
            "model",
            "AWS::SageMaker::Model",
            {"ModelName": "fixed-model", "PrimaryContainer": {"Image": IMAGE}},
            {"PrimaryContainer": {"Image": IMAGE + "x"}},
        ),
        (
            "config",
            "AWS::SageMaker::EndpointConfig",
            {
                "EndpointConfigName": "fixed-config",
                "ProductionVariants": [
                    {"ModelName": "m", "VariantName": "v", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
                ],
            },
            {
                "ProductionVariants": [
                    {"ModelName": "m", "VariantName": "v", "InitialInstanceCount": 2, "InstanceType": "ml.m5.large"}
                ]
            },
        ),
        (
            "table",
            "AWS::DynamoDB::Table",
            {
                "TableName": "fixed-table",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}],
            },
            {
                "AttributeDefinitions": [{"AttributeName": "b", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "b", "KeyType": "HASH"}],
            },
        ),
    ],
)
def test_a_custom_named_resource_that_needs_replacing_is_refused(
    local: LocalCloud, name: str, kind: str, properties: dict[str, Any], change: dict[str, Any]
) -> None:
    # given
    role_arn = "arn:aws:iam::123456789012:role/any"
    given = {**properties, **({"ExecutionRoleArn": role_arn} if kind.endswith("::Model") else {})}
    if name == "config":
        local.client("sagemaker").create_model(
            ModelName="m", PrimaryContainer={"Image": IMAGE}, ExecutionRoleArn=role_arn
        )
    create(local, f"named-{name}", {"Resources": {"It": {"Type": kind, "Properties": given}}})
    # when
    stack = update(local, f"named-{name}", {"Resources": {"It": {"Type": kind, "Properties": {**given, **change}}}})
    # then
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert "cannot update a stack when a custom-named resource requires replacing" in stack["StackStatusReason"]


def test_a_removed_resource_is_deleted_and_a_retained_one_is_not(local: LocalCloud) -> None:
    # given
    kept = {**parameter("k", Name="/removed/kept"), "DeletionPolicy": "Retain"}
    resources = {"Stay": QUEUE, "Gone": parameter("g", Name="/removed/gone"), "Kept": kept}
    create(local, "removed", {"Resources": resources})
    # when
    update(local, "removed", {"Resources": {"Stay": QUEUE}})
    # then
    ssm = local.client("ssm")
    assert not exists(ssm.get_parameter, Name="/removed/gone")
    assert exists(ssm.get_parameter, Name="/removed/kept")


def test_exports_are_imported_and_cannot_be_deleted_while_they_are(local: LocalCloud) -> None:
    # given
    producer = {
        "Resources": {"Q": QUEUE},
        "Outputs": {"Q": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}, "Export": {"Name": "the-queue"}}},
    }
    create(local, "producer", producer)
    create(local, "consumer", {"Resources": {"P": parameter({"Fn::ImportValue": "the-queue"}, Name="/imported")}})
    # when
    local.client("cloudformation").delete_stack(StackName="producer")
    # then
    assert local.client("ssm").get_parameter(Name="/imported")["Parameter"]["Value"].startswith("arn:aws:sqs:")
    assert describe(local, "producer")["StackStatus"] == "DELETE_FAILED"
    assert "consumer" in describe(local, "producer")["StackStatusReason"]


def test_a_missing_export_is_named(local: LocalCloud) -> None:
    # when
    stack = create(local, "no-export", {"Resources": {"P": parameter({"Fn::ImportValue": "absent"})}})
    # then
    assert "No export named absent found" in stack["StackStatusReason"]


def test_a_parameter_of_an_ssm_type_is_looked_up_again_with_the_previous_value(local: LocalCloud) -> None:
    # given
    ssm = local.client("ssm")
    ssm.put_parameter(Name="/source", Value="one", Type="String")
    template = {
        "Parameters": {"Source": {"Type": "AWS::SSM::Parameter::Value<String>"}},
        "Resources": {"Copy": parameter({"Ref": "Source"}, Name="/copy")},
    }
    create(local, "ssm", template, Parameters=[{"ParameterKey": "Source", "ParameterValue": "/source"}])
    first = ssm.get_parameter(Name="/copy")["Parameter"]["Value"]
    ssm.put_parameter(Name="/source", Value="two", Type="String", Overwrite=True)
    # when
    update(local, "ssm", template, Parameters=[{"ParameterKey": "Source", "UsePreviousValue": True}])
    # then
    assert first == "one"
    assert ssm.get_parameter(Name="/copy")["Parameter"]["Value"] == "two"


def test_a_change_set_shows_its_changes_and_leaves_outputs_and_exports(local: LocalCloud) -> None:
    # given
    cfn = local.client("cloudformation")
    body = {"Resources": {"Q": QUEUE}, "Outputs": {"Q": {"Value": {"Ref": "Q"}, "Export": {"Name": "by-change-set"}}}}
    # when
    cfn.create_change_set(
        StackName="changes", ChangeSetName="one", ChangeSetType="CREATE", TemplateBody=json.dumps(body)
    )
    shown = cfn.describe_change_set(StackName="changes", ChangeSetName="one")
    cfn.execute_change_set(StackName="changes", ChangeSetName="one")
    # then
    assert [c["ResourceChange"]["Action"] for c in shown["Changes"]] == ["Add"]
    assert "Q" in outputs(describe(local, "changes"))
    assert "by-change-set" in [export["Name"] for export in cfn.list_exports()["Exports"]]


def test_a_change_set_without_changes_fails_as_on_aws(local: LocalCloud) -> None:
    # given
    cfn = local.client("cloudformation")
    create(local, "same", {"Resources": {"Q": QUEUE}})
    # when
    cfn.create_change_set(StackName="same", ChangeSetName="c", TemplateBody=json.dumps({"Resources": {"Q": QUEUE}}))
    # then
    shown = cfn.describe_change_set(StackName="same", ChangeSetName="c")
    assert shown["Status"] == "FAILED"
    assert "didn't contain changes" in shown["StatusReason"]
    with pytest.raises(ClientError, match="No updates are to be performed"):
        update(local, "same", {"Resources": {"Q": QUEUE}})


def test_a_template_in_s3_is_read_from_an_ip_host(local: LocalCloud) -> None:
    # given
    s3 = local.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="a/b.json", Body=json.dumps({"Resources": {"Q": QUEUE}}))
    # when
    local.client("cloudformation").create_stack(StackName="by-url", TemplateURL=f"{local.url}/templates/a/b.json")
    # then
    assert describe(local, "by-url")["StackStatus"] == "CREATE_COMPLETE"


def test_a_deleted_stack_is_gone_by_name_and_its_history_stays_by_id(local: LocalCloud) -> None:
    # given
    stack = create(local, "gone", {"Resources": {"Q": QUEUE}})
    # when
    local.client("cloudformation").delete_stack(StackName="gone")
    # then
    with pytest.raises(ClientError, match="does not exist"):
        describe(local, "gone")
    assert describe(local, stack["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_circle_of_references_is_named(local: LocalCloud) -> None:
    # when
    stack = create(local, "circle", {"Resources": {"A": parameter({"Ref": "B"}), "B": parameter({"Ref": "A"})}})
    # then
    assert "Circular dependency between resources: [A, B]" in stack["StackStatusReason"]
