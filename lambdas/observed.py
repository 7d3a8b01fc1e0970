"""What every function has in common: structured logs that carry the request id, and a trace of each invocation.

Powertools sends the trace to X-Ray with a subsegment for each call of an AWS service. Answers are left out of it: they
are in the state machine's history already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.typing import LambdaContext

logger = Logger()
_tracer = Tracer()

_Answer = TypeVar("_Answer")
_Handler = Callable[[Mapping[str, Any], LambdaContext], _Answer]


def observed(handler: _Handler[_Answer]) -> _Handler[_Answer]:
    """Log and trace a handler's invocations; keys that it adds to the log last for one invocation."""
    logged = logger.inject_lambda_context(handler, clear_state=True)
    return _tracer.capture_lambda_handler(logged, capture_response=False)
