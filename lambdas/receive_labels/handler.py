"""Takes the labels that an application posts to the feedback API, and keeps them as ground truth records.

One request becomes one object. Its key comes from its content and the hour, and it is never overwritten: a client that
tries again, because it did not hear the answer, changes nothing. Ids and labels may be personal and are never logged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper import jsonio
from watchkeeper.aws import deployed
from watchkeeper.errors import FeedbackTooLargeError
from watchkeeper.feedback import Mistake, MistakenBatchError, read_batch
from watchkeeper.spec import deployed_spec


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request of an HTTP API (payload format 2.0)."""
    spec = deployed_spec()
    logger.append_keys(model=spec.name)
    received = datetime.fromtimestamp(event["requestContext"]["timeEpoch"] / 1000, UTC)
    try:
        batch = read_batch(_body(event), spec, received)
    except FeedbackTooLargeError as error:
        logger.info("Refused labels: too many at once")
        return _answer(413, {"error": str(error)})
    except MistakenBatchError as error:
        logger.info("Refused labels", mistakes=len(error.mistakes))
        return _answer(400, {"error": "Nothing was stored.", "mistakes": [_shown(item) for item in error.mistakes]})
    key, records = batch.key(spec.name, received), batch.records(received)
    stored = deployed.store().put_if(key, records, None, "application/jsonl")
    logger.info("Received labels", labels=len(batch.labels), withdrawn=batch.withdrawn, stored=stored)
    counts = {"labels": len(batch.labels), "withdrawn": batch.withdrawn, "repeated": not stored}
    return _answer(202 if stored else 200, counts)


def _body(event: Mapping[str, Any]) -> bytes:
    """The body; API Gateway hands on as base64 what its content type does not declare to be text."""
    body = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return str(body).encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise MistakenBatchError([Mistake(None, "The body cannot be decoded: send JSON.")]) from error


def _shown(mistake: Mistake) -> dict[str, Any]:
    place = {} if mistake.index is None else {"index": mistake.index}
    return {**place, "problem": mistake.problem}


def _answer(status: int, document: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": jsonio.dumps(document).decode()}
