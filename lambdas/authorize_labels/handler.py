"""Says whether a request to the feedback API comes with the key that is kept in Secrets Manager (`SECRET_ARN`).

The key is remembered for a minute. One that does not match makes the function look whether it was replaced, though
only every few seconds, so that wrong keys cannot run up a bill. Keys are compared in constant time and never logged.
"""

from __future__ import annotations

import hmac
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.observed import logger, observed
from watchkeeper.aws import deployed

REMEMBERED_SECONDS = 60.0
ASKED_AGAIN_AFTER_SECONDS = 5.0


@observed
def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer an HTTP API's question (authorizer payload format 2.0) in the simple form."""
    given = (event.get("identitySource") or [""])[0]
    is_authorized = _key().matches(given)
    logger.info("Looked at a key", authorized=is_authorized)
    return {"isAuthorized": is_authorized}


@dataclass
class RememberedKey:
    """The key, and when it was read.

    Attributes
    ----------
    read : gets the key as it is now
    clock : seconds; of the wall clock, for others stand still while Lambda keeps an environment frozen
    """

    read: Callable[[], str]
    clock: Callable[[], float]
    _value: bytes | None = None
    _read_at: float = 0.0

    def matches(self, given: str) -> bool:
        """Whether this is the key."""
        if self._value is None or self._age() >= REMEMBERED_SECONDS:
            self._read()
        if self._is(given):
            return True
        if self._age() < ASKED_AGAIN_AFTER_SECONDS:
            return False
        self._read()
        return self._is(given)

    def _is(self, given: str) -> bool:
        return hmac.compare_digest(self._value or b"", given.encode(errors="surrogatepass"))

    def _age(self) -> float:
        return self.clock() - self._read_at

    def _read(self) -> None:
        self._value, self._read_at = self.read().encode(), self.clock()


@cache
def _key() -> RememberedKey:
    """The process's one memory of the key."""
    return RememberedKey(_read_secret, time.time)


def _read_secret() -> str:
    answer = deployed.client("secretsmanager").get_secret_value(SecretId=os.environ["SECRET_ARN"])
    return str(answer["SecretString"])
