"""Writes the model card of a version, whenever something is learned of it.

Started by the objects that tell of a version. What it writes depends on what is on record alone, so that repeated and
reordered events come to the same card; of two that write at once, the one that read earlier begins again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import card, naming
from watchkeeper.aws import deployed, model_cards
from watchkeeper.errors import BaselineError
from watchkeeper.report.card import render
from watchkeeper.spec import ModelSpec, deployed_spec

ATTEMPTS = 5


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Write the card of the version that the event's object tells of."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["time"])
    version = naming.version_of(spec.name, event["detail"]["object"]["key"])
    logger.append_keys(model=spec.name, version=version)
    for _ in range(ATTEMPTS):
        if _written(spec, version, now):
            logger.info("Wrote the model card")
            return {"version": version, "card": naming.card_key(spec.name, version, "html")}
    raise BaselineError(
        f"The card of {spec.name} {version} was changed {ATTEMPTS} times while it was written: send the event again."
    )


def _written(spec: ModelSpec, version: str, now: datetime) -> bool:
    """Write all forms of the card; False when somebody else has written one since this began to read."""
    store, client = deployed.store(), deployed.client("sagemaker")
    page = naming.card_key(spec.name, version, "html")
    before = store.get_tagged(page)
    package = model_cards.describe(client, os.environ["PACKAGES_ARN"], os.environ["JOBS_ARN"], version)
    facts = model_cards.known(store, spec, version, package, now)
    if not store.put_if(page, render(facts).encode(), before and before[1], "text/html; charset=utf-8"):
        return False
    content = card.content(facts)
    store.put(naming.card_key(spec.name, version, "json"), content)
    model_cards.publish(client, naming.model_card(spec.name, version), content, package)
    return True
