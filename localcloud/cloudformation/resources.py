"""What a resource type is to the engine, and how most types are made of nothing but API calls.

A CloudFormation resource is, for almost every type, the input of one API operation. The properties are therefore cast
and checked by botocore's own description of that operation: a property that the API does not know, or a value that it
cannot take, fails the deployment instead of disappearing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.cloud import Cloud
from localcloud.cloudformation.template import TemplateError

Properties = Mapping[str, Any]


@dataclass(frozen=True)
class Existing:
    """A resource that a stack owns."""

    physical_id: str
    properties: Properties
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Aws:
    """The calls with which providers make resources."""

    cloud: Cloud

    def client(self, service: str) -> Any:
        """Return an administrator's client."""
        return self.cloud.client(service)

    def call(self, service: str, operation: str, properties: Properties, ignore: Collection[str] = ()) -> Any:
        """Call an operation with properties cast to what it takes.

        Parameters
        ----------
        ignore : properties that the operation rightly does not take (they are applied by another one)
        """
        client = self.cloud.client(service)
        api_name = client.meta.method_to_api_mapping[operation]
        shape = client.meta.service_model.operation_model(api_name).input_shape
        given = {name: value for name, value in properties.items() if name not in ignore}
        return getattr(client, operation)(**cast(given, shape, f"{service}:{api_name}"))

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in this account and region."""
        return f"arn:aws:{service}:{self.cloud.region}:{self.cloud.account}:{resource}"


@dataclass(frozen=True)
class ResourceType:
    """How one CloudFormation type is created, changed and deleted.

    Attributes
    ----------
    update : None if every change means a replacement
    name : the property that holds the physical name; CloudFormation makes one up if the template gives none
    replaced_by : properties whose change means a replacement
    mutable : if given, every other property means a replacement
    """

    type: str
    create: Callable[[Aws, Properties], Existing]
    delete: Callable[[Aws, Existing], None]
    update: Callable[[Aws, Existing, Properties], Existing] | None = None
    name: str | None = None
    name_limit: int = 64
    lower: bool = False
    replaced_by: frozenset[str] = frozenset()
    mutable: frozenset[str] | None = None

    def must_replace(self, changed: Collection[str]) -> bool:
        """Tell whether a change of these properties needs a new resource."""
        if self.update is None or (self.name in changed):
            return True
        if self.mutable is not None:
            return bool(set(changed) - self.mutable)
        return bool(set(changed) & self.replaced_by)


def keep(_: Aws, __: Existing) -> None:
    """Delete nothing: the resource has no life of its own."""


def cast(value: Any, shape: Shape | None, place: str) -> Any:
    """Cast a template's loose values ("5", "true") to an API's types.

    Raises
    ------
    TemplateError
        A property is not one that the API knows, or a value is not of its type.
    """
    if shape is None:
        if value:
            raise TemplateError(f"{place} takes no input, but the template gives {sorted(value)}.")
        return {}
    if isinstance(shape, StructureShape):
        return _cast_structure(value, shape, place)
    if isinstance(shape, ListShape):
        return [cast(item, shape.member, place) for item in (value if isinstance(value, list) else [value])]
    if isinstance(shape, MapShape):
        pairs = {tag["Key"]: tag["Value"] for tag in value} if isinstance(value, list) else value
        return {key: cast(item, shape.value, f"{place}.{key}") for key, item in pairs.items()}
    return _cast_scalar(value, shape.type_name, place)


def _cast_structure(value: Any, shape: StructureShape, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise TemplateError(f"{place} must be an object, but is {value!r}.")
    if getattr(shape, "is_document_type", False):
        return value
    known = {member.lower(): member for member in shape.members}
    result = {}
    for key, item in value.items():
        member = known.get(key.lower())
        if member is None:
            raise TemplateError(f"{place} has no property {key}; it has {', '.join(shape.members)}.")
        result[member] = cast(item, shape.members[member], f"{place}.{member}")
    return result


def _cast_scalar(value: Any, kind: str, place: str) -> Any:
    try:
        if kind in ("integer", "long"):
            return int(value)
        if kind in ("float", "double"):
            return float(value)
    except (TypeError, ValueError):
        raise TemplateError(f"{place} must be a number, but is {value!r}.") from None
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    return text(value) if kind == "string" else value


def text(value: Any) -> str:
    """Return a value as the APIs want it where they take a string: documents as JSON, booleans in lower case."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, (dict, list, bool)) else str(value)


def renamed(properties: Properties, **names: str) -> dict[str, Any]:
    """Return the properties with some renamed from CloudFormation's spelling to the API's."""
    return {names.get(key, key): value for key, value in properties.items()}
