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
from localcloud.iam.signature import SignedRequest, signer
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
        if role is None or _is_administrators(role[0]):
            return None
        for need in self._needs(call):
            refused = self._check(call, need, *role)
            if refused is not None:
                return respond(call, refused)
        return None

    def admits(self, signed: SignedRequest, action: str, resource: str) -> bool:
        """Tell whether a signed request, which is no call of AWS's own APIs, may do what it asks for."""
        key = signer(signed, self._roles.secret_of)
        role = None if key is None else self._roles.of_key(key)
        if role is None or _is_administrators(role[0]):
            return key is not None
        need = Need(action, resource)
        return self._why_not(self._request(need, role[0]), "none", role[1]) is None

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
        request = self._request(need, role_arn)
        message = self._why_not(request, self._decide_by_resource(call, request), session)
        if message is None:
            return None
        return Refusal(_code(call), message, 403 if call.service in _XML_SERVICES else 400)

    def _request(self, need: Need, role_arn: str) -> Request:
        return Request(need.action, need.resource, self._context(need, role_arn), principal=role_arn)

    def _why_not(self, request: Request, by_resource: str, session: str) -> str | None:
        """Decide on a request and record it; return the words of the refusal, or None if it is allowed."""
        name = request.principal.rsplit("/", 1)[-1]
        by_identity = decide(self._roles.policies(request.principal), request)
        denied = "deny" in (by_identity.effect, by_resource)
        allowed = not denied and "allow" in (by_identity.effect, by_resource)
        with self._lock:
            self._record[Recorded(name, request.action, request.resource, allowed, by_identity.statements)] += 1
        if allowed:
            return None
        assumed = f"arn:aws:sts::{self._cloud.account}:assumed-role/{name}/{session}"
        why = (
            f"with an explicit deny in {'an identity' if by_identity.effect == 'deny' else 'a resource'}-based policy"
            if denied
            else f"because no identity-based policy allows the {request.action} action"
        )
        message = (
            f"User: {assumed} is not authorized to perform: {request.action} on resource: {request.resource} {why}"
        )
        self._cloud.note("denied", name, action=request.action, resource=request.resource, message=message)
        return message

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


def _is_administrators(role_arn: str) -> bool:
    return role_arn.rsplit("/", 1)[-1].startswith("cdk-")


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
