"""Begins a retraining that holds the lock: finds the champion, and puts on record why the run began."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio, naming
from watchkeeper.admission import Run, superseded
from watchkeeper.aws import deployed
from watchkeeper.errors import RolloutError
from watchkeeper.spec import Trigger, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say which version is the champion, or that the run has been superseded while it waited."""
    spec, request, now = deployed_spec(), event["request"], datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name, run=event["run"])
    registry = deployed.registry()
    serving = registry.serving()
    champion = None if serving is None else registry.version(serving.version)
    if serving is None or champion is None:
        raise RolloutError(f"No version of {spec.name} is on record as serving: start the onboarding machine.")
    if superseded(event["run"], datetime.fromisoformat(event["started"]), registry.last_run(), serving.since):
        logger.info("Superseded", serving=serving.version)
        return {"go": False, "version": champion.version, "model_name": champion.model_name}
    run = Run(
        name=event["run"],
        trigger=Trigger(request["trigger"]),
        reason=request["reason"],
        started=now,
        execution=event["execution"],
        alarm=request["alarm"],
        alarm_time=request["alarm_time"],
    )
    registry.begin(run)
    account = {**run.to_document(), "champion": champion.version}
    deployed.store().put(naming.run_key(spec.name, run.name), jsonio.dumps(account))
    logger.info("Began", trigger=run.trigger, reason=run.reason, champion=champion.version)
    return {"go": True, "version": champion.version, "model_name": champion.model_name}
