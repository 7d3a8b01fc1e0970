"""The SageMaker endpoint: what serves on it now, and its answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchkeeper.errors import RolloutError
from watchkeeper.rollout import ServingSettings

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

IN_SERVICE = "InService"


@dataclass(frozen=True)
class EndpointState:
    """What serves on an endpoint.

    Attributes
    ----------
    status : SageMaker's EndpointStatus
    variant : name of its one production variant
    instances : how many it is to have now, which scaling may have made another number than its config's
    """

    name: str
    status: str
    config: str
    variant: str
    model_name: str
    instances: int
    settings: ServingSettings


def describe(client: SageMakerClient, name: str) -> EndpointState:
    """The endpoint and its config.

    Raises
    ------
    RolloutError
        It has several variants, or serves no SageMaker model on instances: Watchkeeper can roll out nothing there.
    """
    endpoint = client.describe_endpoint(EndpointName=name)
    config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variants = config["ProductionVariants"]
    if len(variants) != 1 or "ModelName" not in variants[0] or "InstanceType" not in variants[0]:
        raise RolloutError(
            f"Config {endpoint['EndpointConfigName']!r} of endpoint {name!r} has {len(variants)} production variants; "
            "rollouts need one, with a model and an instance type. Serve the model from an endpoint of its own."
        )
    (variant,) = variants
    capture = config.get("DataCaptureConfig", {})
    configured = variant.get("InitialInstanceCount", 1)
    running = endpoint.get("ProductionVariants")
    return EndpointState(
        name=name,
        status=endpoint["EndpointStatus"],
        config=endpoint["EndpointConfigName"],
        variant=variant["VariantName"],
        model_name=variant["ModelName"],
        instances=running[0].get("DesiredInstanceCount", configured) if running else configured,
        settings=ServingSettings(
            instance_type=variant["InstanceType"],
            instance_count=configured,
            capture_percent=capture.get("InitialSamplingPercentage", 0) if capture.get("EnableCapture") else 0,
        ),
    )


def invoke(client: SageMakerRuntimeClient, name: str, content_type: str, body: str) -> str:
    """The endpoint's answer to one request.

    Raises
    ------
    RolloutError
        The model refused the request or failed on it.
    """
    try:
        answer = client.invoke_endpoint(
            EndpointName=name, ContentType=content_type, Accept=content_type, Body=body.encode()
        )
    except client.exceptions.ModelError as error:
        status = error.response.get("OriginalStatusCode", "an error")
        raise RolloutError(f"The model on endpoint {name!r} answered {status}: read the endpoint's log.") from error
    return answer["Body"].read().decode()
