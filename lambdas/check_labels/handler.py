"""Counts the labels that came lately, before anything is assembled or paid for; stops when there are enough."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed
from watchkeeper.aws.label_counts import count_labels
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether there are labels enough to train and judge on."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name)
    needed = spec.retraining.minimum_labels
    labelled, unusable = count_labels(deployed.store(), spec, now, needed)
    if unusable:
        logger.warning("Some labels cannot be used", unusable=unusable)
    logger.info("Counted labels", labelled=labelled, needed=needed)
    return {"ready": labelled >= needed, "labelled": labelled, "needed": needed}
