"""How a version gets its traffic: SageMaker's deployment guardrails, as pure functions.

What is built here is shaped as the API takes it, so that templates and state machines only pass it on: deployment and
endpoint configs, the alarm over a canary's own errors, the serving settings that outlive versions, and the choice of
the version to go back to.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from watchkeeper import naming
from watchkeeper.errors import RolloutError
from watchkeeper.spec import Rollout, Strategy

INSTANT = "instant"
"""A strategy for going back, never for going on: all at once, without waits, and without alarms that could undo it."""

WAIT_LIMIT = 3600
TIMEOUT_LIMITS = (600, 28800)
SIZE_LIMITS = {Strategy.CANARY: (1, 50), Strategy.LINEAR: (10, 50)}
ALARMS_LIMIT = 10

BASE_ENVIRONMENT: Mapping[str, str] = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
"""How SageMaker's framework containers find `inference.py` in an artefact."""

CSV_CONTENT_TYPES = ["text/csv"]
JSON_CONTENT_TYPES = ["application/json", "application/jsonlines"]

_LOCAL_STORAGE = re.compile(r"ml\.([a-z]+\d+[a-z]*d[a-z]*|g5|g6e?|p5(e|en)?|trn\d+n?)\.")
"""Instances with disks of their own, which their hardware encrypts; SageMaker refuses a key for those."""


# --- deployment configs -------------------------------------------------------------------------------------------


def waits_seconds(rollout: Rollout, strategy: Strategy | None = None) -> int:
    """All waits of a rollout together, from its first shift of traffic to the end of the old fleet."""
    steps = -(-100 // rollout.size_percent) if (strategy or rollout.strategy) is Strategy.LINEAR else 1
    return rollout.wait_seconds * steps + rollout.termination_wait_seconds


def deployment_config(rollout: Rollout, alarms: Sequence[str], strategy: str | None = None) -> dict[str, Any]:
    """`DeploymentConfig` of UpdateEndpoint, and of an endpoint in a template.

    Parameters
    ----------
    alarms : names of the alarms that undo the rollout; without any, nothing does
    strategy : one of `Strategy` or `INSTANT`, instead of the rollout's own

    Raises
    ------
    RolloutError
        The strategy is unknown, or SageMaker would refuse the sizes, waits or alarms.
    """
    if strategy == INSTANT:
        return _blue_green({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, 0, rollout.timeout_seconds)
    chosen = _strategy(strategy) if strategy else rollout.strategy
    _check(rollout, chosen, alarms)
    routing: dict[str, Any] = {"Type": chosen.value.upper(), "WaitIntervalInSeconds": rollout.wait_seconds}
    size = {"Type": "CAPACITY_PERCENT", "Value": rollout.size_percent}
    if chosen is Strategy.CANARY:
        routing["CanarySize"] = size
    elif chosen is Strategy.LINEAR:
        routing["LinearStepSize"] = size
    config = _blue_green(routing, rollout.termination_wait_seconds, rollout.timeout_seconds)
    if alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in alarms]}
    return config


def _blue_green(routing: dict[str, Any], termination_wait: int, timeout: int) -> dict[str, Any]:
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": termination_wait,
            "MaximumExecutionTimeoutInSeconds": timeout,
        }
    }


def _strategy(name: str) -> Strategy:
    try:
        return Strategy(name)
    except ValueError as error:
        known = ", ".join([*Strategy, INSTANT])
        raise RolloutError(f"strategy is {name!r}; expected one of {known}.") from error


def _check(rollout: Rollout, strategy: Strategy, alarms: Sequence[str]) -> None:
    """Hold a rollout against the limits of SageMaker's guardrails."""
    least, most = SIZE_LIMITS.get(strategy, (0, 100))
    if not least <= rollout.size_percent <= most:
        raise RolloutError(
            f"rollout.size is {rollout.size_percent}, but a {strategy} rollout takes {least} to {most} percent of the "
            "new fleet: change the size, or the strategy."
        )
    for name, seconds in (("wait", rollout.wait_seconds), ("termination_wait", rollout.termination_wait_seconds)):
        if not 0 <= seconds <= WAIT_LIMIT:
            raise RolloutError(f"rollout.{name} is {seconds} s, but SageMaker waits at most {WAIT_LIMIT}: shorten it.")
    least, most = TIMEOUT_LIMITS
    waits = waits_seconds(rollout, strategy)
    if not max(least, waits + 1) <= rollout.timeout_seconds <= most:
        raise RolloutError(
            f"rollout.timeout is {rollout.timeout_seconds} s; it must be {least} to {most} s, and more than the waits, "
            f"which add up to {waits} s: change the timeout or the waits."
        )
    if len(alarms) > ALARMS_LIMIT:
        raise RolloutError(f"{len(alarms)} alarms guard the rollout, but SageMaker takes {ALARMS_LIMIT}: combine some.")


