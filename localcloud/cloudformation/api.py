"""The CloudFormation API that the CDK command line, the AWS CLI and boto3 call, in place of moto's."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import unquote, urlparse

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse, EmptyResult

from localcloud.cloud import Cloud
from localcloud.cloudformation import views
from localcloud.cloudformation.engine import Engine
from localcloud.cloudformation.resources import ResourceType
from localcloud.cloudformation.stack import ChangeSet, Proposal, Stack
from localcloud.cloudformation.template import TemplateError, parse_template, references
from localcloud.errors import LocalCloudError

# The CDK command line looks at a stack every five seconds; most operations end sooner, so the call that starts one
# stays open for a while to spare it the wait. An operation that takes longer goes on by itself, as on AWS.
_PATIENCE_SECONDS = 20.0


class ValidationError(ServiceException):  # type: ignore[misc]
    """The request asks for what cannot be done."""

    code = "ValidationError"


class ChangeSetNotFound(ServiceException):  # type: ignore[misc]
    """There is no such change set."""

    code = "ChangeSetNotFound"


class AlreadyExists(ServiceException):  # type: ignore[misc]
    """There is a stack of that name."""

    code = "AlreadyExistsException"


class Stacks:
    """All stacks and change sets of the account, and the operations on them."""

    def __init__(self, cloud: Cloud, types: dict[str, ResourceType]) -> None:
        self.cloud = cloud
        self.live: dict[str, Stack] = {}
        self.deleted: list[Stack] = []
        self.change_sets: dict[str, ChangeSet] = {}
        self.engine = Engine(cloud, types, self.live)

    def find(self, name: str) -> Stack:
        """Return a stack by name or id; a deleted one only by id."""
        for stack in [*self.live.values(), *self.deleted]:
            if name == stack.stack_id or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise ValidationError(f"Stack with id {name} does not exist")

    def new(self, name: str, proposal: Proposal) -> Stack:
        """Register a stack that is about to be created."""
        stack_id = f"arn:aws:cloudformation:{self.cloud.region}:{self.cloud.account}:stack/{name}/{uuid.uuid4()}"
        stack = self.live[name] = Stack(name, stack_id, self.cloud.clock.now(), proposal)
        return stack

    def run(self, name: str, operation: Callable[[], None]) -> None:
        """Run an operation as work of its own, and wait for its end for a moment."""
        ended = threading.Event()

        def work() -> None:
            try:
                operation()
            finally:
                ended.set()

        self.cloud.clock.spawn(work, name)
        ended.wait(_PATIENCE_SECONDS)

    def delete(self, stack: Stack) -> None:
        """Delete a stack, if no other stack imports what it exports."""
        for output in stack.outputs.values():
            users = self.engine.importers(output.export) if output.export else []
            if users:
                stack.note(
                    self.cloud.clock.now(),
                    "DELETE_FAILED",
                    f"Cannot delete export {output.export} as it is in use by {', '.join(users)}",
                )
                return
        self.engine.delete(stack)
        if stack.status == "DELETE_COMPLETE":
            stack.outputs = {}
            self.deleted.append(self.live.pop(stack.name))

    def propose(
        self, body: str, given: list[dict[str, Any]], tags: dict[str, str], previous: Proposal | None
    ) -> Proposal:
        """Make a proposal of a request's template and parameters.

        Raises
        ------
        ValidationError
            The template is wrong, or a parameter is missing.
        """
        try:
            template = parse_template(body)
            raw, resolved = {}, {}
            by_key = {item["ParameterKey"]: item for item in given}
            for key, declaration in template.get("Parameters", {}).items():
                raw[key] = _raw_parameter(key, declaration, by_key.get(key, {}), previous)
                resolved[key] = self._resolve(raw[key], declaration.get("Type", "String"))
        except TemplateError as error:
            raise ValidationError(str(error)) from error
        return Proposal(body, template, raw, resolved, tags)

    def _resolve(self, raw: str, kind: str) -> Any:
        if kind.startswith("AWS::SSM::Parameter::Value"):
            value = self.engine.parameter(raw)
            return value.split(",") if "List" in kind else value
        return raw.split(",") if kind == "CommaDelimitedList" or kind.startswith("List<") else raw


def _raw_parameter(key: str, declaration: dict[str, Any], given: dict[str, Any], previous: Proposal | None) -> str:
    if "ParameterValue" in given:
        value = str(given["ParameterValue"])
    elif str(given.get("UsePreviousValue", "")).lower() == "true" and previous and key in previous.raw:
        value = previous.raw[key]
    elif "Default" in declaration:
        value = str(declaration["Default"])
    else:
        raise ValidationError(f"Parameters: [{key}] must have values")
    allowed = declaration.get("AllowedValues")
    if allowed and value not in map(str, allowed):
        raise ValidationError(f"Parameter '{key}' must be one of AllowedValues")
    return value


def propose_changes(stack: Stack, proposal: Proposal) -> list[dict[str, Any]]:
    """Return what a proposal would change, resource by resource, as DescribeChangeSet shows it."""
    old = {name: body for name, body in stack.proposal.template["Resources"].items() if name in stack.resources}
    new = proposal.template["Resources"]
    moved = {key for key, value in proposal.resolved.items() if stack.proposal.resolved.get(key) != value}
    changes = []
    for name, body in new.items():
        if name not in old:
            changes.append(_change("Add", name, body["Type"], None))
        elif body != old[name] or moved & set(references(body)):
            changes.append(_change("Modify", name, body["Type"], stack.resources[name].existing.physical_id))
    for name in old.keys() - new.keys():
        changes.append(_change("Remove", name, old[name]["Type"], stack.resources[name].existing.physical_id))
    return changes


def _change(action: str, logical_id: str, kind: str, physical_id: str | None) -> dict[str, Any]:
    change: dict[str, Any] = {"Action": action, "LogicalResourceId": logical_id, "ResourceType": kind, "Scope": []}
    if physical_id:
        change["PhysicalResourceId"] = physical_id
    if action == "Modify":
        change |= {"Replacement": "Conditional", "Scope": ["Properties"], "Details": []}
    return {"Type": "Resource", "ResourceChange": change}


class CloudFormationApi(BaseResponse):  # type: ignore[misc]
    """The operations, one method each; moto finds them by name."""

    stacks: Stacks

    def __init__(self) -> None:
        super().__init__(service_name="cloudformation")
        self.automated_parameter_parsing = True

    # --- stacks ---------------------------------------------------------------------------------------------------

    def create_stack(self) -> ActionResult:
        """Create a stack from a template."""
        name = self._get_param("StackName")
        if name in self.stacks.live:
            raise AlreadyExists(f"Stack [{name}] already exists")
        stack = self.stacks.new(name, self._proposal(None))
        stack.protected = bool(self._get_param("EnableTerminationProtection"))
        rollback = not self._get_param("DisableRollback") and self._get_param("OnFailure") != "DO_NOTHING"
        self.stacks.run(f"create stack {name}", lambda: self.stacks.engine.create(stack, rollback=rollback))
        return ActionResult({"StackId": stack.stack_id})

    def update_stack(self) -> ActionResult:
        """Update a stack to a template."""
        stack = self.stacks.find(self._get_param("StackName"))
        proposal = self._proposal(stack)
        self._refuse_unless_updatable(stack)
        if not propose_changes(stack, proposal) and not _differs_otherwise(stack, proposal):
            raise ValidationError("No updates are to be performed.")
        self.stacks.run(f"update stack {stack.name}", lambda: self.stacks.engine.update(stack, proposal))
        return ActionResult({"StackId": stack.stack_id})

    def delete_stack(self) -> ActionResult:
        """Delete a stack; deleting none is no error."""
        name = self._get_param("StackName")
        found = [stack for stack in self.stacks.live.values() if name in (stack.name, stack.stack_id)]
        for stack in found:
            if stack.protected:
                raise ValidationError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
            self.stacks.run(f"delete stack {stack.name}", partial(self.stacks.delete, stack))
        return EmptyResult()

    def update_termination_protection(self) -> ActionResult:
        """Protect a stack from deletion, or not."""
        stack = self.stacks.find(self._get_param("StackName"))
        stack.protected = bool(self._get_param("EnableTerminationProtection"))
        return ActionResult({"StackId": stack.stack_id})

    def describe_stacks(self) -> ActionResult:
        """Describe one stack or all."""
        name = self._get_param("StackName")
        found = [self.stacks.find(name)] if name else list(self.stacks.live.values())
        return ActionResult({"Stacks": [views.stack(stack) for stack in found]})

    def list_stacks(self) -> ActionResult:
        """List stacks, deleted ones too."""
        wanted = self._get_param("StackStatusFilter") or []
        every = [*self.stacks.live.values(), *self.stacks.deleted]
        return ActionResult({"StackSummaries": [views.summary(s) for s in every if not wanted or s.status in wanted]})

    def describe_stack_events(self) -> ActionResult:
        """Return a stack's history, newest first."""
        stack = self.stacks.find(self._get_param("StackName"))
        return ActionResult({"StackEvents": [views.event(stack, event) for event in reversed(stack.events)]})

    def describe_events(self) -> ActionResult:
        """Return the history of an operation, as the newer API spells it."""
        stack = self.stacks.find(self._get_param("StackName"))
        return ActionResult({"OperationEvents": [views.event(stack, event) for event in reversed(stack.events)]})

    def describe_stack_resources(self) -> ActionResult:
        """Describe a stack's resources."""
        stack = self.stacks.find(self._get_param("StackName"))
        wanted = self._get_param("LogicalResourceId")
        found = [r for r in stack.resources.values() if wanted in (None, r.logical_id)]
        return ActionResult({"StackResources": [views.resource(stack, resource) for resource in found]})

    def describe_stack_resource(self) -> ActionResult:
        """Describe one resource."""
        stack, wanted = self.stacks.find(self._get_param("StackName")), self._get_param("LogicalResourceId")
        if wanted not in stack.resources:
            raise ValidationError(f"Resource {wanted} does not exist for stack {stack.name}")
        return ActionResult({"StackResourceDetail": views.resource(stack, stack.resources[wanted])})

    def list_stack_resources(self) -> ActionResult:
        """List a stack's resources."""
        stack = self.stacks.find(self._get_param("StackName"))
        found = [views.resource(stack, resource) for resource in stack.resources.values()]
        return ActionResult({"StackResourceSummaries": found})

    def get_template(self) -> ActionResult:
        """Return the template that a stack was made from."""
        name = self._get_param("ChangeSetName")
        body = (
            self._change_set().proposal.body if name else self.stacks.find(self._get_param("StackName")).proposal.body
        )
        return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})

    def get_template_summary(self) -> ActionResult:
        """Return the parameters and resource types of a template."""
        name = self._get_param("StackName")
        template = self.stacks.find(name).proposal.template if name else parse_template(self._body(None))
        return ActionResult(views.template_summary(template))

    def validate_template(self) -> ActionResult:
        """Check that a template can be read."""
        return ActionResult(views.template_summary(parse_template(self._body(None))))

    def list_exports(self) -> ActionResult:
        """List what all stacks export."""
        exports = [
            {"ExportingStackId": stack.stack_id, "Name": output.export, "Value": output.value}
            for stack in self.stacks.live.values()
            for output in stack.outputs.values()
            if output.export
        ]
        return ActionResult({"Exports": exports})

    def list_imports(self) -> ActionResult:
        """List the stacks that import an export."""
        return ActionResult({"Imports": self.stacks.engine.importers(self._get_param("ExportName"))})

    def get_stack_policy(self) -> ActionResult:
        """Return a stack's policy: there are none."""
        return ActionResult({})

    # --- change sets ----------------------------------------------------------------------------------------------

    def create_change_set(self) -> ActionResult:
        """Propose a change."""
        kind, name = self._get_param("ChangeSetType") or "UPDATE", self._get_param("StackName")
        known = self.stacks.live.get(name) or next((s for s in self.stacks.live.values() if s.stack_id == name), None)
        if kind == "CREATE" and known is not None and known.status != "REVIEW_IN_PROGRESS":
            raise AlreadyExists(f"Stack [{name}] already exists and cannot be created again with the changeSet")
        if kind not in ("CREATE", "UPDATE"):
            raise ValidationError(f"localcloud does not do change sets of type {kind}.")
        stack = known if known is not None else None
        if kind == "UPDATE":
            stack = self.stacks.find(name)
            self._refuse_unless_updatable(stack)
        proposal = self._proposal(stack)
        stack = stack or self.stacks.new(name, proposal)
        changes = propose_changes(stack, proposal)
        empty = kind == "UPDATE" and not changes and not _differs_otherwise(stack, proposal)
        change_set = ChangeSet(
            name=self._get_param("ChangeSetName"),
            change_set_id=(
                f"arn:aws:cloudformation:{self.stacks.cloud.region}:{self.stacks.cloud.account}:"
                f"changeSet/{self._get_param('ChangeSetName')}/{uuid.uuid4()}"
            ),
            stack=stack,
            kind=kind,
            proposal=proposal,
            created=self.stacks.cloud.clock.now(),
            changes=changes,
            status="FAILED" if empty else "CREATE_COMPLETE",
            reason=_NO_CHANGES if empty else None,
            execution_status="UNAVAILABLE" if empty else "AVAILABLE",
            description=self._get_param("Description"),
        )
        self.stacks.change_sets[change_set.change_set_id] = change_set
        return ActionResult({"Id": change_set.change_set_id, "StackId": stack.stack_id})

    def describe_change_set(self) -> ActionResult:
        """Describe a proposed change."""
        return ActionResult(views.change_set(self._change_set()))

    def list_change_sets(self) -> ActionResult:
        """List the changes proposed to a stack."""
        stack = self.stacks.find(self._get_param("StackName"))
        found = [views.change_set(c) for c in self.stacks.change_sets.values() if c.stack is stack]
        return ActionResult({"Summaries": found})

    def delete_change_set(self) -> ActionResult:
        """Forget a proposed change; forgetting none is no error."""
        try:
            del self.stacks.change_sets[self._change_set().change_set_id]
        except ChangeSetNotFound:
            return EmptyResult()
        return EmptyResult()

    def execute_change_set(self) -> ActionResult:
        """Carry a proposed change out."""
        change_set = self._change_set()
        if change_set.execution_status != "AVAILABLE":
            raise ValidationError(f"ChangeSet [{change_set.name}] cannot be executed in its current status")
        stack, engine = change_set.stack, self.stacks.engine
        rollback = not self._get_param("DisableRollback")

        def work() -> None:
            if change_set.kind == "CREATE":
                stack.proposal = change_set.proposal
                engine.create(stack, rollback=rollback)
            else:
                engine.update(stack, change_set.proposal)
            change_set.execution_status = "EXECUTE_COMPLETE"

        change_set.execution_status = "EXECUTE_IN_PROGRESS"
        self.stacks.run(f"execute change set of {stack.name}", work)
        return EmptyResult()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _change_set(self) -> ChangeSet:
        name, stack = self._get_param("ChangeSetName"), self._get_param("StackName")
        for change_set in reversed(self.stacks.change_sets.values()):
            of_stack = stack is None or stack in (change_set.stack.name, change_set.stack.stack_id)
            if name == change_set.change_set_id or (name == change_set.name and of_stack):
                return change_set
        raise ChangeSetNotFound(f"ChangeSet [{name}] does not exist")

    def _proposal(self, stack: Stack | None) -> Proposal:
        tags = {tag["Key"]: tag["Value"] for tag in self._get_param("Tags") or []}
        previous = stack.proposal if stack else None
        if previous is not None and self._get_param("Tags") is None:
            tags = previous.tags
        return self.stacks.propose(self._body(stack), self._get_param("Parameters") or [], tags, previous)

    def _body(self, stack: Stack | None) -> str:
        body, url = self._get_param("TemplateBody"), self._get_param("TemplateURL")
        if body:
            return str(body)
        if url:
            bucket, key = _bucket_and_key(url)
            content = self.stacks.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
            return str(content.decode())
        if stack is not None and self._get_param("UsePreviousTemplate"):
            return stack.proposal.body
        raise ValidationError("Either Template URL or Template Body must be specified.")

    @staticmethod
    def _refuse_unless_updatable(stack: Stack) -> None:
        if not re.fullmatch(r"(CREATE|UPDATE|UPDATE_ROLLBACK|IMPORT)_COMPLETE", stack.status):
            raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


_NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def _differs_otherwise(stack: Stack, proposal: Proposal) -> bool:
    """Outputs, conditions, parameters or tags may change without any resource doing so."""
    parts = ("Outputs", "Conditions", "Mappings", "Description", "Metadata")
    before, after = stack.proposal.template, proposal.template
    return (
        any(json.dumps(before.get(part)) != json.dumps(after.get(part)) for part in parts)
        or stack.proposal.resolved != proposal.resolved
        or stack.proposal.tags != proposal.tags
    )


def _bucket_and_key(url: str) -> tuple[str, str]:
    """Read an S3 address: path style for an IP address or regional host, else the bucket is in the host's name."""
    parsed = urlparse(url)
    host, path = parsed.hostname or "", unquote(parsed.path).lstrip("/")
    if ".s3" in host:
        return host.split(".s3")[0], path
    bucket, _, key = path.partition("/")
    if not key:
        raise LocalCloudError(f"{url} names no object: expected http(s)://<host>/<bucket>/<key>.")
    return bucket, key
