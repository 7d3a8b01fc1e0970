"""How a version gets its traffic: the requests that a rollout sends to SageMaker and CloudWatch, as pure functions.

The state machine passes these requests on as they are, so everything that could be decided wrongly is decided here and
can be tested without AWS. Limits are those of SageMaker's deployment guardrails.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from watchkeeper import naming
from watchkeeper.errors import RolloutError
from watchkeeper.spec import ModelSpec, Rollout, Strategy

Request = dict[str, Any]

BASE_ENVIRONMENT: Mapping[str, str] = {
    "SAGEMAKER_PROGRAM": "inference.py",
    "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
}
"""Environment by which SageMaker's framework containers find `inference.py` in the artefact."""

CAPTURED_CSV, CAPTURED_JSON = ("text/csv",), ("application/json", "application/jsonlines")
MAXIMUM_WAIT_SECONDS = 3600
TIMEOUT_SECONDS = (600, 28800)
CANARY_PERIOD_SECONDS = 60
ERRORS_METRIC, SAGEMAKER_NAMESPACE = "Invocation5XXErrors", "AWS/SageMaker"


@dataclass(frozen=True)
class ServingSettings:
    """What the YAML file says of how a version is served; applies to whichever version serves."""

    instance_type: str
    instance_count: int
    capture_percent: int
    autoscaled: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical JSON: equal settings give equal text."""
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
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise RolloutError(
                f"The serving settings {text[:200]!r} cannot be read ({error}). Deploy the model's stack again: it "
                "writes them."
            ) from error


def environment_of(settings: ServingSettings | None, container: Mapping[str, str]) -> dict[str, str]:
    """The serving container's environment: what the version needs, then what the YAML file adds."""
    return {**container, **(settings.environment if settings else {})}


def served_model_name(model: str, version: str, environment: Mapping[str, str]) -> str:
    """SageMaker model name of a version in a container environment; models never change, so another one gets another."""
    text = json.dumps(dict(environment), sort_keys=True, separators=(",", ":"))
    return f"{model}--{version}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def deployment_config(rollout: Rollout, alarms: Sequence[str], strategy: Strategy | None = None) -> Request:
    """SageMaker's DeploymentConfig for a model's rollout settings; `strategy` overrides theirs.

    Raises
    ------
    RolloutError
        SageMaker would refuse it.
    """
    chosen = strategy or rollout.strategy
    check_guardrails(rollout, chosen)
    if not 1 <= len(alarms) <= 10:
        raise RolloutError(f"A rollout takes 1 to 10 alarms, but got {len(alarms)}: without one nothing would undo it.")
    routing: Request = {"Type": chosen.value.upper(), "WaitIntervalInSeconds": rollout.wait_seconds}
    size = {"Type": "CAPACITY_PERCENT", "Value": rollout.size_percent}
    if chosen is Strategy.CANARY:
        routing["CanarySize"] = size
    elif chosen is Strategy.LINEAR:
        routing["LinearStepSize"] = size
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": routing,
            "TerminationWaitInSeconds": rollout.termination_wait_seconds,
            "MaximumExecutionTimeoutInSeconds": rollout.timeout_seconds,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in alarms]},
    }


def check_guardrails(rollout: Rollout, strategy: Strategy) -> None:
    """Refuse what SageMaker's deployment guardrails refuse.

    Raises
    ------
    RolloutError
        A size, a wait or the timeout is out of its limits.
    """
    least, most = {Strategy.CANARY: (1, 50), Strategy.LINEAR: (10, 50)}.get(strategy, (0, 100))
    if not least <= rollout.size_percent <= most:
        raise RolloutError(
            f"rollout.size is {rollout.size_percent}, but a {strategy} rollout takes {least} to {most} percent."
        )
    for name, seconds in (("wait", rollout.wait_seconds), ("termination_wait", rollout.termination_wait_seconds)):
        if not 0 <= seconds <= MAXIMUM_WAIT_SECONDS:
            raise RolloutError(f"rollout.{name} is {seconds} s, but SageMaker waits at most {MAXIMUM_WAIT_SECONDS} s.")
    steps = math.ceil(100 / rollout.size_percent) if strategy is Strategy.LINEAR else 1
    waits = rollout.wait_seconds * steps + rollout.termination_wait_seconds
    if not TIMEOUT_SECONDS[0] <= rollout.timeout_seconds <= TIMEOUT_SECONDS[1] or rollout.timeout_seconds <= waits:
        raise RolloutError(
            f"rollout.timeout is {rollout.timeout_seconds} s, but must be {TIMEOUT_SECONDS[0]} to {TIMEOUT_SECONDS[1]} "
            f"s and more than all waits together ({waits} s). Raise it or shorten the waits."
        )


