"""Counts the labels that came lately, before anything is assembled or paid for; stops when there are enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed
from watchkeeper.errors import CaptureError
from watchkeeper.labels import day_prefixes, read_ground_truth
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Say whether there are labels enough to train and judge on."""
    spec, now = deployed_spec(), datetime.fromisoformat(event["now"])
    logger.append_keys(model=spec.name)
    needed = spec.retraining.minimum_labels
    labelled = _count(day_prefixes(spec.name, now, spec.retraining.window_days), needed)
    logger.info("Counted labels", labelled=labelled, needed=needed)
    return {"ready": labelled >= needed, "labelled": labelled, "needed": needed}


def _count(prefixes: Iterable[str], enough: int) -> int:
    """Labelled rows under the prefixes, corrections counted once; counting stops at `enough`.

    Objects are read one after another: while there are too few labels, there are few objects to read.
    """
    store, rows = deployed.store(), dict[tuple[str, int | None], int]()
    labelled = unreadable = 0
    for key in (key for prefix in prefixes for key in store.keys(prefix)):
        for line in store.lines(key) or ():
            if not line.strip():
                continue
            try:
                truth = read_ground_truth(line)
            except CaptureError:
                unreadable += 1
                continue
            said = (truth.id, truth.row)
            labelled += truth.labelled - rows.get(said, 0)
            rows[said] = truth.labelled
            if labelled >= enough:
                return labelled
    if unreadable:
        logger.warning("Some label records cannot be read", unreadable=unreadable)
    return labelled
