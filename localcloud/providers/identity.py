"""AWS::IAM::Role, Policy and ManagedPolicy."""

from __future__ import annotations

import uuid
from typing import Any

from localcloud.cloudformation.resources import Aws, Existing, Properties, ResourceType, text

_ROLE_PARTS = ("AssumeRolePolicyDocument", "ManagedPolicyArns", "Policies")


def _create_role(aws: Aws, properties: Properties) -> Existing:
    trust = text(properties["AssumeRolePolicyDocument"])
    given = {name: value for name, value in properties.items() if name not in _ROLE_PARTS}
    made = aws.call("iam", "create_role", {**given, "AssumeRolePolicyDocument": trust})["Role"]
    role = Existing(made["RoleName"], {}, {"Arn": made["Arn"], "RoleId": made["RoleId"]})
    _attach_role_policies(aws, role, properties)
    return Existing(role.physical_id, properties, role.attributes)


def _update_role(aws: Aws, role: Existing, properties: Properties) -> Existing:
    iam, name = aws.client("iam"), role.physical_id
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=text(properties["AssumeRolePolicyDocument"]))
    _detach_role_policies(aws, role)
    _attach_role_policies(aws, role, properties)
    return Existing(name, properties, role.attributes)


def _attach_role_policies(aws: Aws, role: Existing, properties: Properties) -> None:
    iam, name = aws.client("iam"), role.physical_id
    for policy in properties.get("Policies", []):
        document = text(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    for arn in properties.get("ManagedPolicyArns", []):
        iam.attach_role_policy(RoleName=name, PolicyArn=arn)


def _detach_role_policies(aws: Aws, role: Existing) -> None:
    iam, name = aws.client("iam"), role.physical_id
    for policy in role.properties.get("Policies", []):
        iam.delete_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
    for arn in role.properties.get("ManagedPolicyArns", []):
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)


def _delete_role(aws: Aws, role: Existing) -> None:
    _detach_role_policies(aws, role)
    aws.client("iam").delete_role(RoleName=role.physical_id)


def _holders(aws: Aws, properties: Properties) -> list[tuple[str, dict[str, Any]]]:
    """Return (kind, name argument) of every role, user and group that a policy names."""
    return [
        (kind, {f"{kind.capitalize()}Name": name})
        for kind in ("role", "user", "group")
        for name in properties.get(f"{kind.capitalize()}s", [])
    ]


def _put_policy(aws: Aws, properties: Properties) -> Existing:
    document = text(properties["PolicyDocument"])
    for kind, holder in _holders(aws, properties):
        put = getattr(aws.client("iam"), f"put_{kind}_policy")
        put(**holder, PolicyName=properties["PolicyName"], PolicyDocument=document)
    return Existing(f"policy-{uuid.uuid4().hex[:12]}", properties)


def _update_policy(aws: Aws, policy: Existing, properties: Properties) -> Existing:
    _delete_policy(aws, policy)
    _put_policy(aws, properties)
    return Existing(policy.physical_id, properties)


def _delete_policy(aws: Aws, policy: Existing) -> None:
    for kind, holder in _holders(aws, policy.properties):
        delete = getattr(aws.client("iam"), f"delete_{kind}_policy")
        delete(**holder, PolicyName=policy.properties["PolicyName"])


def _create_managed_policy(aws: Aws, properties: Properties) -> Existing:
    given = {
        "PolicyName": properties["ManagedPolicyName"],
        "PolicyDocument": text(properties["PolicyDocument"]),
        "Path": properties.get("Path", "/"),
        "Description": properties.get("Description", ""),
    }
    arn = aws.call("iam", "create_policy", given)["Policy"]["Arn"]
    _attach_holders(aws, properties, arn)
    return Existing(arn, properties, {"PolicyArn": arn})


def _attach_holders(aws: Aws, properties: Properties, arn: str) -> None:
    for kind, holder in _holders(aws, properties):
        getattr(aws.client("iam"), f"attach_{kind}_policy")(**holder, PolicyArn=arn)


def _detach_holders(aws: Aws, properties: Properties, arn: str) -> None:
    for kind, holder in _holders(aws, properties):
        getattr(aws.client("iam"), f"detach_{kind}_policy")(**holder, PolicyArn=arn)


def _update_managed_policy(aws: Aws, policy: Existing, properties: Properties) -> Existing:
    iam, arn = aws.client("iam"), policy.physical_id
    old = next(v for v in iam.list_policy_versions(PolicyArn=arn)["Versions"] if v["IsDefaultVersion"])
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=text(properties["PolicyDocument"]), SetAsDefault=True)
    iam.delete_policy_version(PolicyArn=arn, VersionId=old["VersionId"])
    _detach_holders(aws, policy.properties, arn)
    _attach_holders(aws, properties, arn)
    return Existing(arn, properties, policy.attributes)


def _delete_managed_policy(aws: Aws, policy: Existing) -> None:
    _detach_holders(aws, policy.properties, policy.physical_id)
    aws.client("iam").delete_policy(PolicyArn=policy.physical_id)


TYPES = (
    ResourceType(
        "AWS::IAM::Role",
        create=_create_role,
        update=_update_role,
        delete=_delete_role,
        name="RoleName",
        replaced_by=frozenset({"Path"}),
    ),
    ResourceType(
        "AWS::IAM::Policy",
        create=_put_policy,
        update=_update_policy,
        delete=_delete_policy,
    ),
    ResourceType(
        "AWS::IAM::ManagedPolicy",
        create=_create_managed_policy,
        update=_update_managed_policy,
        delete=_delete_managed_policy,
        name="ManagedPolicyName",
        name_limit=128,
        replaced_by=frozenset({"Path", "Description"}),
    ),
)
