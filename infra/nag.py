"""Rules of cdk-nag (AwsSolutions) that are knowingly not followed, each with its reason, at the construct concerned."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, reasons: Mapping[str, str]) -> None:
    """Accept findings of the named rules on `construct` and what is in it."""
    Validations.of(construct).acknowledge(
        *(Acknowledgment(id=f"AwsSolutions::{rule}", reason=why) for rule, why in reasons.items())
    )


def acknowledge_wildcard(role: IConstruct, resource: str, because: str) -> None:
    """Accept a policy's resource that holds a wildcard."""
    shown = _shown(Stack.of(role).resolve(resource))
    acknowledge(role, {f"AwsSolutions-IAM5[Resource::{shown}]": because})


def _shown(value: object) -> str:
    """A resolved value as cdk-nag writes it in the id of a finding."""
    if isinstance(value, str):
        return value
    assert isinstance(value, Mapping)
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(_shown(part) for part in argument[1])
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    if function == "Ref":
        return f"<{argument}>"
    return _shown(argument)
