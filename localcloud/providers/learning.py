"""AWS::SageMaker::* and AWS::ApplicationAutoScaling::*."""

from __future__ import annotations

from datetime import timedelta

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType
from localcloud.cloudformation.template import TemplateError

_POLL = timedelta(seconds=1)
_ENDPOINT_UPDATE = (
    "EndpointConfigName",
    "DeploymentConfig",
    "RetainAllVariantProperties",
    "ExcludeRetainedVariantProperties",
    "RetainDeploymentConfig",
)


def _create_model(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("sagemaker", "create_model", properties)["ModelArn"]
    return Existing(arn, properties, {"ModelName": properties["ModelName"]})


def _create_endpoint_config(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("sagemaker", "create_endpoint_config", properties)["EndpointConfigArn"]
    return Existing(arn, properties, {"EndpointConfigName": properties["EndpointConfigName"]})


def _create_endpoint(aws: Aws, properties: Properties) -> Existing:
    given = {name: properties[name] for name in properties if not name.startswith(("Retain", "ExcludeRetained"))}
    arn = aws.call("sagemaker", "create_endpoint", given)["EndpointArn"]
    _await_in_service(aws, properties["EndpointName"], properties["EndpointConfigName"])
    return Existing(arn, properties, {"EndpointName": properties["EndpointName"]})


def _update_endpoint(aws: Aws, endpoint: Existing, properties: Properties) -> Existing:
    given = {name: properties[name] for name in _ENDPOINT_UPDATE if name in properties}
    before = {name: endpoint.properties[name] for name in _ENDPOINT_UPDATE if name in endpoint.properties}
    if given != before:
        aws.call("sagemaker", "update_endpoint", {**given, "EndpointName": properties["EndpointName"]})
        _await_in_service(aws, properties["EndpointName"], properties["EndpointConfigName"])
    return Existing(endpoint.physical_id, properties, endpoint.attributes)


def _await_in_service(aws: Aws, name: str, config: str) -> None:
    """Wait, as CloudFormation does, until the endpoint serves the config."""
    while True:
        endpoint = aws.client("sagemaker").describe_endpoint(EndpointName=name)
        status = endpoint["EndpointStatus"]
        if status == "InService" and endpoint.get("EndpointConfigName") == config:
            return
        if status in ("InService", "Failed", "OutOfService", "UpdateRollbackFailed"):
            why = endpoint.get("FailureReason", "no reason given")
            raise TemplateError(f"Endpoint {name} did not stabilize on {config}; it is {status}: {why}")
        aws.cloud.clock.wait(_POLL)


def _create_package_group(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("sagemaker", "create_model_package_group", properties)["ModelPackageGroupArn"]
    return Existing(arn, properties, {"ModelPackageGroupArn": arn})


def _delete_package_group(aws: Aws, group: Existing) -> None:
    name = group.properties["ModelPackageGroupName"]
    aws.client("sagemaker").delete_model_package_group(ModelPackageGroupName=name)


def _create_package(aws: Aws, properties: Properties) -> Existing:
    arn = aws.call("sagemaker", "create_model_package", properties)["ModelPackageArn"]
    return Existing(arn, properties, {"ModelPackageArn": arn, "ModelPackageStatus": "Completed"})


def _update_package(aws: Aws, package: Existing, properties: Properties) -> Existing:
    given = {name: properties[name] for name in _PACKAGE_MUTABLE if name in properties and name != "Tags"}
    aws.call("sagemaker", "update_model_package", {**given, "ModelPackageArn": package.physical_id})
    return Existing(package.physical_id, properties, package.attributes)


_PACKAGE_MUTABLE = frozenset({"ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties", "Tags"})


def _register_target(aws: Aws, properties: Properties) -> Existing:
    aws.call("application-autoscaling", "register_scalable_target", properties)
    parts = (properties["ResourceId"], properties["ScalableDimension"], properties["ServiceNamespace"])
    return Existing("|".join(parts), properties, {"Id": "|".join(parts)})


def _deregister_target(aws: Aws, target: Existing) -> None:
    resource, dimension, namespace = target.physical_id.split("|")
    aws.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=namespace, ResourceId=resource, ScalableDimension=dimension
    )


def _scaling_target(properties: Properties) -> dict[str, str]:
    """Return what a policy scales, which the template may name by its parts or by the target's id."""
    names = ("ResourceId", "ScalableDimension", "ServiceNamespace")
    parts = properties["ScalingTargetId"].split("|") if "ScalingTargetId" in properties else None
    return dict(zip(names, parts or [properties[name] for name in names], strict=True))


def _put_scaling_policy(aws: Aws, properties: Properties) -> Existing:
    given = {name: value for name, value in properties.items() if name != "ScalingTargetId"}
    made = aws.call("application-autoscaling", "put_scaling_policy", {**given, **_scaling_target(properties)})
    arn = made["PolicyARN"]
    return Existing(arn, properties, {"Arn": arn, "PolicyName": properties["PolicyName"]})


def _delete_scaling_policy(aws: Aws, policy: Existing) -> None:
    target = _scaling_target(policy.properties)
    name = policy.properties["PolicyName"]
    aws.client("application-autoscaling").delete_scaling_policy(PolicyName=name, **target)


def _only_tags_changed(_: Aws, it: Existing, properties: Properties) -> Existing:
    return Existing(it.physical_id, properties, it.attributes)


TYPES = (
    ResourceType(
        "AWS::SageMaker::Model",
        create=_create_model,
        update=_only_tags_changed,
        delete=lambda aws, it: aws.client("sagemaker").delete_model(ModelName=it.properties["ModelName"]),
        name="ModelName",
        name_limit=63,
        mutable=frozenset({"Tags"}),
    ),
    ResourceType(
        "AWS::SageMaker::EndpointConfig",
        create=_create_endpoint_config,
        update=_only_tags_changed,
        delete=lambda aws, it: aws.client("sagemaker").delete_endpoint_config(
            EndpointConfigName=it.properties["EndpointConfigName"]
        ),
        name="EndpointConfigName",
        name_limit=63,
        mutable=frozenset({"Tags"}),
    ),
    ResourceType(
        "AWS::SageMaker::Endpoint",
        create=_create_endpoint,
        update=_update_endpoint,
        delete=lambda aws, it: aws.client("sagemaker").delete_endpoint(EndpointName=it.properties["EndpointName"]),
        name="EndpointName",
        name_limit=63,
    ),
    ResourceType(
        "AWS::SageMaker::ModelPackageGroup",
        create=_create_package_group,
        update=_only_tags_changed,
        delete=_delete_package_group,
        name="ModelPackageGroupName",
        name_limit=63,
        mutable=frozenset({"Tags"}),
    ),
    ResourceType(
        "AWS::SageMaker::ModelPackage",
        create=_create_package,
        update=_update_package,
        delete=lambda aws, it: aws.client("sagemaker").delete_model_package(ModelPackageName=it.physical_id),
        mutable=_PACKAGE_MUTABLE,
    ),
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalableTarget",
        create=_register_target,
        update=lambda aws, _, properties: _register_target(aws, properties),
        delete=_deregister_target,
        replaced_by=frozenset({"ResourceId", "ScalableDimension", "ServiceNamespace"}),
    ),
    ResourceType(
        "AWS::ApplicationAutoScaling::ScalingPolicy",
        create=_put_scaling_policy,
        update=lambda aws, _, properties: _put_scaling_policy(aws, properties),
        delete=_delete_scaling_policy,
        name="PolicyName",
        replaced_by=frozenset({"ScalingTargetId", "ResourceId", "ScalableDimension", "ServiceNamespace"}),
    ),
)
