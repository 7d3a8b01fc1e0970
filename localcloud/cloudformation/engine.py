"""Creates, updates, rolls back and deletes stacks.

Resources are made in the order of their references and `DependsOn`, deleted in the reverse. A change that fails is
undone, and the stack says why. As on AWS, a property that cannot be changed in place makes a new resource and deletes
the old one after the update has succeeded, unless the template names the resource itself: then the update is refused.
"""

from __future__ import annotations

import logging
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources import Aws, ResourceType
from localcloud.cloudformation.stack import Output, Proposal, Resource, Stack
from localcloud.cloudformation.template import Resolver, TemplateError, dependency_order
from localcloud.errors import LocalCloudError

log = logging.getLogger("localcloud")
_FAILURES = (LocalCloudError, ClientError, BotoCoreError, KeyError, TypeError, ValueError)
_RETAINED = ("Retain", "RetainExceptOnCreate", "Snapshot")


@dataclass
class _Undo:
    """How to take back what an operation has done so far, newest first."""

    steps: list[Callable[[], None]] = field(default_factory=list)


class Engine:
    """Carries out the operations on stacks; each runs to its end in the calling thread."""

    def __init__(self, cloud: Cloud, types: Mapping[str, ResourceType], stacks: Mapping[str, Stack]) -> None:
        self._cloud, self._types, self._stacks = cloud, types, stacks
        self._aws = Aws(cloud)

    # --- the three operations -------------------------------------------------------------------------------------

    def create(self, stack: Stack, *, rollback: bool = True) -> None:
        """Create every resource; on failure delete what was created (unless told not to)."""
        stack.note(self._now(), "CREATE_IN_PROGRESS", "User Initiated")
        try:
            for logical_id in self._included(stack.proposal, stack):
                self._create_resource(stack, stack.proposal, logical_id)
            stack.outputs = self._outputs(stack, stack.proposal)
        except _FAILURES as error:
            reason = _reason(error)
            log.warning("stack %s: %s", stack.name, reason)
            if not rollback:
                stack.note(self._now(), "CREATE_FAILED", reason)
                return
            stack.note(self._now(), "ROLLBACK_IN_PROGRESS", f"{reason}. Rollback requested by user.")
            self._delete_all(stack, retain_on=("Retain",))
            stack.note(self._now(), "ROLLBACK_COMPLETE")
            stack.reason = reason
            return
        stack.note(self._now(), "CREATE_COMPLETE")

    def update(self, stack: Stack, proposal: Proposal) -> None:
        """Bring the stack to the proposal, or leave it as it was."""
        before = stack.proposal
        stack.note(self._now(), "UPDATE_IN_PROGRESS", "User Initiated")
        stack.updated = self._now()
        undo, leftovers = _Undo(), list[Resource]()
        try:
            included = self._included(proposal, stack)
            for logical_id in included:
                self._update_or_create(stack, proposal, logical_id, undo, leftovers)
            outputs = self._outputs(stack, proposal)
            self._refuse_removing_imported(stack, outputs)
        except _FAILURES as error:
            self._roll_back(stack, _reason(error), undo)
            return
        gone = [name for name in reversed(dependency_order(before.template["Resources"])) if name in stack.resources]
        leftovers += [stack.resources.pop(name) for name in gone if name not in included]
        stack.proposal, stack.outputs = proposal, outputs
        stack.note(self._now(), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        for resource in leftovers:
            self._clean_up(stack, resource)
        stack.note(self._now(), "UPDATE_COMPLETE")

    def delete(self, stack: Stack) -> None:
        """Delete every resource that is not to be retained."""
        stack.note(self._now(), "DELETE_IN_PROGRESS", "User Initiated")
        failed = self._delete_all(stack, retain_on=_RETAINED)
        if failed:
            stack.note(
                self._now(), "DELETE_FAILED", f"The following resource(s) failed to delete: [{', '.join(failed)}]."
            )
        else:
            stack.note(self._now(), "DELETE_COMPLETE")

    # --- one resource ---------------------------------------------------------------------------------------------

    def _create_resource(self, stack: Stack, proposal: Proposal, logical_id: str) -> Resource:
        declaration = proposal.template["Resources"][logical_id]
        kind = self._type(declaration["Type"], logical_id)
        self._note(stack, logical_id, "", kind.type, "CREATE_IN_PROGRESS")
        try:
            properties = self._properties(stack, proposal, declaration)
            named = self._with_name(stack, logical_id, kind, properties)
            made = kind.create(self._aws, named)
        except _FAILURES as error:
            self._note(stack, logical_id, "", kind.type, "CREATE_FAILED", _reason(error))
            raise
        resource = Resource(logical_id, kind.type, made, declaration, "CREATE_COMPLETE", self._now())
        stack.resources[logical_id] = resource
        self._note(stack, logical_id, made.physical_id, kind.type, "CREATE_COMPLETE")
        return resource

    def _update_or_create(
        self, stack: Stack, proposal: Proposal, logical_id: str, undo: _Undo, leftovers: list[Resource]
    ) -> None:
        old = stack.resources.get(logical_id)
        declaration = proposal.template["Resources"][logical_id]
        if old is None or old.type != declaration["Type"]:
            made = self._create_resource(stack, proposal, logical_id)
            undo.steps.append(lambda: self._undo_creation(stack, made, old))
            if old is not None:
                leftovers.append(old)
            return
        kind = self._type(old.type, logical_id)
        properties = self._properties(stack, proposal, declaration)
        wanted = self._keeping_name(kind, old, properties)
        changed = {
            name
            for name in {*wanted, *old.existing.properties}
            if wanted.get(name) != old.existing.properties.get(name)
        }
        if not changed:
            old.template = declaration
            return
        physical_id = old.existing.physical_id
        self._note(stack, logical_id, physical_id, kind.type, "UPDATE_IN_PROGRESS")
        try:
            if kind.must_replace(changed):
                self._refuse_replacing_named(kind, old, properties)
                made = self._create_resource(stack, proposal, logical_id)
                undo.steps.append(lambda: self._undo_creation(stack, made, old))
                leftovers.append(old)
                return
            assert kind.update is not None
            undo.steps.append(lambda: self._undo_update(stack, kind, old))
            existing = kind.update(self._aws, old.existing, wanted)
        except _FAILURES as error:
            self._note(stack, logical_id, physical_id, kind.type, "UPDATE_FAILED", _reason(error))
            raise
        stack.resources[logical_id] = Resource(
            logical_id, kind.type, existing, declaration, "UPDATE_COMPLETE", self._now()
        )
        self._note(stack, logical_id, existing.physical_id, kind.type, "UPDATE_COMPLETE")

    def _delete_resource(self, stack: Stack, resource: Resource) -> str | None:
        """Delete one resource; return why that failed, if it did."""
        physical_id = resource.existing.physical_id
        self._note(stack, resource.logical_id, physical_id, resource.type, "DELETE_IN_PROGRESS")
        try:
            self._types[resource.type].delete(self._aws, resource.existing)
        except _FAILURES as error:
            if _already_gone(error):
                log.info("%s %s was gone already", resource.type, physical_id)
            else:
                self._note(stack, resource.logical_id, physical_id, resource.type, "DELETE_FAILED", _reason(error))
                return _reason(error)
        self._note(stack, resource.logical_id, physical_id, resource.type, "DELETE_COMPLETE")
        return None

    # --- undoing --------------------------------------------------------------------------------------------------

    def _roll_back(self, stack: Stack, reason: str, undo: _Undo) -> None:
        log.warning("stack %s: %s", stack.name, reason)
        stack.note(self._now(), "UPDATE_ROLLBACK_IN_PROGRESS", reason)
        failures = []
        for step in reversed(undo.steps):
            try:
                step()
            except _FAILURES as error:
                failures.append(_reason(error))
        if failures:
            stack.note(self._now(), "UPDATE_ROLLBACK_FAILED", "; ".join(failures))
        else:
            stack.note(self._now(), "UPDATE_ROLLBACK_COMPLETE")
            stack.reason = reason

    def _undo_creation(self, stack: Stack, made: Resource, old: Resource | None) -> None:
        problem = self._delete_resource(stack, made)
        if old is not None:
            stack.resources[made.logical_id] = old
        else:
            stack.resources.pop(made.logical_id, None)
        if problem:
            raise LocalCloudError(problem)

    def _undo_update(self, stack: Stack, kind: ResourceType, old: Resource) -> None:
        assert kind.update is not None
        current = stack.resources[old.logical_id].existing
        stack.resources[old.logical_id] = old
        old.existing = kind.update(self._aws, current, old.existing.properties)
        self._note(stack, old.logical_id, old.existing.physical_id, kind.type, "UPDATE_COMPLETE")

    def _clean_up(self, stack: Stack, resource: Resource) -> None:
        policy = "UpdateReplacePolicy" if resource.logical_id in stack.resources else "DeletionPolicy"
        if resource.template.get(policy) in _RETAINED:
            self._note(
                stack, resource.logical_id, resource.existing.physical_id, resource.type, "DELETE_SKIPPED", "Retained"
            )
        else:
            self._delete_resource(stack, resource)

    def _delete_all(self, stack: Stack, retain_on: tuple[str, ...]) -> list[str]:
        failed = []
        declared = {name: stack.resources[name].template for name in stack.resources}
        for logical_id in reversed(dependency_order(declared)):
            resource = stack.resources[logical_id]
            if resource.template.get("DeletionPolicy") in retain_on:
                physical_id = resource.existing.physical_id
                self._note(stack, logical_id, physical_id, resource.type, "DELETE_SKIPPED", "Retained")
            elif self._delete_resource(stack, resource):
                failed.append(logical_id)
                continue
            del stack.resources[logical_id]
        return failed

    # --- looking things up ----------------------------------------------------------------------------------------

    def _included(self, proposal: Proposal, stack: Stack) -> list[str]:
        """Return the logical ids whose condition holds, in order; every type among them is one we can make."""
        resolver = self._resolver(stack, proposal)
        declared = proposal.template["Resources"]
        included = {
            name: body
            for name, body in declared.items()
            if "Condition" not in body or resolver.condition(body["Condition"])
        }
        for name, body in included.items():
            self._type(body["Type"], name)
        return dependency_order(included)

    def _type(self, name: str, logical_id: str) -> ResourceType:
        if name not in self._types:
            raise TemplateError(
                f"localcloud has no provider for {name} (resource {logical_id}). "
                "Add one in localcloud/providers, or use another resource."
            )
        return self._types[name]

    def _properties(self, stack: Stack, proposal: Proposal, declaration: dict[str, Any]) -> dict[str, Any]:
        properties = self._resolver(stack, proposal).value(declaration.get("Properties", {}))
        assert isinstance(properties, dict)
        return properties

    def _resolver(self, stack: Stack, proposal: Proposal) -> Resolver:
        pseudo = {
            "AWS::AccountId": self._cloud.account,
            "AWS::Region": self._cloud.region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack.name,
            "AWS::StackId": stack.stack_id,
            "AWS::NotificationARNs": [],
        }
        return Resolver(
            template=proposal.template,
            parameters={**proposal.resolved, **pseudo},
            resources={name: resource.known for name, resource in stack.resources.items()},
            import_value=self._imported,
            parameter_store=self.parameter,
        )

    def parameter(self, name: str) -> str:
        """Look a value up in the SSM parameter store."""
        try:
            value = self._cloud.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]
        except ClientError as error:
            raise TemplateError(
                f"Unable to fetch parameters [{name}] from parameter store for this account."
            ) from error
        return str(value)

    def _imported(self, name: str) -> str:
        for stack in self._stacks.values():
            for output in stack.outputs.values():
                if output.export == name:
                    return output.value
        raise TemplateError(f"No export named {name} found.")

    def _outputs(self, stack: Stack, proposal: Proposal) -> dict[str, Output]:
        resolver = self._resolver(stack, proposal)
        outputs = {}
        for key, declaration in proposal.template.get("Outputs", {}).items():
            if "Condition" in declaration and not resolver.condition(declaration["Condition"]):
                continue
            export = resolver.value(declaration.get("Export", {}).get("Name"))
            outputs[key] = Output(
                key, str(resolver.value(declaration["Value"])), declaration.get("Description"), export
            )
            self._refuse_second_export(stack, export)
        return outputs

    def _refuse_second_export(self, stack: Stack, export: str | None) -> None:
        for other in self._stacks.values():
            if export and other is not stack and any(output.export == export for output in other.outputs.values()):
                raise TemplateError(f"Export with name {export} is already exported by stack {other.name}.")

    def _refuse_removing_imported(self, stack: Stack, outputs: dict[str, Output]) -> None:
        kept = {output.export: output.value for output in outputs.values() if output.export}
        for output in stack.outputs.values():
            if output.export is None or kept.get(output.export) == output.value:
                continue
            users = self.importers(output.export)
            if users:
                raise TemplateError(
                    f"Cannot update or delete export {output.export} as it is in use by {', '.join(users)}."
                )

    def importers(self, export: str) -> list[str]:
        """Return the names of the stacks that import an export."""
        return [stack.name for stack in self._stacks.values() if stack.resources and self._imports(stack, export)]

    def _imports(self, stack: Stack, export: str) -> bool:
        resolver = self._resolver(stack, stack.proposal)
        return any(resolver.value(name) == export for name in _import_names(stack.proposal.template))

    # --- names ----------------------------------------------------------------------------------------------------

    def _with_name(
        self, stack: Stack, logical_id: str, kind: ResourceType, properties: dict[str, Any]
    ) -> dict[str, Any]:
        if kind.name is None or kind.name in properties:
            return properties
        suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(12))
        room = kind.name_limit - len(suffix) - 1
        stem = f"{stack.name}-{logical_id}"[:room].rstrip("-")
        name = f"{stem}-{suffix}"
        return {**properties, kind.name: name.lower() if kind.lower else name}

    @staticmethod
    def _keeping_name(kind: ResourceType, old: Resource, properties: dict[str, Any]) -> dict[str, Any]:
        """An update that gives no name keeps the one that was made up, unless the template gave it before."""
        if kind.name is None or kind.name in properties or kind.name in old.template.get("Properties", {}):
            return properties
        return {**properties, kind.name: old.existing.properties[kind.name]}

    @staticmethod
    def _refuse_replacing_named(kind: ResourceType, old: Resource, properties: dict[str, Any]) -> None:
        if kind.name and kind.name in properties and properties[kind.name] == old.existing.properties.get(kind.name):
            name = properties[kind.name]
            raise TemplateError(
                "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
                f"Rename {name} and update the stack again."
            )

    def _note(
        self, stack: Stack, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None = None
    ) -> None:
        stack.note(self._now(), status, reason, (logical_id, physical_id, kind))

    def _now(self) -> Any:
        return self._cloud.clock.now()


def _import_names(node: Any) -> list[Any]:
    if isinstance(node, list):
        return [name for item in node for name in _import_names(item)]
    if isinstance(node, dict):
        here = [node["Fn::ImportValue"]] if "Fn::ImportValue" in node else []
        return here + [name for value in node.values() for name in _import_names(value)]
    return []


def _already_gone(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    return any(word in code for word in ("NotFound", "NoSuch", "NonExistent", "DoesNotExist")) or (
        "Could not find" in message or "does not exist" in message
    )


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"Encountered unsupported or missing property {error}"
    return str(error)
