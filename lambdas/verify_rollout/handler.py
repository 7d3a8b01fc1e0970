"""Asks the endpoint what the version was asked when it was judged, and compares the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed
from watchkeeper.aws.endpoint import IN_SERVICE, describe, invoke
from watchkeeper.errors import RolloutError
from watchkeeper.spec import ModelSpec, deployed_spec
from watchkeeper.verification import Verification, disagreement


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether the version serves, and answers as it should."""
    spec, version = deployed_spec(), event["version"]
    logger.append_keys(model=spec.name, version=version)
    problem = _not_serving(spec, version, event.get("model_name")) or _misbehaving(spec, version)
    logger.info("Verified", ok=problem is None, reason=problem)
    return {"ok": problem is None, "reason": problem or f"version {version} serves and answers as it should"}


def _not_serving(spec: ModelSpec, version: str, model_name: str | None) -> str | None:
    """What is wrong with the endpoint itself; `model_name` is that of the plan, if the record's is to change."""
    record = deployed.registry().version(version)
    if record is None:
        raise RolloutError(f"Version {version} of {spec.name} is not on record: roll it out by the rollout machine.")
    state = describe(deployed.client("sagemaker"), spec.endpoint)
    if state.status != IN_SERVICE:
        return f"endpoint {spec.endpoint} is {state.status}"
    expected = model_name or record.model_name
    if state.model_name != expected:
        return f"endpoint {spec.endpoint} serves model {state.model_name}, not {expected} (version {version})"
    return None


def _misbehaving(spec: ModelSpec, version: str) -> str | None:
    stored = deployed.store().get(naming.verification_key(spec.name, version))
    if stored is None:
        logger.warning("No recorded answers to compare with")
        return None
    recorded, runtime = Verification.from_json(stored), deployed.client("sagemaker-runtime")
    try:
        answers = [invoke(runtime, spec.endpoint, asked.content_type, asked.body) for asked in recorded.requests]
    except RolloutError as error:
        return str(error)
    return disagreement(spec, recorded, answers)
