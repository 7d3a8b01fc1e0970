"""InvokeEndpoint: hand a request to the model, measure it, capture it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from moto.core.exceptions import ServiceException
from moto.sagemakerruntime.responses import SageMakerRuntimeResponse

from localcloud.cloud import Cloud
from localcloud.operations import ApiError
from localcloud.sagemaker.capture import Capture, Exchange, Payload
from localcloud.sagemaker.containers import ContainerError, Response
from localcloud.sagemaker.endpoints import Endpoint, Endpoints
from localcloud.sagemaker.fleet import Fleet

_PASSED_ON = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes", "X-Amzn-SageMaker-Inference-Id")


class ModelError(ServiceException):  # type: ignore[misc]
    """The model answered with an error: HTTP 424, with what the model said."""

    code = "ModelError"

    def __init__(self, status: int, said: str, log_stream: str) -> None:
        super().__init__(
            f'Received server error ({status}) from primary with message "{said}". '
            f"See {log_stream} for more information."
        )
        self.OriginalStatusCode = status
        self.OriginalMessage = said
        self.LogStreamArn = log_stream


@dataclass(frozen=True)
class Invocation:
    """One request as the caller sent it."""

    endpoint: str
    body: bytes
    headers: Mapping[str, str]

    def header(self, name: str) -> str | None:
        """Return a header, whatever its case."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


@dataclass(frozen=True)
class Answered:
    """The model's answer, and which variant gave it."""

    response: Response
    variant: str


class Runtime:
    """The sagemaker-runtime service."""

    def __init__(self, cloud: Cloud, endpoints: Endpoints) -> None:
        self._cloud, self._endpoints, self._capture = cloud, endpoints, Capture(cloud)

    def invoke(self, invocation: Invocation) -> Answered:
        """Answer an invocation.

        Raises
        ------
        ApiError
            There is no such endpoint or variant, or nothing is in service.
        ModelError
            The model answered with an error, or not at all.
        """
        began = time.perf_counter()
        try:
            endpoint = self._endpoints.get(invocation.endpoint)
        except ApiError:
            where = f"Endpoint {invocation.endpoint} of account {self._cloud.account}"
            raise ApiError("ValidationError", f"{where} not found.") from None
        fleet = endpoint.route()
        variant = invocation.header("X-Amzn-SageMaker-Target-Variant") or fleet.splitter.pick()
        if variant not in fleet.servers:
            raise ApiError("ValidationError", f"Variant {variant} is not a variant of endpoint {endpoint.name}.")
        sent = {name: value for name in _PASSED_ON if (value := invocation.header(name)) is not None}
        at = self._cloud.clock.now()
        asked = time.perf_counter()
        try:
            response = fleet.servers[variant].invoke(invocation.body, sent)
        except ContainerError as error:
            response = Response(500, "text/plain", str(error).encode())
        answered = time.perf_counter()
        self._publish(endpoint, fleet, variant, response.status, answered - asked, asked - began)
        if response.status >= 400:
            raise ModelError(response.status, response.body.decode(errors="replace")[:1000], self._log_arn(endpoint))
        received = Payload(response.content_type, response.body)
        self._capture.record(
            fleet,
            Exchange(
                endpoint=endpoint.name,
                variant=variant,
                at=at,
                sent=Payload(sent.get("Content-Type", "application/octet-stream"), invocation.body),
                received=received,
                inference_id=invocation.header("X-Amzn-SageMaker-Inference-Id"),
                custom_attributes=invocation.header("X-Amzn-SageMaker-Custom-Attributes"),
            ),
        )
        return Answered(response, variant)

    def _publish(
        self, endpoint: Endpoint, fleet: Fleet, variant: str, status: int, model: float, overhead: float
    ) -> None:
        whole = {"EndpointName": endpoint.name, "VariantName": variant}
        values = (
            ("Invocations", 1.0, "Count"),
            ("Invocation4XXErrors", float(400 <= status < 500), "Count"),
            ("Invocation5XXErrors", float(status >= 500), "Count"),
            ("ModelLatency", model * 1e6, "Microseconds"),
            ("OverheadLatency", overhead * 1e6, "Microseconds"),
        )
        for dimensions in (whole, {**whole, "EndpointConfigName": fleet.name}):
            for name, value, unit in values:
                self._cloud.publish_metric("AWS/SageMaker", name, dimensions, value, unit)

    def _log_arn(self, endpoint: Endpoint) -> str:
        prefix = f"arn:aws:logs:{self._cloud.region}:{self._cloud.account}:log-group"
        return f"{prefix}:/aws/sagemaker/Endpoints/{endpoint.name}"


def serve_invocations(runtime: Runtime) -> None:
    """Let the runtime answer in the place of moto's."""

    def invoke_endpoint(self: SageMakerRuntimeResponse) -> tuple[int, dict[str, str], bytes]:
        body = self.raw_body if isinstance(self.raw_body, bytes) else str(self.raw_body).encode()
        name = self.path.split("/")[2]
        answered = runtime.invoke(Invocation(name, body, dict(self.headers.items())))
        headers = {
            "Content-Type": answered.response.content_type,
            "x-Amzn-Invoked-Production-Variant": answered.variant,
        }
        attributes = self.headers.get("X-Amzn-SageMaker-Custom-Attributes")
        if attributes:
            headers["X-Amzn-SageMaker-Custom-Attributes"] = attributes
        return 200, headers, answered.response.body

    SageMakerRuntimeResponse.use_raw_body = True  # a payload need not be text
    SageMakerRuntimeResponse.invoke_endpoint = invoke_endpoint
