"""The state of one stack: its resources, its events, what it exports, and the change sets proposed to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from localcloud.cloudformation.resources import Existing
from localcloud.cloudformation.template import Known


@dataclass
class Resource:
    """One resource of a stack, as it exists."""

    logical_id: str
    type: str
    existing: Existing
    template: dict[str, Any]
    status: str
    at: datetime

    @property
    def known(self) -> Known:
        """What references to it may ask for."""
        return Known(self.existing.physical_id, self.existing.attributes)


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    event_id: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None
    at: datetime


@dataclass(frozen=True)
class Output:
    """One output of a stack, exported under a name or not."""

    key: str
    value: str
    description: str | None
    export: str | None


@dataclass(frozen=True)
class Proposal:
    """What a stack is to become: a template, its parameters and tags.

    `raw` holds the parameters as given (an SSM type's is the name in the parameter store), `resolved` their values.
    """

    body: str
    template: dict[str, Any]
    raw: dict[str, str]
    resolved: dict[str, Any]
    tags: dict[str, str]


@dataclass
class Stack:
    """A stack and everything that CloudFormation remembers about it."""

    name: str
    stack_id: str
    created: datetime
    proposal: Proposal
    status: str = "REVIEW_IN_PROGRESS"
    reason: str | None = None
    updated: datetime | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Output] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    protected: bool = False

    def note(
        self, at: datetime, status: str, reason: str | None = None, resource: tuple[str, str, str] | None = None
    ) -> None:
        """Add an event, about a resource (logical id, physical id, type) or about the stack itself."""
        logical, physical, kind = resource or (self.name, self.stack_id, "AWS::CloudFormation::Stack")
        self.events.append(Event(str(uuid.uuid4()), logical, physical, kind, status, reason, at))
        if resource is None:
            self.status, self.reason = status, reason


@dataclass
class ChangeSet:
    """A proposed change of a stack."""

    name: str
    change_set_id: str
    stack: Stack
    kind: str
    proposal: Proposal
    created: datetime
    changes: list[dict[str, Any]]
    status: str
    reason: str | None
    execution_status: str
    description: str | None = None
