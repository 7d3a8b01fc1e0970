"""Plans the rollout of a version, or of new serving settings: everything the state machine passes on to SageMaker.

A version that a person registered and approved has no record and no baseline yet. The plan gives it both: the baseline
is that of the version it replaces, for nobody has judged it on data of its own.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.attribution import RequestSample
from watchkeeper.aws import deployed
from watchkeeper.aws.endpoint import IN_SERVICE, EndpointState, describe
from watchkeeper.aws.registry import Serving, State, VersionRecord
from watchkeeper.errors import RolloutError
from watchkeeper.profile import Baseline
from watchkeeper.rollout import (
    ServingSettings,
    canary_alarm_parameters,
    deployment_config,
    endpoint_config_parameters,
    served_model_name,
    waits_seconds,
)
from watchkeeper.spec import ModelSpec, deployed_spec
from watchkeeper.verification import Verification


@dataclass(frozen=True)
class _Change:
    """From what serves now to what shall serve."""

    serving: Serving
    endpoint: EndpointState
    target: VersionRecord
    settings: ServingSettings
    model_name: str
    model: dict[str, Any] | None

    @property
    def settings_only(self) -> bool:
        return self.target.version == self.serving.version

    @property
    def needed(self) -> bool:
        now = self.serving.version, self.endpoint.model_name
        return now != (self.target.version, self.model_name) or not self.endpoint.settings.served_alike(self.settings)

    @property
    def on_trial(self) -> bool:
        """Whether a failure would be the version's own: it never served before."""
        return not self.settings_only and self.target.served_since is None


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Plan; without a `version` in the event, for the one that serves."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["now"])
    serving = deployed.registry().serving()
    if serving is None:
        raise RolloutError(f"No version of {spec.name} is on record as serving: run the onboarding machine first.")
    version = event.get("version") or serving.version
    logger.append_keys(model=spec.name, version=version)
    endpoint, target = _endpoint(spec), _target(spec, version, serving, now)
    settings = _settings(spec, endpoint)
    change = _Change(serving, endpoint, target, settings, *_model(spec, target, settings))
    plan = _plan(spec, change, event.get("strategy"), now)
    logger.info("Planned", needed=plan["needed"], endpoint_config=plan["endpoint_config_name"])
    return plan


def _plan(spec: ModelSpec, change: _Change, strategy: str | None, now: datetime) -> dict[str, Any]:
    target, serving = change.target, change.serving
    config = naming.endpoint_config(spec.name, target.version, change.settings.to_json())
    captures = naming.capture_prefix(spec.name, target.version).rstrip("/")
    alarm = canary_alarm_parameters(spec.endpoint, config, spec.rollout.error_rate)
    return {
        "needed": change.needed,
        "version": target.version,
        "previous_version": serving.previous_version if change.settings_only else serving.version,
        "settings_only": change.settings_only,
        "on_trial": change.on_trial,
        "package_arn": target.package_arn,
        "model": change.model,
        "model_name": change.model_name,
        "endpoint_config_name": config,
        "endpoint_config": endpoint_config_parameters(
            config,
            change.model_name,
            change.settings,
            f"s3://{deployed.store().bucket}/{captures}",
            os.environ["KMS_KEY_ARN"],
        ),
        "previous_endpoint_config": change.endpoint.config,
        "alarm": alarm,
        "retain": change.settings.autoscaled and change.settings_only,
        "deployment": deployment_config(spec.rollout, [alarm["AlarmName"]], strategy),
        "probation_until": _probation_until(spec, change, now).isoformat(),
    }


def _probation_until(spec: ModelSpec, change: _Change, now: datetime) -> datetime:
    """A version is on probation when it serves for the first time, from when it has all traffic."""
    if change.settings_only:
        return change.serving.probation_until
    if change.target.served_since is not None:
        return now
    return now + timedelta(seconds=waits_seconds(spec.rollout), hours=spec.rollout.probation_hours)


def _endpoint(spec: ModelSpec) -> EndpointState:
    """The endpoint, when its config may be changed."""
    state = describe(deployed.client("sagemaker"), spec.endpoint)
    if state.status != IN_SERVICE:
        raise RolloutError(
            f"Endpoint {spec.endpoint!r} is {state.status}: wait until it is {IN_SERVICE}, then start the rollout anew."
        )
    if state.variant != naming.VARIANT:
        raise RolloutError(
            f"The variant of endpoint {spec.endpoint!r} is called {state.variant!r}; SageMaker lets no update rename "
            f"it, and rollouts need {naming.VARIANT!r}. Serve the model from an endpoint with a variant of that name."
        )
    return state


