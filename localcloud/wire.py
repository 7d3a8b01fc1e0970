"""Read what AWS call an HTTP request makes, and say no to it in the caller's own protocol."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import NotFound, get_service_router
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/[^/]+/[^/]+/(?P<service>[^/]+)/")
# Signing names that are not the names of botocore's service models.
_SERVICE_OF_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "states": "stepfunctions",
    "email": "ses",
    "execute-api": "apigateway",
    "tagging": "resourcegroupstaggingapi",
}
_BODY_NOT_READ = {"s3", "sagemaker-runtime"}


@dataclass(frozen=True)
class Call:
    """One AWS API call, as the request spells it.

    Attributes
    ----------
    service : botocore's name of the service ("s3", "stepfunctions", "sagemaker-runtime", …)
    operation : the API operation ("PutItem")
    parameters : what the request says, as far as it can be read without its payload
    access_key : whose credentials signed it
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    access_key: str


@dataclass(frozen=True)
class Refusal:
    """An AWS error to answer a call with."""

    code: str
    message: str
    status: int = 400


def read_call(environ: dict[str, Any]) -> Call | None:
    """Return the call that a request makes, or None if it is not signed or makes none that botocore knows.

    The request's body stays readable.
    """
    found = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found:
        return None
    service = _SERVICE_OF_SIGNING_NAME.get(found["service"], found["service"])
    if service == "sagemaker" and environ.get("PATH_INFO", "").endswith("/invocations"):
        service = "sagemaker-runtime"
    if service not in _BODY_NOT_READ:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
    request = BackendRequest(dict(environ))
    try:
        operation, uri = get_service_router(service).match(request)
    except (NotFound, NotImplementedError):
        return None
    parameters = dict(uri)
    if service in _BODY_NOT_READ:
        parameters |= dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        parameters |= {name: environ[key] for key, name in _S3_HEADERS.items() if key in environ}
    else:
        parameters |= _parse(service, operation, request, uri)
        environ["wsgi.input"] = io.BytesIO(body)
    return Call(service, str(operation.name), parameters, found["key"])


_S3_HEADERS = {
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION": "ServerSideEncryption",
    "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID": "SSEKMSKeyId",
    "HTTP_X_AMZ_COPY_SOURCE": "CopySource",
}


def _parse(service: str, operation: Any, request: BackendRequest, uri: Mapping[str, Any]) -> dict[str, Any]:
    protocol = determine_request_protocol(get_service_model(service), request.content_type)
    payload = getattr(operation.input_shape, "serialization", {}).get("payload") if operation.input_shape else None
    if payload and operation.input_shape.members[payload].type_name == "blob":
        return {}
    parsed = PROTOCOL_PARSERS[protocol](operation, map_type=dict).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.get_data(),
            "url_path": request.path,
            "url_params": uri,
        }
    )
    return dict(parsed)


def respond(call: Call, refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an error in the protocol of the call's service."""
    request_id = str(uuid.uuid4())
    protocol = str(get_service_model(call.service).protocol)
    if protocol == "rest-xml":
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{refusal.code}</Code>'
            f"<Message>{escape(refusal.message)}</Message><RequestId>{request_id}</RequestId></Error>"
        )
        return refusal.status, {"Content-Type": "application/xml"}, body.encode()
    if protocol in ("query", "ec2"):
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{refusal.code}</Code>"
            f"<Message>{escape(refusal.message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return refusal.status, {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}, body.encode()
    document = {"__type": refusal.code, "message": refusal.message, "Message": refusal.message}
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "x-amzn-ErrorType": refusal.code,
        "x-amzn-RequestId": request_id,
    }
    return refusal.status, headers, json.dumps(document).encode()
