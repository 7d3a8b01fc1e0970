"""A window with more to read than a function should: Spark puts its hours together, and then the same look is taken.

A look that was handed over stores no verdict and emits no metric: an alarm holds its last state, and does not take the
gap for health. The job starts the very function again when it is done; a look that is too large even then fails, and so
ends in the dead letters, instead of going round for ever.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger
from watchkeeper.aws import deployed
from watchkeeper.aws.windows import Allowance
from watchkeeper.errors import WindowTooLargeError

MOST_PARTS = 20_000
"""Profiles of captured objects that one look may read: at 2 ms of CPU each, on .6 of a core, a good minute."""
MOST_BYTES = 1 << 30
"""Of those profiles: a quarter of a minute to fetch, while at most a hundred are held at once."""
HANDED_OVER = "handed over"


def allowance(event: Mapping[str, Any]) -> Allowance:
    """What a look may read; its event may say fewer parts (`most_parts`), to try the way to Spark."""
    return Allowance(int(event.get("most_parts", MOST_PARTS)), MOST_BYTES)


def hand_over(
    event: Mapping[str, Any], context: LambdaContext, version: str, since: datetime, too_large: WindowTooLargeError
) -> dict[str, Any]:
    """Let Spark compact the hours from `since` to the time of the look, and take the look again.

    Raises
    ------
    WindowTooLargeError
        That was done already.
    """
    if event.get("merged"):
        raise too_large
    arguments = {
        "--VERSION": version,
        "--FROM": since.isoformat(),
        "--TO": event["scheduled_time"],
        "--FUNCTION": context.function_name,
    }
    deployed.client("glue").start_job_run(JobName=os.environ["MERGE_JOB"], Arguments=arguments)
    logger.info("Handed over to Spark", version=version, since=since.isoformat(), reason=str(too_large))
    return {"verdict": HANDED_OVER, "window": [since.isoformat(), event["scheduled_time"]]}
