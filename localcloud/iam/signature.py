"""Signature Version 4, from the receiving side: whose secret has signed a request?

The age of a signature is not looked at: callers live in real time, the server in its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_ALWAYS_SIGNED = {"host", "x-amz-date"}


@dataclass(frozen=True)
class SignedRequest:
    """A request as it arrived; names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Secret:
    """What belongs to an access key; the token is empty for keys that last."""

    secret_key: str
    session_token: str = ""


def signer(request: SignedRequest, secret_of: Callable[[str], Secret | None]) -> str | None:
    """Return the access key that signed a request; None if none did, or if it was changed afterwards."""
    found = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
    if found is None:
        return None
    names = set(found["headers"].split(";"))
    secret = secret_of(found["key"])
    if secret is None or not names >= _ALWAYS_SIGNED or not names <= request.headers.keys():
        return None
    digest = hashlib.sha256(request.body).hexdigest()
    if request.headers.get("x-amz-content-sha256", digest) != digest:
        return None
    if request.headers.get("x-amz-security-token", "") != secret.session_token:
        return None
    expected = _signature(request, names, secret, found)
    return found["key"] if hmac.compare_digest(expected, found["signature"]) else None


def _signature(request: SignedRequest, names: set[str], secret: Secret, found: re.Match[str]) -> str:
    signed = AWSRequest(
        request.method, request.url, headers={name: request.headers[name] for name in names}, data=request.body
    )
    signed.context["timestamp"] = request.headers["x-amz-date"]
    auth = SigV4Auth(Credentials(found["key"], secret.secret_key), found["service"], found["region"])
    return str(auth.signature(auth.string_to_sign(signed, auth.canonical_request(signed)), signed))
