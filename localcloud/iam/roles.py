"""Roles as moto stores them: whose credentials these are, what policies a role has, whom it trusts."""

from __future__ import annotations

import json
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from localcloud.cloud import ADMIN_KEY, ADMIN_SECRET
from localcloud.iam.policy import Request, decide
from localcloud.iam.signature import Secret

Document = dict[str, Any]


class Roles:
    """Looks roles up."""

    def __init__(self, account: str) -> None:
        self._account = account

    def of_key(self, access_key: str) -> tuple[str, str] | None:
        """Return (role ARN, session name) of a role session's access key; None for any other key."""
        session = self._session(access_key)
        return None if session is None else (session.role_arn, session.session_name)

    def secret_of(self, access_key: str) -> Secret | None:
        """Return the secret of a role session's access key, or of the administrator's; None for any other key."""
        if access_key == ADMIN_KEY:
            return Secret(ADMIN_SECRET)
        session = self._session(access_key)
        return None if session is None else Secret(session.secret_access_key, session.session_token)

    def policies(self, role_arn: str) -> list[tuple[str, Document]]:
        """Return the role's inline and attached policies, by name; none if there is no such role."""
        role = self._role(role_arn)
        if role is None:
            return []
        found = [(name, _document(document)) for name, document in role.policies.items()]
        for policy in role.managed_policies.values():
            version = next(version for version in policy.versions if version.is_default)
            found.append((policy.arn, _document(version.document)))
        return found

    def trusts_service(self, role_arn: str, service: str) -> bool:
        """Tell whether a role exists and its trust policy lets an AWS service assume it."""
        role = self._role(role_arn)
        if role is None:
            return False
        context = {"aws:SourceAccount": self._account}
        request = Request("sts:AssumeRole", role_arn, context, service=service)
        trust = _document(role.assume_role_policy_document)
        return decide([("trust", trust)], request, of_resource=True).effect == "allow"

    def names(self) -> list[tuple[str, str]]:
        """Return (name, ARN) of every role."""
        return [(role.name, role.arn) for role in iam_backends[self._account]["aws"].roles.values()]

    def _session(self, access_key: str) -> Any:
        sessions = reversed(sts_backends[self._account]["aws"].assumed_roles)
        return next((session for session in sessions if session.access_key_id == access_key), None)

    def _role(self, role_arn: str) -> Any:
        roles = iam_backends[self._account]["aws"].roles.values()
        return next((role for role in list(roles) if role.arn == role_arn), None)


def _document(value: Any) -> Document:
    document: Document = json.loads(value) if isinstance(value, str) else value
    return document
