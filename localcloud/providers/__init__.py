"""The CloudFormation resource types that localcloud can make, one module for each group of services."""

from __future__ import annotations

from localcloud.cloudformation.resources import ResourceType
from localcloud.providers import apis, compute, data, identity, learning, messaging, observing, storage


def all_types() -> dict[str, ResourceType]:
    """Return every resource type by its name."""
    modules = (storage, data, identity, messaging, compute, learning, observing, apis)
    return {kind.type: kind for module in modules for kind in module.TYPES}
