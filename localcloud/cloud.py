"""What the bridges share: the clock, the timeline, clients of the server itself, and one way to hand a message on.

A bridge is a module with `install(cloud)`. Bridges meet only here: one sets a hook (`deliver_with`, `publish_with`,
…) and the others call the method in front of it.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config

from localcloud.children import Children
from localcloud.clock import Clock
from localcloud.errors import DeniedError, LocalCloudError
from localcloud.timeline import Kind, Timeline

if TYPE_CHECKING:
    from localcloud.iam.signature import SignedRequest

ACCOUNT = "123456789012"
REGION = "us-east-1"
ADMIN_KEY, ADMIN_SECRET = "AKIALOCALCLOUDADMIN0", "localcloud"
APIS_PREFIX = "/execute-api/"
"""Path on the server under which deployed HTTP APIs answer, each under its own id."""
Answer = tuple[int, dict[str, str], bytes]  # status, headers, body
log = logging.getLogger("localcloud")

_CLIENT_CONFIG = Config(
    retries={"max_attempts": 0}, read_timeout=900, max_pool_connections=50, s3={"addressing_style": "path"}
)


@dataclass(frozen=True)
class LogLines:
    """What one process printed to its CloudWatch log stream."""

    group: str
    stream: str
    lines: Sequence[str]
    at: datetime


@dataclass(frozen=True)
class Delivery:
    """One message on its way from a service to a target.

    Attributes
    ----------
    arn : the target: Lambda function, SQS queue, SNS topic, state machine or log group
    body : the message; JSON where the target wants JSON
    by : the service principal that delivers, such as "events.amazonaws.com"
    source_arn : the rule, alarm, … on whose behalf; resource policies may ask for it
    role_arn : the role that the service takes on to reach the target, where it needs one
    subject : of an SNS message
    attributes : message attributes, where the target has any
    on_failure : told if a function that took the message fails in the end, after its retries
    """

    arn: str
    body: str
    by: str
    source_arn: str
    role_arn: str | None = None
    subject: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    on_failure: Callable[[str], None] | None = None


class MetricPublisher(Protocol):
    """How a service's own metric reaches CloudWatch."""

    def __call__(self, namespace: str, name: str, dimensions: dict[str, str], value: float, unit: str) -> None:
        """Record one value, now."""


@dataclass(frozen=True)
class _RoleKeys:
    access_key: str
    secret_key: str
    session_token: str