def _settings(spec: ModelSpec, endpoint: EndpointState) -> ServingSettings:
    """The serving settings that were deployed last; an endpoint that is not ours keeps its own, and its size of now."""
    if spec.attached is not None:
        return dataclasses.replace(endpoint.settings, instance_count=endpoint.instances)
    answer = deployed.client("ssm").get_parameter(Name=naming.serving_parameter(spec.name))
    return ServingSettings.from_json(answer["Parameter"]["Value"])


# --- the version to roll out --------------------------------------------------------------------------------------


def _target(spec: ModelSpec, version: str, serving: Serving, now: datetime) -> VersionRecord:
    """The version's record, made now when a person registered it.

    Raises
    ------
    RolloutError
        There is no such version, it was rejected, or it is not approved.
    """
    if not re.fullmatch(r"v[1-9]\d*", version):
        raise RolloutError(f"version is {version!r}; expected 'v' and the number of a model package, such as 'v3'.")
    record = deployed.registry().version(version)
    if record is not None and version == serving.version:
        return record
    if record is not None and record.state is State.REJECTED:
        raise RolloutError(
            f"Version {version} of {spec.name} was rejected by execution {record.rejected_by or 'unknown'}, whose "
            "message says why: mend it and register it as a new version."
        )
    package = deployed.package(version)
    if package is None:
        raise RolloutError(f"Model package group {spec.name!r} holds no version {version[1:]}: register it first.")
    if not package.approved:
        raise RolloutError(
            f"Version {version[1:]} of model package group {spec.name!r} is {package.approval}: approve it first."
        )
    if record is not None:
        return record
    _lend_baseline(spec, version, serving.version)
    record = VersionRecord(version, package.arn, "", State.CANDIDATE, now)
    deployed.registry().add(record)
    return record


def _model(spec: ModelSpec, target: VersionRecord, settings: ServingSettings) -> tuple[str, dict[str, Any] | None]:
    """Name of the SageMaker model to serve, and the parameters of CreateModel if nobody has made it.

    Template and retraining have made a model of their versions. It is served as it is, unless the environment in the
    model's file is another one by now. A version that a person registered has none yet: it is made of its package.
    """
    environment = settings.container_environment
    if target.model_name:
        made = deployed.client("sagemaker").describe_model(ModelName=target.model_name)["PrimaryContainer"]
        if spec.attached is not None or made.get("Environment", {}) == environment:
            return target.model_name, None
        container = {key: made[key] for key in ("Image", "ModelDataUrl", "ModelPackageName") if key in made}
    else:
        container = {"ModelPackageName": target.package_arn}
    name = served_model_name(spec.name, target.version, environment)
    return name, {
        "ModelName": name,
        "ExecutionRoleArn": os.environ["EXECUTION_ROLE_ARN"],
        "PrimaryContainer": {**container, "Environment": environment},
    }


def _lend_baseline(spec: ModelSpec, version: str, lender: str) -> None:
    """Give a version without a baseline that of the one it replaces, and its requests: to verify, and to explain by."""
    if deployed.store().get(naming.baseline_key(spec.name, version)) is not None:
        return
    baseline = deployed.store().get(naming.baseline_key(spec.name, lender))
    if baseline is None:
        logger.warning("There is no baseline to lend", lender=lender)
        return
    recorded = deployed.store().get(naming.verification_key(spec.name, lender))
    if recorded is not None:
        requests = Verification.from_json(recorded).without_answers()
        deployed.store().put(naming.verification_key(spec.name, version), requests.to_json())
    lent = Baseline.from_json(baseline).for_version(version)
    sample = deployed.store().get(naming.sample_key(spec.name, lender))
    if sample is not None:
        own = dataclasses.replace(RequestSample.from_json(sample), baseline=lent.id)
        deployed.store().put(naming.sample_key(spec.name, version), own.to_json())
    deployed.store().put(naming.baseline_key(spec.name, version), lent.to_json())
