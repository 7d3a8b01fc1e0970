"""AWS::Lambda::*, AWS::StepFunctions::StateMachine and AWS::Glue::*."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, renamed, text
from localcloud.cloudformation.template import TemplateError


def _code(properties: Properties) -> dict[str, Any]:
    """Return a function's code as the API takes it; source text in the template becomes an archive."""
    code = dict(properties["Code"])
    if "ZipFile" in code:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("index.py", code["ZipFile"])
        return {"ZipFile": buffer.getvalue()}
    return code


def _create_function(aws: Aws, properties: Properties) -> Existing:
    runtime = str(properties.get("Runtime", ""))
    if not runtime.startswith("python3."):
        raise TemplateError(f"localcloud runs Python functions only; {properties['FunctionName']} wants {runtime!r}.")
    made = aws.call("lambda", "create_function", {**properties, "Code": _code(properties)}, ignore=_CONCURRENCY)
    _reserve(aws, properties)
    return Existing(made["FunctionName"], properties, {"Arn": made["FunctionArn"]})


_CONCURRENCY = ("ReservedConcurrentExecutions",)


def _reserve(aws: Aws, properties: Properties) -> None:
    name, reserved = properties["FunctionName"], properties.get("ReservedConcurrentExecutions")
    if reserved is not None:
        aws.client("lambda").put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(reserved))


def _update_function(aws: Aws, function: Existing, properties: Properties) -> Existing:
    name = function.physical_id
    if properties["Code"] != function.properties["Code"] or properties.get("Architectures") != function.properties.get(
        "Architectures"
    ):
        code = {"FunctionName": name, **_code(properties)}
        if "Architectures" in properties:
            code["Architectures"] = properties["Architectures"]
        aws.call("lambda", "update_function_code", code)
    settings = {key: value for key, value in properties.items() if key not in ("Code", "Tags", "Architectures")}
    aws.call("lambda", "update_function_configuration", settings, ignore=_CONCURRENCY)
    if "ReservedConcurrentExecutions" in function.properties and "ReservedConcurrentExecutions" not in properties:
        aws.client("lambda").delete_function_concurrency(FunctionName=name)
    _reserve(aws, properties)
    return Existing(name, properties, function.attributes)


def _publish_layer(aws: Aws, properties: Properties) -> Existing:
    made = aws.call("lambda", "publish_layer_version", properties)
    return Existing(made["LayerVersionArn"], properties, {"LayerVersionArn": made["LayerVersionArn"]})


def _delete_layer(aws: Aws, layer: Existing) -> None:
    arn, version = layer.physical_id.rsplit(":", 1)
    aws.client("lambda").delete_layer_version(LayerName=arn, VersionNumber=int(version))


def _add_permission(aws: Aws, properties: Properties) -> Existing:
    digest = hashlib.sha256(json.dumps(properties, sort_keys=True).encode()).hexdigest()[:16]
    aws.call("lambda", "add_permission", {**properties, "StatementId": f"cfn-{digest}"})
    return Existing(f"cfn-{digest}", properties)


def _remove_permission(aws: Aws, permission: Existing) -> None:
    name = permission.properties["FunctionName"]
    aws.client("lambda").remove_permission(FunctionName=name, StatementId=permission.physical_id)


def _create_mapping(aws: Aws, properties: Properties) -> Existing:
    made = aws.call("lambda", "create_event_source_mapping", properties, ignore=("Tags",))
    return Existing(made["UUID"], properties, {"Id": made["UUID"]})


def _update_mapping(aws: Aws, mapping: Existing, properties: Properties) -> Existing:
    given = {key: value for key, value in properties.items() if key not in ("EventSourceArn", "Tags")}
    aws.call("lambda", "update_event_source_mapping", {**given, "UUID": mapping.physical_id})
    return Existing(mapping.physical_id, properties, mapping.attributes)


def _put_invoke_config(aws: Aws, properties: Properties) -> Existing:
    aws.call("lambda", "put_function_event_invoke_config", properties, ignore=("Qualifier",))
    return Existing(f"{properties['FunctionName']}|{properties['Qualifier']}", properties)


def _delete_invoke_config(aws: Aws, config: Existing) -> None:
    aws.client("lambda").delete_function_event_invoke_config(FunctionName=config.properties["FunctionName"])


def _definition(aws: Aws, properties: Properties) -> str:
    if "DefinitionString" in properties:
        definition = str(properties["DefinitionString"])
    elif "Definition" in properties:
        definition = json.dumps(properties["Definition"])
    else:
        place = properties["DefinitionS3Location"]
        body = aws.client("s3").get_object(Bucket=place["Bucket"], Key=place["Key"])["Body"].read()
        definition = body.decode()
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace("${" + name + "}", text(value))
    return definition


def _state_machine_settings(properties: Properties) -> dict[str, Any]:
    wanted = ("RoleArn", "LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration")
    return {name: properties[name] for name in wanted if name in properties}


