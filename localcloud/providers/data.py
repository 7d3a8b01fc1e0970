"""AWS::KMS::*, AWS::SSM::Parameter, AWS::SecretsManager::Secret, AWS::DynamoDB::Table and AWS::CDK::Metadata."""

from __future__ import annotations

import json
from typing import Any

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, keep, text

_NOT_OF_CREATE_KEY = (
    "EnableKeyRotation",
    "Enabled",
    "KeyPolicy",
    "PendingWindowInDays",
    "RotationPeriodInDays",
    "Tags",
)


def _create_key(aws: Aws, properties: Properties) -> Existing:
    made = aws.call(
        "kms",
        "create_key",
        {
            **properties,
            "Policy": text(properties["KeyPolicy"]),
            "Tags": [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.get("Tags", [])],
        },
        ignore=[name for name in _NOT_OF_CREATE_KEY if name != "Tags"],
    )
    metadata = made["KeyMetadata"]
    key = Existing(metadata["KeyId"], properties, {"Arn": metadata["Arn"], "KeyId": metadata["KeyId"]})
    _set_rotation(aws, key, properties)
    return key


def _update_key(aws: Aws, key: Existing, properties: Properties) -> Existing:
    kms = aws.client("kms")
    kms.put_key_policy(KeyId=key.physical_id, PolicyName="default", Policy=text(properties["KeyPolicy"]))
    kms.update_key_description(KeyId=key.physical_id, Description=properties.get("Description", ""))
    _set_rotation(aws, key, properties)
    return Existing(key.physical_id, properties, key.attributes)


def _set_rotation(aws: Aws, key: Existing, properties: Properties) -> None:
    if text(properties.get("EnableKeyRotation", False)) == "true":
        aws.client("kms").enable_key_rotation(KeyId=key.physical_id)


def _delete_key(aws: Aws, key: Existing) -> None:
    days = int(key.properties.get("PendingWindowInDays", 30))
    aws.client("kms").schedule_key_deletion(KeyId=key.physical_id, PendingWindowInDays=days)


def _key_id(properties: Properties) -> str:
    return str(properties["TargetKeyId"]).rsplit("/", 1)[-1]


def _create_alias(aws: Aws, properties: Properties) -> Existing:
    aws.client("kms").create_alias(AliasName=properties["AliasName"], TargetKeyId=_key_id(properties))
    return Existing(properties["AliasName"], properties)


def _update_alias(aws: Aws, alias: Existing, properties: Properties) -> Existing:
    aws.client("kms").update_alias(AliasName=alias.physical_id, TargetKeyId=_key_id(properties))
    return Existing(alias.physical_id, properties)


def _put_parameter(aws: Aws, properties: Properties, *, overwrite: bool = False) -> Existing:
    given = {**properties, "Overwrite": overwrite}
    given.pop("Tags", None)
    aws.call("ssm", "put_parameter", given)
    name = properties["Name"]
    return Existing(name, properties, {"Type": properties["Type"], "Value": properties["Value"]})


def _create_secret(aws: Aws, properties: Properties) -> Existing:
    given = dict(properties)
    if "GenerateSecretString" in given:
        given["SecretString"] = _generated(aws, dict(given.pop("GenerateSecretString")))
    arn = aws.call("secretsmanager", "create_secret", given)["ARN"]
    return Existing(arn, properties, {"Id": arn})


def _generated(aws: Aws, how: dict[str, Any]) -> str:
    """A password, as the one value of a secret or as one more in the JSON document that the template gives."""
    document, key = how.pop("SecretStringTemplate", None), how.pop("GenerateStringKey", None)
    password: str = aws.call("secretsmanager", "get_random_password", how)["RandomPassword"]
    return password if document is None else json.dumps({**json.loads(document), str(key): password})


def _update_secret(aws: Aws, secret: Existing, properties: Properties) -> Existing:
    """Change a secret; its value stays, unless the template gives another or generates it in another way."""
    value = {"SecretString": properties["SecretString"]} if "SecretString" in properties else {}
    how = properties.get("GenerateSecretString")
    if how and how != secret.properties.get("GenerateSecretString"):
        value = {"SecretString": _generated(aws, dict(how))}
    described = {name: properties[name] for name in ("Description", "KmsKeyId") if name in properties}
    aws.call("secretsmanager", "update_secret", {"SecretId": secret.physical_id, **described, **value})
    return Existing(secret.physical_id, properties, secret.attributes)


