"""The gate in front of every call: who asks, what that needs, and whether it is allowed."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

from localcloud.cloud import Answer, Cloud
from localcloud.iam.actions import Need, Place, needs_of, passed_role
from localcloud.iam.keys import Keys
from localcloud.iam.policy import Request, decide, listed
from localcloud.iam.roles import Roles
from localcloud.wire import Call, Refusal, read_call, respond

_XML_SERVICES = ("s3",)


@dataclass(frozen=True)
class Recorded:
    """One action that a role took or tried."""

    role: str
    action: str
    resource: str
    allowed: bool
    statements: tuple[tuple[str, int], ...]


class Gate:
    """Checks and records calls made with the credentials of roles.

    Administrators' keys pass unchecked, and so do the roles of `cdk bootstrap`, which are administrators'.
    """

    def __init__(self, cloud: Cloud, roles: Roles) -> None:
        self._cloud, self._roles = cloud, roles
        self._place = Place(cloud.account, cloud.region)
        self._keys = Keys(cloud.account, cloud.region)
        self._record: Counter[Recorded] = Counter()
        self._lock = threading.Lock()

    def check(self, environ: dict[str, Any]) -> Answer | None:
        """Return the answer that refuses a request, or None to let it through."""
        call = read_call(environ)
        if call is None:
            return None
        role = self._roles.of_key(call.access_key)
        if role is None or role[0].rsplit("/", 1)[-1].startswith("cdk-"):
            return None
        for need in self._needs(call):
            refused = self._check(call, need, *role)
            if refused is not None:
                return respond(call, refused)
        return None

    def report(self) -> dict[str, Any]:
        """Return every recorded call, and the statements of roles that no call has used."""
        with self._lock:
            record = sorted(self._record.items(), key=lambda item: (item[0].role, item[0].action, item[0].resource))
        calls = [
            {
                "role": entry.role,
                "action": entry.action,
                "resource": entry.resource,
                "allowed": entry.allowed,
                "statements": [f"{policy}#{index}" for policy, index in entry.statements],
                "count": count,
            }
            for entry, count in record
        ]
        used = {(entry.role, statement) for entry, _ in record for statement in entry.statements}
        unused = [
            {"role": name, "statement": f"{policy}#{index}", "actions": listed(statement.get("Action"))}
            for name, arn in self._roles.names()
            if not name.startswith("cdk-")
            for policy, document in self._roles.policies(arn)
            for index, statement in enumerate(listed(document["Statement"]))
            if (name, (policy, index)) not in used
        ]
        return {"calls": calls, "unused": unused}

    def _needs(self, call: Call) -> list[Need]:
        needs = needs_of(call, self._place)
        passed = passed_role(call, self._place)
        return [*needs, *([passed] if passed else []), *self._keys.needs_of(call)]

    def _check(self, call: Call, need: Need, role_arn: str, session: str) -> Refusal | None:
        name = role_arn.rsplit("/", 1)[-1]
        request = Request(need.action, need.resource, self._context(need, role_arn), principal=role_arn)
        by_identity = decide(self._roles.policies(role_arn), request)
        by_resource = self._decide_by_resource(call, request)
        denied = "deny" in (by_identity.effect, by_resource)
        allowed = not denied and "allow" in (by_identity.effect, by_resource)
        with self._lock:
            self._record[Recorded(name, need.action, need.resource, allowed, by_identity.statements)] += 1
        if allowed:
            return None
        assumed = f"arn:aws:sts::{self._cloud.account}:assumed-role/{name}/{session}"
        why = (
            f"with an explicit deny in {'an identity' if by_identity.effect == 'deny' else 'a resource'}-based policy"
            if denied
            else f"because no identity-based policy allows the {need.action} action"
        )
        message = f"User: {assumed} is not authorized to perform: {need.action} on resource: {need.resource} {why}"
        self._cloud.note("denied", name, action=need.action, resource=need.resource, message=message)
        return Refusal(_code(call), message, 403 if call.service in _XML_SERVICES else 400)

    def _decide_by_resource(self, call: Call, request: Request) -> str:
        if request.action.startswith("s3:"):
            policy = bucket_policy(self._cloud.account, str(call.parameters.get("Bucket", "")))
            return decide([("bucket", policy)], request, of_resource=True).effect if policy else "none"
        return "none"

    def _context(self, need: Need, role_arn: str) -> dict[str, str | list[str]]:
        now = self._cloud.clock.now()
        return {
            "aws:SecureTransport": "true",  # as on AWS, where these calls come over TLS
            "s3:TlsVersion": "1.3",
            "aws:PrincipalArn": role_arn,
            "aws:PrincipalAccount": self._cloud.account,
            "aws:ResourceAccount": self._cloud.account,
            "aws:RequestedRegion": self._cloud.region,
            "aws:CurrentTime": now.isoformat(),
            "aws:EpochTime": str(now.timestamp()),
            **need.context,
        }


def bucket_policy(account: str, name: str) -> dict[str, Any] | None:
    """Return a bucket's policy, if the bucket exists and has one."""
    from moto.s3.models import s3_backends

    bucket = s3_backends[account]["aws"].buckets.get(name)
    if bucket is None or not bucket.policy:
        return None
    policy: dict[str, Any] = json.loads(bucket.policy)
    return policy


def _code(call: Call) -> str:
    from moto.core.utils import get_service_model

    protocol = str(get_service_model(call.service).protocol)
    if protocol == "query" and call.service in ("sns",):
        return "AuthorizationError"
    return "AccessDenied" if protocol in ("query", "ec2", "rest-xml") else "AccessDeniedException"
