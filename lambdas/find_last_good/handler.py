"""Finds the version to go back to, and whether there is anything to go back from.

Alarms and people may start a rollback twice. A version that took over after the rollback was asked for is not the one
that was meant, so the second start finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed
from watchkeeper.aws.registry import Serving, VersionRecord
from watchkeeper.rollout import last_good
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Choose; `alarm_time` is when the alarm was raised, `started` when a person's execution started."""
    logger.append_keys(model=deployed_spec().name)
    serving = deployed.registry().serving()
    if serving is None:
        return _answer(needed=False, reason="no version is on record as serving, so there is nothing to go back from")
    reason = _moot(serving, event)
    bad = deployed.registry().version(serving.version)
    if reason is not None or bad is None:
        return _answer(needed=False, bad=bad, reason=reason or f"version {serving.version} is not on record")
    good = _last_good(serving)
    if good is None:
        return _answer(needed=True, bad=bad, reason=f"no approved version served before {bad.version}")
    return _answer(needed=True, bad=bad, good=good, reason=f"{good.version} served before {bad.version} and was good")


def _moot(serving: Serving, event: Mapping[str, Any]) -> str | None:
    """Why the rollback that was asked for does not concern the version that serves now."""
    raised = event.get("alarm_time")
    asked = datetime.fromisoformat(raised or event.get("started") or event["now"])
    if serving.since > asked:
        return f"version {serving.version} took over after the rollback was asked for"
    if raised and serving.probation_until <= serving.since:
        return f"version {serving.version} is not on probation"
    return None


def _last_good(serving: Serving) -> VersionRecord | None:
    """The last version that served before and that the model registry still approves of."""
    records = deployed.registry().versions()
    while (good := last_good(records, serving.version)) is not None:
        package = deployed.package(good.version)
        if package is not None and package.approved:
            return good
        logger.info("Passed over a version that is not approved", version=good.version)
        records.remove(good)
    return None


def _answer(
    *, needed: bool, reason: str, bad: VersionRecord | None = None, good: VersionRecord | None = None
) -> dict[str, Any]:
    logger.info("Chosen", needed=needed, version=good.version if good else None, reason=reason)
    return {
        "needed": needed,
        "found": good is not None,
        "version": good.version if good else None,
        "bad_version": bad.version if bad else None,
        "bad_package_arn": bad.package_arn if bad else None,
        "reason": reason,
    }