def _delete_secret(aws: Aws, secret: Existing) -> None:
    aws.client("secretsmanager").delete_secret(SecretId=secret.physical_id, ForceDeleteWithoutRecovery=True)


def _create_table(aws: Aws, properties: Properties) -> Existing:
    later = ("PointInTimeRecoverySpecification", "TimeToLiveSpecification")
    made = aws.call("dynamodb", "create_table", _table_input(properties), ignore=later)
    table = made["TableDescription"]
    attributes = {"Arn": table["TableArn"]}
    if "LatestStreamArn" in table:
        attributes["StreamArn"] = table["LatestStreamArn"]
    return _configure_table(aws, Existing(properties["TableName"], properties, attributes), properties)


def _table_input(properties: Properties) -> dict[str, Any]:
    given = dict(properties)
    if "SSESpecification" in given:
        encryption = dict(given["SSESpecification"])
        given["SSESpecification"] = {"Enabled": encryption.pop("SSEEnabled", False), **encryption}
    if "StreamSpecification" in given:
        given["StreamSpecification"] = {"StreamEnabled": True, **given["StreamSpecification"]}
    return given


def _configure_table(aws: Aws, table: Existing, properties: Properties) -> Existing:
    name = table.physical_id
    if "PointInTimeRecoverySpecification" in properties:
        aws.call(
            "dynamodb",
            "update_continuous_backups",
            {
                "TableName": name,
                "PointInTimeRecoverySpecification": properties["PointInTimeRecoverySpecification"],
            },
        )
    if "TimeToLiveSpecification" in properties and _ttl_differs(aws, name, properties["TimeToLiveSpecification"]):
        specification = properties["TimeToLiveSpecification"]
        aws.call("dynamodb", "update_time_to_live", {"TableName": name, "TimeToLiveSpecification": specification})
    return Existing(name, properties, table.attributes)


def _ttl_differs(aws: Aws, name: str, wanted: Properties) -> bool:
    found = aws.client("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    is_enabled = found["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    return is_enabled != (text(wanted["Enabled"]) == "true")


def _update_table(aws: Aws, table: Existing, properties: Properties) -> Existing:
    changeable = ("BillingMode", "ProvisionedThroughput", "DeletionProtectionEnabled")
    changes = {
        name: properties[name]
        for name in changeable
        if name in properties and properties[name] != table.properties.get(name)
    }
    if changes:
        aws.call("dynamodb", "update_table", {"TableName": table.physical_id, **changes})
    return _configure_table(aws, table, properties)


def _delete_table(aws: Aws, table: Existing) -> None:
    aws.client("dynamodb").delete_table(TableName=table.physical_id)


TYPES = (
    ResourceType("AWS::KMS::Key", create=_create_key, update=_update_key, delete=_delete_key),
    ResourceType(
        "AWS::KMS::Alias",
        create=_create_alias,
        update=_update_alias,
        delete=lambda aws, it: aws.client("kms").delete_alias(AliasName=it.physical_id),
        name="AliasName",
    ),
    ResourceType(
        "AWS::SSM::Parameter",
        create=_put_parameter,
        update=lambda aws, _, properties: _put_parameter(aws, properties, overwrite=True),
        delete=lambda aws, it: aws.client("ssm").delete_parameter(Name=it.physical_id),
        name="Name",
        replaced_by=frozenset({"Type"}),
    ),
    ResourceType(
        "AWS::SecretsManager::Secret",
        create=_create_secret,
        update=_update_secret,
        delete=_delete_secret,
        name="Name",
    ),
    ResourceType(
        "AWS::DynamoDB::Table",
        create=_create_table,
        update=_update_table,
        delete=_delete_table,
        name="TableName",
        name_limit=255,
        replaced_by=frozenset({"KeySchema", "AttributeDefinitions", "LocalSecondaryIndexes", "TableClass"}),
    ),
    ResourceType(
        "AWS::CDK::Metadata",
        create=lambda _, properties: Existing("cdk-metadata", properties),
        update=lambda _, it, properties: Existing(it.physical_id, properties),
        delete=keep,
    ),
)
