"""Counts the labels that came lately, before anything is assembled or paid for; stops when there are enough."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import naming
from watchkeeper.aws import deployed, label_values
from watchkeeper.errors import LabelError
from watchkeeper.labels import LabelReader, Source, day_prefixes
from watchkeeper.spec import ModelSpec, deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether there are labels enough to train and judge on."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name)
    needed = spec.retraining.minimum_labels
    labelled = _count(spec, now, needed)
    logger.info("Counted labels", labelled=labelled, needed=needed)
    return {"ready": labelled >= needed, "labelled": labelled, "needed": needed}


def _count(spec: ModelSpec, now: datetime, enough: int) -> int:
    """Rows that were labelled of late, corrections counted once; counting stops at `enough`.

    Objects are read one after another: while there are too few labels, there are few objects to read.
    """
    store, reader = deployed.store(), LabelReader(spec, label_values.known(deployed.store(), spec.name))
    labelled: set[tuple[bytes, int]] = set()
    unusable = 0
    prefixes = day_prefixes(spec.name, now, spec.retraining.window_days)
    for item in (item for prefix in prefixes for item in store.listed(prefix)):
        hour = naming.label_hour(spec.name, item.key, item.modified)
        streamed = None if hour is None else store.stream(item.key)
        if hour is None or streamed is None:
            continue
        try:
            labels, faults = reader.read(Source(item.key, hour, item.modified), streamed.chunks)
        except LabelError:
            unusable += 1
            continue
        unusable += faults.total
        known = labels.taken(labels.known)
        labelled.update(zip(known.ids.tolist(), known.places.tolist(), strict=True))
        if len(labelled) >= enough:
            break
    if unusable:
        logger.warning("Some labels cannot be used", unusable=unusable)
    return min(len(labelled), enough)
