"""Answer an AWS API call with our own function where moto's model of the service is too thin.

A handler takes the request and returns the response, both spelled as the API spells them. moto still parses and
serializes every protocol, from botocore's own description of the operation, so nothing can be lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import camelcase_to_underscores, get_service_model

Shape = dict[str, Any]
Handler = Callable[[Shape], Mapping[str, Any] | None]


class ApiError(ServiceException):  # type: ignore[misc]
    """An AWS error with the service's own code, such as `ApiError("ValidationException", "…")`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def answer(responses: type[BaseResponse], service: str, handlers: Mapping[str, Handler]) -> None:
    """Let each handler answer the operation of its name ("PutMetricAlarm") of a service.

    Raises
    ------
    botocore.exceptions.OperationNotFoundError
        The service has no such operation.
    """
    model = get_service_model(service)
    for operation, handler in handlers.items():
        model.operation_model(operation)
        setattr(responses, camelcase_to_underscores(operation), _method(handler))


def _method(handler: Handler) -> Callable[[BaseResponse], ActionResult]:
    def respond(self: BaseResponse) -> ActionResult:
        if not self.automated_parameter_parsing:  # moto's older services read the request by themselves
            self.parse_parameters(self.normalized_request)
        request: Shape = {**_plain(self.params), **self.uri_match}
        return ActionResult(dict(handler(request) or {}))

    return respond


def _plain(value: Any) -> Any:
    """Drop members that the caller left out; moto's parsers spell some of them as None."""
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items() if member is not None}
    return [_plain(member) for member in value] if isinstance(value, list) else value
