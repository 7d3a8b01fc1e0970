"""Calls out of a state machine are made with its own role, so a missing grant fails as it does on AWS."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud import Cloud
from localcloud.stepfunctions.patching import replace_everywhere

PRINCIPAL = "states.amazonaws.com"
# Parameters are the state machine's own; AWS, not the client, judges them. The interpreter alone retries.
_CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    read_timeout=900,
    max_pool_connections=50,
    s3={"addressing_style": "path"},
)


class RoleClients:
    """Clients by service and role."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def client_for(self, region: str, service: str, state_credentials: Any = None) -> Any:
        """Return a client for a task; takes what the interpreter's own function takes.

        Raises
        ------
        DeniedError
            The role's trust policy does not let Step Functions assume it.
        """
        role = state_credentials.role_arn
        with self._lock:
            if (service, role) not in self._clients:
                self._clients[service, role] = self._make(region, service, role)
            return self._clients[service, role]

    def _make(self, region: str, service: str, role: str) -> Any:
        keys = self._cloud.role_environment(role, "StepFunctions", by=PRINCIPAL)
        session: Any = boto3.session.Session()
        client = session.client(
            service,
            region_name=region,
            endpoint_url=self._cloud.url,
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=keys["AWS_SESSION_TOKEN"],
            config=_CONFIG,
        )
        client.meta.events.register("after-call", _dates_to_text)
        return client


def _dates_to_text(parsed: Any, **_: Any) -> None:
    """Make a response JSON, as what a state hands on must be."""
    members = parsed.items() if isinstance(parsed, dict) else enumerate(parsed) if isinstance(parsed, list) else ()
    for key, value in list(members):
        if isinstance(value, datetime):
            parsed[key] = value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
        else:
            _dates_to_text(value)


def install(cloud: Cloud) -> None:
    """Let every part of the interpreter make its calls through the machine's role."""
    client_for = RoleClients(cloud).client_for
    replace_everywhere("boto_client_for", lambda _: client_for)