def data_capture(bucket: str, key_arn: str, model: str, version: str, percent: int) -> Request:
    """DataCaptureConfig of a version: its own prefix, so that a record's version is known during a canary as well."""
    return {
        "EnableCapture": percent > 0,
        "InitialSamplingPercentage": percent,
        "DestinationS3Uri": f"s3://{bucket}/{naming.capture_prefix(model, version).rstrip('/')}",
        "KmsKeyId": key_arn,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": list(CAPTURED_CSV),
            "JsonContentTypes": list(CAPTURED_JSON),
        },
    }


def takes_volume_key(instance_type: str) -> bool:
    """Whether SageMaker takes a key for the instances' volumes; instances with local storage encrypt it in hardware."""
    family = instance_type.split(".")[1]
    generation = family.lstrip("abcdefghijklmnopqrstuvwxyz")
    return not (family.startswith(("g4", "g5", "g6", "p4", "p5", "inf2", "trn")) or "d" in generation)


def endpoint_config(name: str, variant: str, model_name: str, settings: ServingSettings, capture: Request) -> Request:
    """CreateEndpointConfig request; the one variant keeps its name, for SageMaker refuses to change it."""
    request: Request = {
        "EndpointConfigName": name,
        "ProductionVariants": [
            {
                "VariantName": variant,
                "ModelName": model_name,
                "InitialInstanceCount": settings.instance_count,
                "InstanceType": settings.instance_type,
                "InitialVariantWeight": 1.0,
            }
        ],
        "DataCaptureConfig": capture,
    }
    if takes_volume_key(settings.instance_type):
        request["KmsKeyId"] = capture["KmsKeyId"]
    return request


def canary_alarm(spec: ModelSpec, endpoint_config_name: str, variant: str) -> Request:
    """PutMetricAlarm request over the new fleet's own errors.

    The dimension `EndpointConfigName` is what keeps an alarm of the old fleet from killing the deployment that would
    cure it.
    """
    return {
        "AlarmName": naming.canary_alarm(endpoint_config_name),
        "AlarmDescription": (
            f"More than {spec.rollout.error_rate:.1%} of the answers of {endpoint_config_name} are server errors: its "
            "rollout is undone. The alarm exists only during the rollout."
        ),
        "Namespace": SAGEMAKER_NAMESPACE,
        "MetricName": ERRORS_METRIC,
        "Dimensions": [
            {"Name": "EndpointName", "Value": spec.endpoint},
            {"Name": "VariantName", "Value": variant},
            {"Name": "EndpointConfigName", "Value": endpoint_config_name},
        ],
        "Statistic": "Average",
        "Period": CANARY_PERIOD_SECONDS,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": spec.rollout.error_rate,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def probation_until(now: datetime, rollout: Rollout, *, served_before: bool) -> datetime:
    """Until when a version's own predictions may condemn it; one that served before has nothing to prove."""
    return now if served_before else now + timedelta(hours=rollout.probation_hours)


@dataclass(frozen=True)
class Past:
    """What the choice of the last good version needs to know of one version."""

    version: str
    served_since: datetime | None
    rejected: bool


def last_good(past: Iterable[Past], serving: str) -> str | None:
    """The version that served most recently before the serving one and was not rejected; None when there is none."""
    good = [
        (version.served_since, version.version)
        for version in past
        if version.version != serving and version.served_since is not None and not version.rejected
    ]
    return max(good)[1] if good else None


def same_answer(expected: str, answer: str, tolerance: float = 1e-4) -> bool:
    """Whether a model gave the answer it gave before: the same words, and numbers within a relative tolerance."""
    return _same(_parsed(expected), _parsed(answer), tolerance)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return [[_number(field.strip()) for field in line.split(",")] for line in text.strip().splitlines()]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _same(expected: Any, answer: Any, tolerance: float) -> bool:
    if isinstance(expected, Mapping) and isinstance(answer, Mapping):
        return expected.keys() == answer.keys() and all(_same(expected[k], answer[k], tolerance) for k in expected)
    if isinstance(expected, list) and isinstance(answer, list):
        return len(expected) == len(answer) and all(
            _same(one, other, tolerance) for one, other in zip(expected, answer, strict=True)
        )
    if isinstance(expected, int | float) and isinstance(answer, int | float):
        return math.isclose(expected, answer, rel_tol=tolerance, abs_tol=1e-6)
    return bool(expected == answer)