# --- what serves --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ServingSettings:
    """How any version is served; the model's file says it, the newest deployed wins.

    Attributes
    ----------
    capture_percent : share of requests that data capture keeps
    autoscaled : whether the number of instances is left to a scaling policy once the endpoint serves
    environment : of the serving container, beside what every framework container needs
    """

    instance_type: str
    instance_count: int
    capture_percent: int
    autoscaled: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def container_environment(self) -> dict[str, str]:
        """The whole environment of the serving container."""
        return {**BASE_ENVIRONMENT, **self.environment}

    def served_alike(self, other: ServingSettings) -> bool:
        """Whether an endpoint config under these settings need not change for `other`, models aside."""
        return (self.instance_type, self.capture_percent) == (other.instance_type, other.capture_percent) and (
            other.autoscaled or self.instance_count == other.instance_count
        )

    def to_json(self) -> str:
        """Canonical JSON: equal settings give equal bytes, for endpoint configs are named by them."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> ServingSettings:
        """Read what `to_json` wrote.

        Raises
        ------
        RolloutError
            The text is no such settings.
        """
        try:
            document = json.loads(text)
            return cls(
                instance_type=str(document["instance_type"]),
                instance_count=int(document["instance_count"]),
                capture_percent=int(document["capture_percent"]),
                autoscaled=bool(document["autoscaled"]),
                environment={str(name): str(value) for name, value in document["environment"].items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RolloutError(
                f"The serving settings {text[:200]!r} cannot be read ({error!r}): deploy the model's stack again."
            ) from error


def served_model_name(model: str, version: str, environment: Mapping[str, str]) -> str:
    """SageMaker model of a version in a container environment; models never change, so another one gets another."""
    text = json.dumps(dict(environment), sort_keys=True, separators=(",", ":"))
    return f"{model}--{version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def takes_volume_key(instance_type: str) -> bool:
    """Whether SageMaker takes a key for the disks of such instances."""
    return _LOCAL_STORAGE.match(instance_type) is None


def data_capture(uri: str, kms_key_id: str, percent: int) -> dict[str, Any]:
    """`DataCaptureConfig` of a version, whose captures go to `uri`; SageMaker adds endpoint, variant and hour to it."""
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": uri,
        "KmsKeyId": kms_key_id,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"CsvContentTypes": CSV_CONTENT_TYPES, "JsonContentTypes": JSON_CONTENT_TYPES},
    }


def endpoint_config_parameters(
    name: str, model_name: str, settings: ServingSettings, capture_uri: str, kms_key_id: str
) -> dict[str, Any]:
    """Parameters of CreateEndpointConfig for one version.

    Parameters
    ----------
    capture_uri : where this version's captures go
    kms_key_id : key of the captures, and of the instances' disks where SageMaker takes one
    """
    parameters: dict[str, Any] = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": naming.VARIANT,
                "ModelName": model_name,
                "InitialInstanceCount": settings.instance_count,
                "InstanceType": settings.instance_type,
                "InitialVariantWeight": 1.0,
            }
        ],
        "DataCaptureConfig": data_capture(capture_uri, kms_key_id, settings.capture_percent),
    }
    if takes_volume_key(settings.instance_type):
        parameters["KmsKeyId"] = kms_key_id
    return parameters


def canary_alarm_parameters(endpoint: str, endpoint_config: str, error_rate: float) -> dict[str, Any]:
    """Parameters of PutMetricAlarm for the alarm that undoes a rollout.

    It watches the new endpoint config alone: an alarm over the whole endpoint may be firing because of the old version,
    and would undo the very rollout that mends it.
    """
    return {
        "AlarmName": naming.canary_alarm(endpoint_config),
        "AlarmDescription": (
            f"More than {error_rate:.2%} of the answers of endpoint {endpoint} under its new config {endpoint_config} "
            "are server errors (5xx). SageMaker sends all traffic back to the old config. Look into the endpoint's "
            "log, mend the version, and roll it out again."
        ),
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Statistic": "Average",
        "Dimensions": [
            {"Name": "EndpointName", "Value": endpoint},
            {"Name": "VariantName", "Value": naming.VARIANT},
            {"Name": "EndpointConfigName", "Value": endpoint_config},
        ],
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": error_rate,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


# --- going back ---------------------------------------------------------------------------------------------------


class Served(Protocol):
    """What is known of a version: `watchkeeper.aws.registry.VersionRecord`."""

    @property
    def version(self) -> str:
        """Such as `v3`."""

    @property
    def state(self) -> str:
        """One of `watchkeeper.aws.registry.State`."""

    @property
    def served_since(self) -> datetime | None:
        """When it last took over."""


Record = TypeVar("Record", bound=Served)
_RETIRED = "retired"


def last_good(records: Iterable[Record], serving: str) -> Record | None:
    """The version to go back to from `serving`: it has served, was not rejected, and was the last to take over."""
    return max(
        (record for record in records if record.state == _RETIRED and record.version != serving),
        key=lambda record: record.served_since.timestamp() if record.served_since else 0.0,
        default=None,
    )
