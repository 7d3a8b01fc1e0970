"""Endpoints: their life from Creating to InService, through updates, to deletion; and where each request goes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.operations import ApiError, Handler, Shape
from localcloud.sagemaker.fleet import Fleet, start_fleet
from localcloud.sagemaker.guardrails import Plan, read_plan
from localcloud.sagemaker.resources import Configs, Models, Tags
from localcloud.sagemaker.rollout import RolledBackError, carry_out
from localcloud.sagemaker.splitter import Splitter

_EVENT_STATUSES = {"InService": "IN_SERVICE", "RollingBack": "ROLLING_BACK", "UpdateRollingBack": "ROLLING_BACK"}


@dataclass(eq=False)
class Endpoint:
    """One endpoint.

    Attributes
    ----------
    config_name : the config that it serves, or goes back to while an update is under way
    serving, coming : the fleet in service, and the one that an update brings up
    """

    cloud: Cloud
    name: str
    arn: str
    config_name: str
    created: datetime
    modified: datetime
    status: str = "Creating"
    failure: str | None = None
    serving: Fleet | None = None
    coming: Fleet | None = None
    pending: Shape | None = None
    deployment: Shape | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    _split: Splitter[bool] | None = None

    def shift(self, share: float) -> None:
        """Send this share of requests to the fleet that is coming."""
        with self.lock:
            self._split = Splitter({True: share, False: 1.0 - share})
        self.cloud.note("endpoint", self.name, status=self.status, config=self._coming_name(), new_share=share)

    def route(self) -> Fleet:
        """Return the fleet for the next request.

        Raises
        ------
        ApiError
            Nothing is in service yet.
        """
        with self.lock:
            if self.serving is None:
                raise ApiError("ValidationError", f"Endpoint {self.name} of account {self.cloud.account} not found.")
            if self.coming is not None and self._split is not None and self._split.pick():
                return self.coming
            return self.serving

    def settle_on(self, fleet: Fleet | None, config_name: str) -> Fleet | None:
        """Serve from one fleet alone; return the fleet to retire, if there was another."""
        with self.lock:
            leaving = next((other for other in (self.serving, self.coming) if other not in (fleet, None)), None)
            self.serving, self.coming, self._split, self.pending = fleet, None, None, None
            self.config_name = config_name
            return leaving

    def _coming_name(self) -> str:
        return self.coming.name if self.coming else self.config_name

    def describe(self) -> Shape:
        """Return the endpoint as DescribeEndpoint shows it."""
        shown: Shape = {
            "EndpointName": self.name,
            "EndpointArn": self.arn,
            "EndpointConfigName": self.config_name,
            "EndpointStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }
        if self.serving is not None:
            shown["ProductionVariants"] = _variants(self.serving)
            if "DataCaptureConfig" in self.serving.config:
                capture = self.serving.config["DataCaptureConfig"]
                shown["DataCaptureConfig"] = {
                    "EnableCapture": bool(capture.get("EnableCapture")),
                    "CaptureStatus": "Started" if capture.get("EnableCapture") else "Stopped",
                    "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                    "DestinationS3Uri": capture["DestinationS3Uri"],
                    "KmsKeyId": capture.get("KmsKeyId", ""),
                }
        optional = {
            "FailureReason": self.failure,
            "LastDeploymentConfig": self.deployment,
            "PendingDeploymentSummary": self.pending,
        }
        return shown | {key: value for key, value in optional.items() if value is not None}


def _variants(fleet: Fleet) -> list[Shape]:
    shown = []
    for variant in fleet.config["ProductionVariants"]:
        name, weight = variant["VariantName"], float(variant.get("InitialVariantWeight", 1.0))
        count = fleet.instances[name]
        shown.append(
            {
                "VariantName": name,
                "CurrentWeight": weight,
                "DesiredWeight": weight,
                "CurrentInstanceCount": count,
                "DesiredInstanceCount": count,
            }
        )
    return shown


class Endpoints:
    """All endpoints of the account."""

    def __init__(self, cloud: Cloud, models: Models, configs: Configs, tags: Tags) -> None:
        self._cloud, self._models, self._configs, self._tags = cloud, models, configs, tags
        self._endpoints: dict[str, Endpoint] = {}

    def get(self, name: str) -> Endpoint:
        """Return an endpoint.

        Raises
        ------
        ApiError
            There is none of that name.
        """
        if name not in self._endpoints:
            raise ApiError("ValidationException", f'Could not find endpoint "{self._arn(name)}".')
        return self._endpoints[name]

    def handlers(self) -> dict[str, Handler]:
        """Return the operations on endpoints."""
        return {
            "CreateEndpoint": self.create,
            "UpdateEndpoint": self.update,
            "DescribeEndpoint": lambda request: self.get(request["EndpointName"]).describe(),
            "DeleteEndpoint": self.delete,
            "ListEndpoints": self._list,
            "UpdateEndpointWeightsAndCapacities": self._rescale,
        }

    def create(self, request: Shape) -> Shape:
        """Make an endpoint; it is in service once its models answer."""
        name, now = request["EndpointName"], self._cloud.clock.now()
        config = self._configs.get(request["EndpointConfigName"])
        if name in self._endpoints:
            raise ApiError("ValidationException", f'Cannot create already existing endpoint "{self._arn(name)}".')
        endpoint = Endpoint(self._cloud, name, self._arn(name), config["EndpointConfigName"], now, now)
        endpoint.deployment = request.get("DeploymentConfig")
        read_plan(endpoint.deployment, _instances(config))
        self._endpoints[name] = endpoint
        self._tags.keep(endpoint.arn, request)
        self._announce(endpoint)
        self._cloud.clock.spawn(lambda: self._bring_up(endpoint, config), f"creation of endpoint {name}")
        return {"EndpointArn": endpoint.arn}

    def update(self, request: Shape) -> Shape:
        """Move an endpoint to another config, under the deployment's guardrails."""
        endpoint = self.get(request["EndpointName"])
        config = self._configs.get(request["EndpointConfigName"])
        if request.get("RetainAllVariantProperties") or request.get("ExcludeRetainedVariantProperties"):
            raise ApiError("ValidationException", "RetainAllVariantProperties is not simulated.")
        deployment = request.get("DeploymentConfig")
        if deployment is None and request.get("RetainDeploymentConfig"):
            deployment = endpoint.deployment
        plan = read_plan(deployment, _instances(config))
        with endpoint.lock:
            if endpoint.status not in ("InService", "Failed"):
                raise _in_progress(endpoint)
            if deployment and endpoint.serving is not None:
                _check_same_variants(endpoint.serving.config, config)
            endpoint.status, endpoint.failure, endpoint.deployment = "Updating", None, deployment
            endpoint.pending = {
                "EndpointConfigName": config["EndpointConfigName"],
                "StartTime": self._cloud.clock.now(),
            }
        self._announce(endpoint)
        self._cloud.clock.spawn(lambda: self._deploy(endpoint, config, plan), f"update of endpoint {endpoint.name}")
        return {"EndpointArn": endpoint.arn}

    def delete(self, request: Shape) -> None:
        """End an endpoint and its containers."""
        endpoint = self.get(request["EndpointName"])
        with endpoint.lock:
            if endpoint.status not in ("InService", "Failed"):
                raise _in_progress(endpoint)
            endpoint.status = "Deleting"
        self._announce(endpoint)
        del self._endpoints[endpoint.name]
        leaving = endpoint.settle_on(None, endpoint.config_name)
        if leaving is not None:
            leaving.retire()

    # --- the work behind ------------------------------------------------------------------------------------------

    def _bring_up(self, endpoint: Endpoint, config: Shape) -> None:
        try:
            fleet = start_fleet(self._cloud, self._models, endpoint.name, config)
        except LocalCloudError as error:
            self._enter(endpoint, "Failed", str(error))
            return
        except Exception as error:  # a fault of ours: who waits for the endpoint must hear of it too
            self._enter(endpoint, "Failed", _fault(error))
            raise
        endpoint.settle_on(fleet, fleet.name)
        self._enter(endpoint, "InService")

    def _deploy(self, endpoint: Endpoint, config: Shape, plan: Plan) -> None:
        started, before = self._cloud.clock.now(), endpoint.config_name
        try:
            fleet = start_fleet(self._cloud, self._models, endpoint.name, config)
        except LocalCloudError as error:
            endpoint.settle_on(endpoint.serving, before)
            self._enter(endpoint, "InService" if endpoint.serving else "Failed", str(error))
            return
        except Exception as error:
            endpoint.settle_on(endpoint.serving, before)
            self._enter(endpoint, "InService" if endpoint.serving else "Failed", _fault(error))
            raise
        with endpoint.lock:
            endpoint.coming = fleet
        try:
            carry_out(self._cloud, plan, endpoint, fleet, started)
        except RolledBackError as error:
            self._enter(endpoint, "UpdateRollingBack", str(error))
            self._retire(endpoint.settle_on(endpoint.serving or fleet, before))
            self._enter(endpoint, "InService", str(error))
            return
        self._retire(endpoint.settle_on(fleet, fleet.name))
        self._enter(endpoint, "InService")

    def _retire(self, fleet: Fleet | None) -> None:
        if fleet is not None:
            fleet.retire()

    def _enter(self, endpoint: Endpoint, status: str, failure: str | None = None) -> None:
        endpoint.status, endpoint.failure, endpoint.modified = status, failure, self._cloud.clock.now()
        self._announce(endpoint)

    def _announce(self, endpoint: Endpoint) -> None:
        reason = {"reason": endpoint.failure} if endpoint.failure else {}
        pending = {"new_config": endpoint.pending["EndpointConfigName"]} if endpoint.pending else {}
        self._cloud.note(
            "endpoint", endpoint.name, status=endpoint.status, config=endpoint.config_name, **pending, **reason
        )
        shown = endpoint.describe()
        detail: dict[str, Any] = {
            **shown,
            "EndpointStatus": _EVENT_STATUSES.get(endpoint.status, endpoint.status.upper()),
            "CreationTime": int(endpoint.created.timestamp() * 1000),
            "LastModifiedTime": int(endpoint.modified.timestamp() * 1000),
            "Tags": {tag["Key"]: tag["Value"] for tag in self._tags.of(endpoint.arn)},
        }
        self._cloud.emit("aws.sagemaker", "SageMaker Endpoint State Change", detail, [endpoint.arn])

    def _list(self, request: Shape) -> Shape:
        wanted, status = request.get("NameContains", ""), request.get("StatusEquals")
        found = [e for name, e in self._endpoints.items() if wanted in name and status in (None, e.status)]
        return {"Endpoints": [endpoint.describe() for endpoint in reversed(found)]}

    def _rescale(self, request: Shape) -> Shape:
        endpoint = self.get(request["EndpointName"])
        with endpoint.lock:
            if endpoint.status != "InService" or endpoint.serving is None:
                raise _in_progress(endpoint)
            fleet = endpoint.serving
            variants = {v["VariantName"]: dict(v) for v in fleet.config["ProductionVariants"]}
            for wanted in request["DesiredWeightsAndCapacities"]:
                name = wanted["VariantName"]
                fleet.instances[name] = int(wanted.get("DesiredInstanceCount", fleet.instances[name]))
                if "DesiredWeight" in wanted:
                    variants[name]["InitialVariantWeight"] = wanted["DesiredWeight"]
            fleet.reweigh(list(variants.values()))
        return {"EndpointArn": endpoint.arn}

    def _arn(self, name: str) -> str:
        return f"arn:aws:sagemaker:{self._cloud.region}:{self._cloud.account}:endpoint/{name}"


def _instances(config: Shape) -> int:
    return sum(int(v.get("InitialInstanceCount", 1)) for v in config["ProductionVariants"])


def _check_same_variants(old: Shape, new: Shape) -> None:
    before, after = ({v["VariantName"] for v in config["ProductionVariants"]} for config in (old, new))
    if before != after:
        raise ApiError(
            "ValidationException",
            f"A deployment with guardrails cannot change the variants' names ({', '.join(sorted(before))} to "
            f"{', '.join(sorted(after))}).",
        )


def _in_progress(endpoint: Endpoint) -> ApiError:
    return ApiError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')


def _fault(error: Exception) -> str:
    return f"The embedded AWS failed with {type(error).__name__}: {error}. Its log has the details."
