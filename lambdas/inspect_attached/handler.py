"""Looks at an endpoint that Watchkeeper did not make, before its onboarding: may it begin, and what is version 1?"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from lambdas.observed import logger, observed
from watchkeeper import attached, naming
from watchkeeper.attached import Found
from watchkeeper.aws import deployed
from watchkeeper.spec import Attached, deployed_spec

_MISSING = ("ValidationException", "ValidationError", "ResourceNotFound")


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Describe version 1; or say every reason why it cannot be taken over, with its remedy."""
    spec = deployed_spec()
    assert spec.attached is not None  # the function is deployed with attached endpoints only
    logger.append_keys(model=spec.name)
    known = deployed.registry().version(naming.FIRST_VERSION)
    if known is not None:  # it may have left the endpoint since
        return _answer(model_name=known.model_name, package_arn=known.package_arn)
    found = _find(spec.attached)
    if found is None:
        return _refusal(
            [f"Endpoint {spec.endpoint!r} is not in this account and region: correct endpoint.attach.name."]
        )
    if reasons := attached.obstacles(spec.attached, found):
        return _refusal(reasons)
    container = attached.container(found)
    name = attached.model_name(spec.name, container)
    package = deployed.package(naming.FIRST_VERSION)
    return _answer(
        endpoint_config=found.config["EndpointConfigName"],
        container=container,
        model_name=name,
        model=None if _described("model", ModelName=name) else _creation(name, container),
        package_arn=package and package.arn,
    )


def _refusal(reasons: list[str]) -> dict[str, Any]:
    logger.info("Refused", obstacles=reasons)
    return _answer(ok=False, reason=" ".join(reasons))


def _answer(**facts: Any) -> dict[str, Any]:
    """An answer with every field that the machine keeps."""
    nothing = dict.fromkeys(("reason", "endpoint_config", "container", "model_name", "model", "package_arn"))
    return {"ok": True, **nothing, **facts}


def _creation(name: str, container: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of CreateModel."""
    return {
        "ModelName": name,
        "ExecutionRoleArn": os.environ["EXECUTION_ROLE_ARN"],
        "PrimaryContainer": dict(container),
    }


def _find(endpoint: Attached) -> Found | None:
    """Everything that is known of the endpoint, or None if there is none."""
    state = _described("endpoint", EndpointName=endpoint.endpoint)
    if state is None:
        return None
    config = deployed.client("sagemaker").describe_endpoint_config(EndpointConfigName=state["EndpointConfigName"])
    served = config["ProductionVariants"][0].get("ModelName")
    model = deployed.client("sagemaker").describe_model(ModelName=served) if served else {}
    return Found(state["EndpointStatus"], config, model, _container(model), _sends_events(endpoint.bucket))


def _container(model: Mapping[str, Any]) -> dict[str, Any]:
    containers = model.get("Containers") or [model.get("PrimaryContainer", {})]
    if len(containers) != 1:
        return {}
    (container,) = containers
    if "ModelPackageName" not in container:
        return dict(container)
    package = deployed.client("sagemaker").describe_model_package(ModelPackageName=container["ModelPackageName"])
    packaged = package["InferenceSpecification"]["Containers"]
    if len(packaged) != 1:
        return {}
    environment = {**packaged[0].get("Environment", {}), **container.get("Environment", {})}
    return {**packaged[0], "Environment": environment}


def _described(kind: str, **name: str) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = getattr(deployed.client("sagemaker"), f"describe_{kind}")(**name)
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
    return answer


def _sends_events(bucket: str) -> bool:
    try:
        return "EventBridgeConfiguration" in deployed.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return False
        raise
