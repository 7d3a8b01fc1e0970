"""IAM: every call with a role's credentials is checked against the role's policies, and recorded.

moto can check only that a caller is allowed an action on `*`; here resources and conditions count, as on AWS.
"""

from __future__ import annotations

from typing import Any

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.iam.gate import Gate
from localcloud.iam.roles import Roles

_gate: Gate | None = None


def recorded_calls() -> dict[str, Any]:
    """Return every call made under a role, and the statements of roles that no call has used."""
    if _gate is None:
        raise LocalCloudError("IAM is not installed: call iam.install(cloud) first.")
    return _gate.report()


def install(cloud: Cloud) -> None:
    """Check every request, and who may assume what."""
    global _gate
    roles = Roles(cloud.account)
    _gate = Gate(cloud, roles)
    cloud.gate = _gate.check
    cloud.admits = _gate.admits
    cloud.may_assume = roles.trusts_service
    _let_moto_not_check_buckets()


def _let_moto_not_check_buckets() -> None:
    """The gate evaluates bucket policies; moto's own check knows no conditions and denies where it sees one."""
    from moto.iam.access_control import PermissionResult
    from moto.s3.models import FakeBucket

    FakeBucket.get_permission = lambda self, action, resource: PermissionResult.NEUTRAL