@dataclass
class Cloud:
    """One embedded AWS account in one region."""

    clock: Clock
    url: str
    timeline: Timeline
    home: Path
    account: str = ACCOUNT
    region: str = REGION
    children: Children = field(default_factory=Children)
    on_log_lines: list[Callable[[LogLines], None]] = field(default_factory=list)
    deliver_with: Callable[[Delivery], None] | None = None
    publish_with: MetricPublisher | None = None
    may_assume: Callable[[str, str], bool] | None = None
    gate: Callable[[dict[str, Any]], Answer | None] | None = None
    admits: Callable[[SignedRequest, str, str], bool] | None = None
    serve_api: Callable[[dict[str, Any]], Answer] | None = None
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _keys: dict[tuple[str, str], _RoleKeys] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self, service: str) -> Any:
        """Return a boto3 client that acts as AWS itself: no policy is checked."""
        return self._client(service, "", lambda: _RoleKeys(ADMIN_KEY, ADMIN_SECRET, ""))

    def client_as(self, service: str, role_arn: str, session: str, *, by: str) -> Any:
        """Return a boto3 client with a role's credentials: every call is checked against the role's policies.

        Parameters
        ----------
        by : the service principal that takes on the role ("states.amazonaws.com", …)

        Raises
        ------
        DeniedError
            The role does not exist or its trust policy does not let `by` assume it.
        """
        return self._client(service, f"{role_arn} {session}", lambda: self._assume(role_arn, session, by))

    def role_environment(self, role_arn: str, session: str, *, by: str) -> dict[str, str]:
        """Return the environment with which a child process acts as the role on this server."""
        keys = self._assume(role_arn, session, by)
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            "AWS_SESSION_TOKEN": keys.session_token,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def deliver(
        self,
        arn: str,
        body: str,
        *,
        by: str,
        source_arn: str,
        role_arn: str | None = None,
        subject: str | None = None,
        attributes: Mapping[str, str] | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        """Hand a message to a target; returns once the target has accepted it.

        Raises
        ------
        DeniedError
            Neither the target's resource policy nor the role lets the service do it.
        DeliveryError
            The target does not exist or did not accept the message.
        """
        if self.deliver_with is None:
            raise LocalCloudError("No delivery is installed: call deliveries.install(cloud) first.")
        self.deliver_with(Delivery(arn, body, by, source_arn, role_arn, subject, attributes or {}, on_failure))

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        """Put an event of an AWS service on the default event bus."""
        from moto.events.models import events_backends

        event: Any = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self.account,
            "time": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region,
            "resources": resources,
            "detail": json.loads(json.dumps(detail, default=str)),
        }
        bus = events_backends[self.account][self.region].event_buses["default"]
        for rule in list(bus.rules.values()):
            rule.send_to_targets(event)

    def publish_metric(self, namespace: str, name: str, dimensions: dict[str, str], value: float, unit: str) -> None:
        """Record a value of a service's own metric, if CloudWatch is installed."""
        if self.publish_with is not None:
            self.publish_with(namespace, name, dimensions, value, unit)

    def log_lines(self, group: str, stream: str, lines: Sequence[str]) -> None:
        """Write lines to CloudWatch Logs as the service, and show them to whoever reads logs (EMF)."""
        if not lines:
            return
        printed = LogLines(group, stream, lines, self.clock.now())
        self._store_logs(printed)
        for reader in self.on_log_lines:
            reader(printed)

    def note(self, kind: Kind, subject: str, /, **detail: Any) -> None:
        """Add an entry to the timeline, now."""
        self.timeline.add(self.clock.now(), kind, subject, **detail)

    def _store_logs(self, printed: LogLines) -> None:
        from moto.logs.exceptions import ResourceAlreadyExistsException
        from moto.logs.models import logs_backends

        backend = logs_backends[self.account][self.region]
        with self._lock:
            if printed.group not in backend.groups:
                backend.create_log_group(printed.group, {})
            if printed.stream not in backend.groups[printed.group].streams:
                try:
                    backend.create_log_stream(printed.group, printed.stream)
                except ResourceAlreadyExistsException:  # the owner of the stream created it a moment ago
                    log.debug("log stream %s exists", printed.stream)
            millis = int(printed.at.timestamp() * 1000)
            events = [{"timestamp": millis, "message": line} for line in printed.lines]
            backend.put_log_events(printed.group, printed.stream, events)

    def _assume(self, role_arn: str, session: str, by: str) -> _RoleKeys:
        if self.may_assume is not None and not self.may_assume(role_arn, by):
            self.note("denied", role_arn, action="sts:AssumeRole", principal=by)
            raise DeniedError(
                f"{by} cannot assume {role_arn}: no such role, or its trust policy does not name that service. "
                "Check the role's AssumeRolePolicyDocument."
            )
        keys = self._keys.get((role_arn, session))
        if keys is None:
            made = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName=session[:64])["Credentials"]
            keys = _RoleKeys(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])
            keys = self._keys.setdefault((role_arn, session), keys)
        return keys

    def _client(self, service: str, identity: str, keys: Callable[[], _RoleKeys]) -> Any:
        known = self._clients.get((service, identity))
        if known is not None:
            return known
        found = keys()
        session: Any = boto3.session.Session()  # typed for literal names of services only
        client = session.client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=found.access_key,
            aws_secret_access_key=found.secret_key,
            aws_session_token=found.session_token or None,
            config=_CLIENT_CONFIG,
        )
        return self._clients.setdefault((service, identity), client)