def _create_state_machine(aws: Aws, properties: Properties) -> Existing:
    name = properties["StateMachineName"]
    made = aws.call(
        "stepfunctions",
        "create_state_machine",
        {
            **_state_machine_settings(properties),
            "name": name,
            "definition": _definition(aws, properties),
            "type": properties.get("StateMachineType", "STANDARD"),
            "tags": properties.get("Tags", []),
        },
    )
    arn = made["stateMachineArn"]
    return Existing(arn, properties, {"Arn": arn, "Name": name, "StateMachineRevisionId": "INITIAL"})


def _update_state_machine(aws: Aws, machine: Existing, properties: Properties) -> Existing:
    given = {"stateMachineArn": machine.physical_id, "definition": _definition(aws, properties)}
    aws.call("stepfunctions", "update_state_machine", {**_state_machine_settings(properties), **given})
    return Existing(machine.physical_id, properties, machine.attributes)


def _create_database(aws: Aws, properties: Properties) -> Existing:
    aws.call("glue", "create_database", properties)
    return Existing(properties["DatabaseInput"]["Name"], properties)


def _update_database(aws: Aws, database: Existing, properties: Properties) -> Existing:
    aws.call("glue", "update_database", {**properties, "Name": database.physical_id})
    return Existing(database.physical_id, properties)


def _create_table(aws: Aws, properties: Properties) -> Existing:
    aws.call("glue", "create_table", properties)
    return Existing(properties["TableInput"]["Name"], properties)


def _update_table(aws: Aws, table: Existing, properties: Properties) -> Existing:
    aws.call("glue", "update_table", properties)
    return Existing(table.physical_id, properties)


def _delete_table(aws: Aws, table: Existing) -> None:
    aws.client("glue").delete_table(DatabaseName=table.properties["DatabaseName"], Name=table.physical_id)


def _create_job(aws: Aws, properties: Properties) -> Existing:
    return Existing(aws.call("glue", "create_job", properties)["Name"], properties)


def _update_job(aws: Aws, job: Existing, properties: Properties) -> Existing:
    update = {key: value for key, value in properties.items() if key not in ("Name", "Tags")}
    aws.call("glue", "update_job", {"JobName": job.physical_id, "JobUpdate": update})
    return Existing(job.physical_id, properties)


def _create_glue_security(aws: Aws, properties: Properties) -> Existing:
    encryption = renamed(properties["EncryptionConfiguration"], S3Encryptions="S3Encryption")
    aws.call(
        "glue", "create_security_configuration", {"Name": properties["Name"], "EncryptionConfiguration": encryption}
    )
    return Existing(properties["Name"], properties)


TYPES = (
    ResourceType(
        "AWS::Lambda::Function",
        create=_create_function,
        update=_update_function,
        delete=lambda aws, it: aws.client("lambda").delete_function(FunctionName=it.physical_id),
        name="FunctionName",
        replaced_by=frozenset({"PackageType"}),
    ),
    ResourceType("AWS::Lambda::LayerVersion", create=_publish_layer, delete=_delete_layer, name="LayerName"),
    ResourceType("AWS::Lambda::Permission", create=_add_permission, delete=_remove_permission),
    ResourceType(
        "AWS::Lambda::EventSourceMapping",
        create=_create_mapping,
        update=_update_mapping,
        delete=lambda aws, it: aws.client("lambda").delete_event_source_mapping(UUID=it.physical_id),
        replaced_by=frozenset({"EventSourceArn"}),
    ),
    ResourceType(
        "AWS::Lambda::EventInvokeConfig",
        create=_put_invoke_config,
        update=lambda aws, _, properties: _put_invoke_config(aws, properties),
        delete=_delete_invoke_config,
        replaced_by=frozenset({"FunctionName", "Qualifier"}),
    ),
    ResourceType(
        "AWS::StepFunctions::StateMachine",
        create=_create_state_machine,
        update=_update_state_machine,
        delete=lambda aws, it: aws.client("stepfunctions").delete_state_machine(stateMachineArn=it.physical_id),
        name="StateMachineName",
        name_limit=80,
        replaced_by=frozenset({"StateMachineType"}),
    ),
    ResourceType(
        "AWS::Glue::Database",
        create=_create_database,
        update=_update_database,
        delete=lambda aws, it: aws.client("glue").delete_database(Name=it.physical_id),
    ),
    ResourceType(
        "AWS::Glue::Table",
        create=_create_table,
        update=_update_table,
        delete=_delete_table,
        replaced_by=frozenset({"CatalogId", "DatabaseName"}),
    ),
    ResourceType(
        "AWS::Glue::Job",
        create=_create_job,
        update=_update_job,
        delete=lambda aws, it: aws.client("glue").delete_job(JobName=it.physical_id),
        name="Name",
    ),
    ResourceType(
        "AWS::Glue::SecurityConfiguration",
        create=_create_glue_security,
        delete=lambda aws, it: aws.client("glue").delete_security_configuration(Name=it.physical_id),
        name="Name",
    ),
)
