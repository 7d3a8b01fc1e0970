"""An endpoint that Watchkeeper did not make: what its owner must still do, and what is taken over as version 1.

Everything is judged before any work begins, and all obstacles are told at once, each with its remedy. What can be
watched but not rolled out faithfully is an obstacle, too: a new version must not lose what the endpoint was given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper import naming
from watchkeeper.spec import Attached

IN_SERVICE = "InService"
_LOST_WITH_CONFIG = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants", "VpcConfig")
_LOST_WITH_MODEL = ("EnableNetworkIsolation", "VpcConfig")
_TAKEN_OVER = ("Image", "ModelDataUrl", "ModelDataSource", "Environment")


@dataclass(frozen=True)
class Found:
    """What SageMaker and S3 say of the endpoint, as their APIs spell it.

    Attributes
    ----------
    status : EndpointStatus
    config : answer of DescribeEndpointConfig
    model : answer of DescribeModel for the first variant; empty if that serves none
    container : the model's one container, that of a model package filled in from it; empty if there is not one
    sends_events : whether the bucket that is to hold the captures tells EventBridge of new objects
    """

    status: str
    config: Mapping[str, Any]
    model: Mapping[str, Any]
    container: Mapping[str, Any]
    sends_events: bool

    @property
    def artefacts(self) -> list[str]:
        """`s3://` URIs of what the container loads: the model, and what its environment names, such as its code."""
        source = self.container.get("ModelDataSource", {}).get("S3DataSource", {})
        named = [
            self.container.get("ModelDataUrl") or source.get("S3Uri"),
            *self.container.get("Environment", {}).values(),
        ]
        return [uri for uri in named if uri and uri.startswith("s3://")]


def obstacles(attached: Attached, found: Found) -> list[str]:
    """Why the endpoint cannot be watched and rolled out as it is, with the remedy; empty if it can."""
    return [*_of_serving(attached, found), *_of_model(attached, found), *_of_captures(attached, found)]


def container(found: Found) -> dict[str, Any]:
    """What CreateModel and CreateModelPackage need, to serve the same model anew."""
    taken = {name: found.container[name] for name in _TAKEN_OVER if found.container.get(name)}
    if "ModelDataUrl" in taken:  # SageMaker shows both, and takes one
        taken.pop("ModelDataSource", None)
    return taken


def model_name(model: str, container: Mapping[str, Any]) -> str:
    """SageMaker model of version 1; models never change, so another container gets another."""
    text = json.dumps(container, sort_keys=True, separators=(",", ":"))
    return f"{model}--{naming.FIRST_VERSION}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _of_serving(attached: Attached, found: Found) -> Iterator[str]:
    name, variants = attached.endpoint, found.config["ProductionVariants"]
    if found.status != IN_SERVICE:
        yield f"Endpoint {name!r} is {found.status}: wait until it is {IN_SERVICE}."
    if len(variants) != 1 or "ModelName" not in variants[0] or "InstanceType" not in variants[0]:
        yield (
            f"Endpoint {name!r} has {len(variants)} variants; one is needed, with a model on instances (no inference "
            "components, not serverless): serve the model from an endpoint of its own."
        )
    elif variants[0]["VariantName"] != naming.VARIANT:
        yield (
            f"The variant of endpoint {name!r} is called {variants[0]['VariantName']!r}, and a rollout cannot rename "
            f"it: serve the model from an endpoint whose variant is called {naming.VARIANT!r}."
        )
    for setting in _LOST_WITH_CONFIG:
        if found.config.get(setting):
            yield f"The config of endpoint {name!r} has {setting}, which versions rolled out here would not have."


def _of_model(attached: Attached, found: Found) -> Iterator[str]:
    for setting in _LOST_WITH_MODEL:
        if found.model.get(setting):
            yield f"The model of endpoint {attached.endpoint!r} has {setting}, which new versions would not have."
    if found.model and ("Image" not in found.container or found.container.get("Mode") == "MultiModel"):
        yield (
            f"The model of endpoint {attached.endpoint!r} is an inference pipeline or a multi-model container: serve "
            "one model in one container."
        )
    for artefact in found.artefacts:
        if not any(
            artefact.startswith(named) if named[-1] == "/" else artefact == named for named in attached.artefacts
        ):
            yield (
                f"The model loads {artefact}: name it in endpoint.attach.artefacts, or a prefix of it that ends with "
                "a slash, and deploy the model's stack again."
            )


def _of_captures(attached: Attached, found: Found) -> Iterator[str]:
    name, capture = attached.endpoint, found.config.get("DataCaptureConfig", {})
    if not capture.get("EnableCapture") or not capture.get("InitialSamplingPercentage"):
        yield (
            f"Endpoint {name!r} captures nothing: update it to a config whose DataCaptureConfig captures input and "
            f"output to {attached.capture}."
        )
        return
    modes = {option["CaptureMode"] for option in capture["CaptureOptions"]}
    if "InputAndOutput" not in modes and not modes >= {"Input", "Output"}:
        yield f"Endpoint {name!r} captures {' and '.join(modes)} only: update it to a config that captures both."
    if capture["DestinationS3Uri"].rstrip("/") != attached.capture.rstrip("/"):
        yield (
            f"Endpoint {name!r} captures to {capture['DestinationS3Uri']}, not to {attached.capture}: correct "
            "endpoint.attach.capture and deploy the model's stack again."
        )
    if not found.sends_events:
        yield (
            f"Bucket {attached.bucket!r} sends no events to EventBridge: its owner switches them on once, in the S3 "
            "console under Properties, Event notifications, Amazon EventBridge."
        )
    key = capture.get("KmsKeyId", "")
    if key and not any(key in (arn, arn.rpartition("/")[2]) or "alias/" in key for arn in attached.kms_keys):
        yield (
            f"Captures are encrypted with key {key}: name its ARN in endpoint.attach.kms_keys and deploy the model's "
            "stack again."
        )
