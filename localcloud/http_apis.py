"""HTTP APIs (API Gateway v2): a request finds its route, is throttled and authorized, and runs a function.

A deployed API answers at `<server>/execute-api/<api id>/…`, which is what its `ApiEndpoint` says here. Routes are exact
(`POST /labels`), integrations are functions (payload format 2.0), callers are nobody in particular, whoever signs with
credentials that may `execute-api:Invoke`, or whom a Lambda authorizer lets through; other kinds fail at deployment.

A stage's throttling is a token bucket for each route that fills in virtual time: a clock that jumps an hour fills it.
Every request counts that finds a route, whether or not it is authorized then. What an authorizer said is remembered in
virtual time, too.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from localcloud import lambda_runtime
from localcloud.cloud import APIS_PREFIX, Answer, Cloud
from localcloud.deliveries import find_function
from localcloud.errors import DeliveryError, LocalCloudError
from localcloud.iam.policy import Request as PolicyRequest
from localcloud.iam.policy import decide
from localcloud.iam.signature import SignedRequest

_SERVICE = "apigateway.amazonaws.com"
_LARGEST_BODY = 10_000_000
_TEXT = re.compile(r"text/.*|application/(.*\+)?(json|xml|javascript)")
_FUNCTION = re.compile(r"arn:[^:]+:lambda:[^:]+:\d{12}:function:[^/:]+")


@dataclass
class TokenBucket:
    """Lets `burst` requests through at once, and `rate` a second in the long run."""

    rate: float
    burst: float
    at: datetime
    tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = self.burst

    def take(self, now: datetime) -> bool:
        """Take a token, if there is one."""
        self.tokens = min(self.burst, self.tokens + self.rate * (now - self.at).total_seconds())
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(frozen=True)
class Request:
    """One request, as it arrived; names of headers are in lower case, `path` is what follows the API's address."""

    method: str
    path: str
    query: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    source_ip: str
    protocol: str
    id: str
    at: datetime

    @classmethod
    def of(cls, environ: Mapping[str, Any], at: datetime) -> Request:
        """Read a WSGI request."""
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_") or (name in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
        }
        length = int(environ.get("CONTENT_LENGTH") or 0)
        target = str(environ.get("REQUEST_URI") or environ["PATH_INFO"])
        return cls(
            method=str(environ["REQUEST_METHOD"]),
            path="/" + environ["PATH_INFO"].removeprefix(APIS_PREFIX).partition("/")[2],
            query=str(environ.get("QUERY_STRING", "")),
            url=f"http://{headers.get('host', 'localhost')}{target}",
            headers=headers,
            body=environ["wsgi.input"].read(length) if length else b"",
            source_ip=str(environ.get("REMOTE_ADDR", "127.0.0.1")),
            protocol=str(environ.get("SERVER_PROTOCOL", "HTTP/1.1")),
            id=str(uuid.uuid4()),
            at=at,
        )


@dataclass(frozen=True)
class Place:
    """Where a request has arrived: moto's API, stage and route."""

    api: Any
    stage: Any
    route: Any


class RefusedError(LocalCloudError):
    """API Gateway itself answers, in the words that it has for a status.

    Attributes
    ----------
    why : for the access log
    """

    def __init__(self, status: HTTPStatus, why: str = "") -> None:
        super().__init__(why)
        self.status, self.why = status, why


_WORDS = {
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Request Entity Too Large",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Internal Server Error",
}


