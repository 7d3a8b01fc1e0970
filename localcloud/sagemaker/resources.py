"""Models, endpoint configs and tags: definitions that others use, kept as the API spells them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from localcloud.cloud import Cloud
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.artefacts import ArtefactError, Location, Store
from localcloud.sagemaker.splitter import Splitter

PackageOf = Callable[[str], Shape]


class Shelf:
    """Named resources of one type.

    Parameters
    ----------
    noun : the type as messages and ARNs have it ("model", "endpoint-config", …)
    key : the API member that holds the name
    """

    def __init__(self, cloud: Cloud, noun: str, key: str) -> None:
        self._cloud, self._noun, self.key = cloud, noun, key
        self._items: dict[str, Shape] = {}

    def arn(self, name: str) -> str:
        """Return the ARN that a resource of this name has."""
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:{self._noun}/{name}"

    def add(self, request: Shape, **more: Any) -> Shape:
        """Keep a new resource, as its creation request defines it.

        Raises
        ------
        ApiError
            The name is taken.
        """
        name = request[self.key]
        if name in self._items:
            raise ApiError(
                "ValidationException",
                f'Cannot create already existing {self._noun} "{self.arn(name)}".',
            )
        kept = {key: value for key, value in request.items() if key != "Tags"}
        self._items[name] = copy.deepcopy(kept) | {"CreationTime": self._cloud.clock.now()} | more
        return self._items[name]

    def get(self, name: str) -> Shape:
        """Return a resource.

        Raises
        ------
        ApiError
            There is none of that name.
        """
        if name not in self._items:
            raise ApiError("ValidationException", f'Could not find {self._noun} "{self.arn(name)}".')
        return self._items[name]

    def remove(self, name: str) -> Shape:
        """Forget a resource and return it."""
        found = self.get(name)
        del self._items[name]
        return found

    def matching(self, request: Shape) -> Iterator[Shape]:
        """Return the resources that a List request asks for, newest first."""
        wanted = request.get("NameContains", "")
        yield from (item for name, item in reversed(self._items.items()) if wanted in name)


@dataclass
class Tags:
    """Tags by ARN."""

    _tags: dict[str, dict[str, str]] = field(default_factory=dict)

    def keep(self, arn: str, request: Shape) -> None:
        """Keep the tags of a creation request."""
        self.add(arn, request.get("Tags", []))

    def add(self, arn: str, tags: list[dict[str, str]]) -> list[dict[str, str]]:
        """Add tags, or change their values; return all of the resource."""
        known = self._tags.setdefault(arn, {})
        known.update({tag["Key"]: tag["Value"] for tag in tags})
        return self.of(arn)

    def of(self, arn: str) -> list[dict[str, str]]:
        """Return a resource's tags."""
        return [{"Key": key, "Value": value} for key, value in self._tags.get(arn, {}).items()]

    def remove(self, arn: str, keys: list[str]) -> None:
        """Take tags away."""
        for key in keys:
            self._tags.get(arn, {}).pop(key, None)

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on tags."""
        return {
            "AddTags": lambda request: {"Tags": self.add(request["ResourceArn"], request["Tags"])},
            "ListTags": lambda request: {"Tags": self.of(request["ResourceArn"])},
            "DeleteTags": lambda request: self.remove(request["ResourceArn"], request["TagKeys"]),
        }


class Models:
    """Models: which image runs which artefact with which role."""

    def __init__(self, cloud: Cloud, tags: Tags, package_of: PackageOf) -> None:
        self._cloud, self._tags, self._package_of = cloud, tags, package_of
        self._shelf = Shelf(cloud, "model", "ModelName")

    def get(self, name: str) -> Shape:
        """Return a model's definition."""
        return self._shelf.get(name)

    def container_of(self, model: Shape) -> Shape:
        """Return the container definition of a model; that of a model package comes from the package."""
        containers = model.get("Containers") or [model["PrimaryContainer"]]
        if len(containers) != 1:
            raise ApiError("ValidationException", "An inference pipeline of several containers is not simulated.")
        container: Shape = containers[0]
        if "ModelPackageName" not in container:
            return container
        packaged: Shape = self._package_of(container["ModelPackageName"])["InferenceSpecification"]["Containers"][0]
        environment = {**packaged.get("Environment", {}), **container.get("Environment", {})}
        return {**packaged, **container, "Environment": environment}

    def create(self, request: Shape) -> Shape:
        """Make a model; like AWS, refuse one whose artefact the role cannot reach."""
        if not (request.get("PrimaryContainer") or request.get("Containers")):
            raise ApiError("ValidationException", "A model needs a PrimaryContainer or Containers.")
        container = self.container_of(request)
        if "ModelDataUrl" in container:
            try:
                at = Location.parse(container["ModelDataUrl"])
                Store(self._cloud, request["ExecutionRoleArn"], "create-model").check(at)
            except ArtefactError as error:
                raise ApiError("ValidationException", f"Could not access model data: {error}") from error
        arn = self._shelf.arn(request["ModelName"])
        self._shelf.add(request, ModelArn=arn)
        self._tags.keep(arn, request)
        return {"ModelArn": arn}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on models."""
        return {
            "CreateModel": self.create,
            "DescribeModel": lambda request: self._shelf.get(request["ModelName"]),
            "DeleteModel": lambda request: _nothing(self._shelf.remove(request["ModelName"])),
            "ListModels": lambda request: {"Models": list(self._shelf.matching(request))},
        }


class Configs:
    """Endpoint configs: which models an endpoint serves, on how many instances, and what it captures."""

    def __init__(self, cloud: Cloud, tags: Tags, models: Models) -> None:
        self._tags, self._models = tags, models
        self._shelf = Shelf(cloud, "endpoint-config", "EndpointConfigName")

    def get(self, name: str) -> Shape:
        """Return a config."""
        return self._shelf.get(name)

    def create(self, request: Shape) -> Shape:
        """Make a config; its models must exist and its settings be within the API's limits."""
        for variant in request["ProductionVariants"]:
            self._models.get(variant["ModelName"])
            if "ServerlessConfig" not in variant and variant.get("InitialInstanceCount", 0) < 1:
                raise ApiError(
                    "ValidationException", f"Variant {variant['VariantName']!r} has no InitialInstanceCount."
                )
        _check_capture(request.get("DataCaptureConfig"))
        for unsupported in ("AsyncInferenceConfig", "ShadowProductionVariants", "ExplainerConfig"):
            if unsupported in request:
                raise ApiError("ValidationException", f"{unsupported} is not simulated.")
        arn = self._shelf.arn(request["EndpointConfigName"])
        self._shelf.add(request, EndpointConfigArn=arn)
        self._tags.keep(arn, request)
        return {"EndpointConfigArn": arn}

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on endpoint configs."""
        return {
            "CreateEndpointConfig": self.create,
            "DescribeEndpointConfig": lambda request: self._shelf.get(request["EndpointConfigName"]),
            "DeleteEndpointConfig": lambda request: _nothing(self._shelf.remove(request["EndpointConfigName"])),
            "ListEndpointConfigs": lambda request: {"EndpointConfigs": list(self._shelf.matching(request))},
        }


def variant_splitter(config: Shape) -> Splitter[str]:
    """Return what divides an endpoint config's traffic among its variants."""
    return Splitter({v["VariantName"]: float(v.get("InitialVariantWeight", 1.0)) for v in config["ProductionVariants"]})


def _check_capture(capture: Shape | None) -> None:
    if capture is None:
        return
    if not 0 <= capture["InitialSamplingPercentage"] <= 100:
        raise ApiError("ValidationException", "InitialSamplingPercentage must be between 0 and 100.")
    if not 1 <= len(capture["CaptureOptions"]) <= 32:
        raise ApiError("ValidationException", "CaptureOptions must hold 1 to 32 options.")
    if len(capture["DestinationS3Uri"]) > 512:
        raise ApiError("ValidationException", "DestinationS3Uri must not be longer than 512 characters.")


def _nothing(_: Shape) -> None:
    return None
