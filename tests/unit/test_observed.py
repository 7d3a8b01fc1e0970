"""Every function logs with its request id and is traced."""

import importlib
import inspect
import io
import json
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.models.segment import Segment

import lambdas
from lambdas.observed import logger, observed
from tests.support import CONTEXT, LambdaContext


@pytest.fixture
def invocation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Segment]:
    """The segment that Lambda opens; nothing is sent to the X-Ray daemon."""
    monkeypatch.setattr(xray_recorder, "emitter", SimpleNamespace(send_entity=lambda entity: None))
    global_sdk_config.set_sdk_enabled(True)
    with xray_recorder.in_segment("invocation", sampling=True) as segment:
        yield segment
    global_sdk_config.set_sdk_enabled(False)


@observed
def handler(event: dict[str, str], context: LambdaContext) -> str:
    if "model" in event:
        logger.append_keys(model=event["model"])
    logger.info("Seen")
    if "broken" in event:
        raise ValueError("the model is broken")
    return "a long answer"


def test_a_log_line_carries_the_request_id_and_the_keys_of_its_own_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)

    handler({"model": "credit"}, CONTEXT)
    handler({"other": "thing"}, LambdaContext(aws_request_id="request-2"))

    first, second = map(json.loads, written.getvalue().splitlines())
    assert (first["model"], first["function_request_id"]) == ("credit", "request-1")
    assert second["function_request_id"] == "request-2"
    assert "model" not in second


def test_an_invocation_is_traced_without_its_answer(invocation: Segment) -> None:
    handler({"model": "credit"}, CONTEXT)

    (traced,) = invocation.subsegments
    assert traced.name == "## handler"
    assert "a long answer" not in json.dumps(traced.to_dict(), default=str)


def test_a_failure_is_traced_and_raised(invocation: Segment) -> None:
    with pytest.raises(ValueError, match="the model is broken"):
        handler({"broken": "yes"}, CONTEXT)

    (traced,) = invocation.subsegments
    assert traced.fault


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(lambdas.__path__) if module.ispkg])
def test_every_function_is_observed(name: str) -> None:
    function = importlib.import_module(f"lambdas.{name}.handler").handler

    assert inspect.getsource(inspect.unwrap(function)).startswith("@observed\n")