class HttpApis:
    """Answers requests to deployed APIs."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._buckets: dict[tuple[str, str, str, float, float], TokenBucket] = {}
        self._decisions: dict[tuple[str, tuple[str, ...]], tuple[datetime, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """Answer one request."""
        request = Request.of(environ, self._cloud.clock.now())
        api_id = environ["PATH_INFO"].removeprefix(APIS_PREFIX).partition("/")[0]
        place = self._find(api_id, request)
        if place is None:
            return _refusal(RefusedError(HTTPStatus.NOT_FOUND))
        began, why = time.perf_counter(), ""
        try:
            answer = self._serve(place, request)
        except RefusedError as refused:
            answer, why = _refusal(refused), refused.why
        self._log(place, request, answer, why, milliseconds=int(1000 * (time.perf_counter() - began)))
        return answer

    def _find(self, api_id: str, request: Request) -> Place | None:
        from moto.apigatewayv2.models import apigatewayv2_backends

        api = apigatewayv2_backends[self._cloud.account][self._cloud.region].apis.get(api_id)
        stage = api.stages.get("$default") if api else None
        if stage is None:
            return None
        keys = (f"{request.method} {request.path}", f"ANY {request.path}", "$default")
        routes = {route.route_key: route for route in api.routes.values()}
        return next((Place(api, stage, routes[key]) for key in keys if key in routes), None)

    def _serve(self, place: Place, request: Request) -> Answer:
        if not self._lets_through(place, request.at):
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "throttled")
        if len(request.body) > _LARGEST_BODY:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body too large")
        authorizer = self._authorize(place, request)
        integration = place.api.integrations[place.route.target.rpartition("/")[2]]
        event = {**self._event(place, request), **_body(request)}
        if authorizer:
            event["requestContext"] = {**event["requestContext"], "authorizer": authorizer}
        arn = self._arn(place, f"{place.stage.name}/{request.method}{request.path}")
        return _answer_of(self._invoke(integration.integration_uri, arn, event))

    # --- throttling -----------------------------------------------------------------------------------------------

    def _lets_through(self, place: Place, now: datetime) -> bool:
        settings = place.stage.default_route_settings
        rate, burst = (settings.get(f"throttling{name}Limit") for name in ("Rate", "Burst"))
        if rate is None or burst is None:
            return True
        key = (place.api.api_id, place.stage.name, place.route.route_key, float(rate), float(burst))
        with self._lock:
            bucket = self._buckets.setdefault(key, TokenBucket(float(rate), float(burst), now))
            return bucket.take(now)

    # --- authorization --------------------------------------------------------------------------------------------

    def _authorize(self, place: Place, request: Request) -> dict[str, Any]:
        """Let the request through or refuse it; returns what the integration is told of the caller."""
        if place.route.authorization_type == "AWS_IAM":
            signed = SignedRequest(request.method, request.url, request.headers, request.body)
            arn = self._arn(place, f"{place.stage.name}/{request.method}{request.path}")
            if self._cloud.admits is None or not self._cloud.admits(signed, "execute-api:Invoke", arn):
                raise RefusedError(HTTPStatus.FORBIDDEN, "not signed by one who may execute-api:Invoke")
            return {"iam": {"accountId": self._cloud.account}}
        if place.route.authorization_type == "CUSTOM":
            return {"lambda": self._ask(place, request)}
        return {}

    def _ask(self, place: Place, request: Request) -> dict[str, Any]:
        """Ask a Lambda authorizer, unless it has lately said something of the same identity."""
        authorizer = place.api.authorizers[place.route.authorizer_id]
        names = [source.removeprefix("$request.header.").lower() for source in authorizer.identity_source]
        identity = tuple(request.headers.get(name, "") for name in names)
        if not all(identity):
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "no identity")
        until, said = self._decisions.get((authorizer.id, identity), (request.at, None))
        if said is None or until <= request.at:
            arn = self._arn(place, f"authorizers/{authorizer.id}")
            route = self._arn(place, f"{place.stage.name}/{request.method}{request.path}")
            event = self._event(place, request)
            question = {**event, "type": "REQUEST", "identitySource": list(identity), "routeArn": route}
            said = self._invoke(authorizer.authorizer_uri, arn, question)
            if not isinstance(said, Mapping) or not isinstance(said.get("isAuthorized"), bool):
                raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the authorizer's answer is not a simple one")
            lasts = timedelta(seconds=int(authorizer.auth_result_ttl or 0))
            self._decisions[authorizer.id, identity] = (request.at + lasts, dict(said))
        if not said["isAuthorized"]:
            raise RefusedError(HTTPStatus.FORBIDDEN, "the authorizer said no")
        return dict(said.get("context") or {})

    # --- functions ------------------------------------------------------------------------------------------------

    def _invoke(self, uri: str, source_arn: str, event: Mapping[str, Any]) -> Any:
        """Run a function as API Gateway, if its resource policy lets it; returns what it answered."""
        found = _FUNCTION.search(uri)
        try:
            function = find_function(self._cloud, found[0] if found else uri)
            self._require(function, source_arn)
            outcome = lambda_runtime.service().invoke(function, json.dumps(event).encode())
            if outcome.kind != "ok":
                raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, "the function failed")
            return json.loads(outcome.payload or b"null")
        except (DeliveryError, ValueError) as error:  # no such function, throttled, or its answer is no JSON
            raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, str(error)) from error

    def _require(self, function: Any, source_arn: str) -> None:
        context = {"aws:SourceArn": source_arn, "aws:SourceAccount": self._cloud.account}
        arn = function.function_arn
        request = PolicyRequest("lambda:InvokeFunction", arn, context, service=_SERVICE)
        policy = {"Statement": function.policy.statements}
        if decide([("function", policy)], request, of_resource=True).effect == "allow":
            return
        message = f"{_SERVICE} may not lambda:InvokeFunction on {arn} for {source_arn}: its policy does not say so."
        self._cloud.note("denied", arn, principal=_SERVICE, source=source_arn, message=message)
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, message)

    def _event(self, place: Place, request: Request) -> dict[str, Any]:
        """What functions are told of a request, without its body (payload format 2.0)."""
        domain = f"{place.api.api_id}.execute-api.{self._cloud.region}.amazonaws.com"
        context = {
            "accountId": self._cloud.account,
            "apiId": place.api.api_id,
            "domainName": domain,
            "domainPrefix": place.api.api_id,
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": request.headers.get("user-agent", ""),
            },
            "requestId": request.id,
            "routeKey": place.route.route_key,
            "stage": place.stage.name,
            "time": f"{request.at:%d/%b/%Y:%H:%M:%S +0000}",
            "timeEpoch": int(request.at.timestamp() * 1000),
        }
        return {
            "version": "2.0",
            "routeKey": place.route.route_key,
            "rawPath": request.path,
            "rawQueryString": request.query,
            "headers": dict(request.headers),
            "requestContext": context,
        }

    def _arn(self, place: Place, resource: str) -> str:
        return f"arn:aws:execute-api:{self._cloud.region}:{self._cloud.account}:{place.api.api_id}/{resource}"

    # --- access log -----------------------------------------------------------------------------------------------

    def _log(self, place: Place, request: Request, answer: Answer, why: str, milliseconds: int) -> None:
        settings = place.stage.access_log_settings or {}
        if not settings.get("destinationArn"):
            return
        known = {
            "requestId": request.id,
            "requestTime": f"{request.at:%d/%b/%Y:%H:%M:%S +0000}",
            "identity.sourceIp": request.source_ip,
            "routeKey": place.route.route_key,
            "status": str(answer[0]),
            "responseLength": str(len(answer[2])),
            "integrationLatency": str(milliseconds),
            "error.message": why or "-",
        }
        line = re.sub(r"\$context\.([A-Za-z.]+)", lambda found: known.get(found[1], "-"), settings["format"])
        group = settings["destinationArn"].split(":log-group:")[1].removesuffix(":*")
        self._cloud.log_lines(group, place.api.api_id, [line])


def _body(request: Request) -> dict[str, Any]:
    """The body as text where its content type says so, and as base64 otherwise."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body:
        return {"isBase64Encoded": False}
    if _TEXT.fullmatch(content_type):
        return {"body": request.body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _answer_of(said: Any) -> Answer:
    """The answer that a function gave: its status, headers and body, or a JSON document that is the body itself."""
    if not isinstance(said, Mapping) or "statusCode" not in said:
        return HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(said).encode()
    body = str(said.get("body") or "")
    headers = {"content-type": "text/plain; charset=utf-8"}
    headers |= {name.lower(): str(value) for name, value in (said.get("headers") or {}).items()}
    try:
        status = HTTPStatus(int(said["statusCode"]))
        content = base64.b64decode(body, validate=True) if said.get("isBase64Encoded") else body.encode()
    except ValueError as error:
        raise RefusedError(HTTPStatus.INTERNAL_SERVER_ERROR, f"the function's answer is malformed: {error}") from error
    return status, headers, content


def _refusal(refused: RefusedError) -> Answer:
    words = _WORDS.get(refused.status, refused.status.phrase)
    return refused.status, {"Content-Type": "application/json"}, json.dumps({"message": words}).encode()


def install(cloud: Cloud) -> None:
    """Let deployed APIs answer."""
    cloud.serve_api = HttpApis(cloud).answer
