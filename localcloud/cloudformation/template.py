"""CloudFormation's template language: conditions, intrinsic functions, references, and the order that they imply."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from moto.cloudformation.utils import yaml_tag_constructor

from localcloud.errors import LocalCloudError

_SUB = re.compile(r"\$\{(?P<literal>!?)(?P<name>[^}]+)\}")
_DYNAMIC = re.compile(r"\{\{resolve:(?P<store>[^:]+):(?P<name>[^:}]+)(?::[^}]*)?\}\}")
_NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!Sub`, …)."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: yaml_tag_constructor(loader, f"!{tag}", node))


class TemplateError(LocalCloudError):
    """A template is malformed or asks for what localcloud does not do."""


def parse_template(body: str) -> dict[str, Any]:
    """Read a template, JSON or YAML.

    Raises
    ------
    TemplateError
        It is neither, or has no resources.
    """
    try:
        template = json.loads(body)
    except ValueError:
        try:
            template = yaml.load(body, Loader=_Loader)  # noqa: S506 - it is a SafeLoader
        except yaml.YAMLError as error:
            raise TemplateError(f"Template format error: neither JSON nor YAML ({error}).") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    if "Transform" in template:
        raise TemplateError(f"localcloud runs no transforms; the template asks for {template['Transform']}.")
    return template


@dataclass(frozen=True)
class Known:
    """What a reference to a finished resource may ask for."""

    physical_id: str
    attributes: Mapping[str, Any]


@dataclass
class Resolver:
    """Evaluates the expressions of one template in one state of its stack.

    Attributes
    ----------
    parameters : resolved values, pseudo parameters (`AWS::Region`, …) included
    resources : the resources that exist by now, by logical id
    import_value : looks up another stack's export
    parameter_store : looks up an SSM parameter, for dynamic references
    """

    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    resources: Mapping[str, Known]
    import_value: Callable[[str], str]
    parameter_store: Callable[[str], str]
    _conditions: dict[str, bool] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """Evaluate a named condition."""
        if name not in self._conditions:
            try:
                expression = self.template.get("Conditions", {})[name]
            except KeyError:
                raise TemplateError(f"Template error: unresolved condition dependency {name}.") from None
            self._conditions[name] = bool(self.value(expression))
        return self._conditions[name]

    def value(self, expression: Any) -> Any:
        """Evaluate any expression; properties that come out as `AWS::NoValue` disappear."""
        result = self._value(expression)
        return None if result is _NO_VALUE else result

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [item for item in map(self._value, node) if item is not _NO_VALUE]
        if isinstance(node, str):
            return self._dynamic(node)
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (name, argument), *_ = node.items()
            if name in ("Ref", "Condition") and isinstance(argument, str):
                return self._ref(argument) if name == "Ref" else self.condition(argument)
            if name.startswith("Fn::"):
                return self._function(name.removeprefix("Fn::"), argument)
        evaluated = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in evaluated.items() if value is not _NO_VALUE}

    def _dynamic(self, text: str) -> str:
        def look_up(match: re.Match[str]) -> str:
            if match["store"] != "ssm":
                raise TemplateError(f"localcloud resolves only ssm references; the template has {match[0]}.")
            return self.parameter_store(match["name"])

        return _DYNAMIC.sub(look_up, text) if "{{resolve:" in text else text

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in self.parameters:
            return self.parameters[name]
        if name in self.resources:
            return self.resources[name].physical_id
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}].")

    def _attribute(self, path: list[str]) -> Any:
        logical_id, attribute = path[0], ".".join(path[1:])
        if logical_id not in self.resources:
            raise TemplateError(f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}.")
        attributes = self.resources[logical_id].attributes
        if attribute not in attributes:
            raise TemplateError(
                f"Template error: localcloud gives {logical_id} no attribute {attribute}; it has {sorted(attributes)}."
            )
        return attributes[attribute]

    def _function(self, name: str, argument: Any) -> Any:
        function = getattr(self, f"_fn_{name.lower()}", None)
        if function is None:
            raise TemplateError(f"localcloud does not evaluate Fn::{name}.")
        return function(argument)

    def _fn_getatt(self, argument: Any) -> Any:
        parts = argument.split(".") if isinstance(argument, str) else [self._value(part) for part in argument]
        return self._attribute(parts)

    def _fn_join(self, argument: Any) -> str:
        separator, items = argument
        return str(separator).join(str(item) for item in self._value(items))

    def _fn_split(self, argument: Any) -> list[str]:
        separator, text = argument
        return str(self._value(text)).split(separator)

    def _fn_select(self, argument: Any) -> Any:
        index, items = argument
        return self._value(items)[int(self._value(index))]

    def _fn_if(self, argument: Any) -> Any:
        condition, then, otherwise = argument
        return self._value(then if self.condition(condition) else otherwise)

    def _fn_findinmap(self, argument: Any) -> Any:
        names = [self._value(part) for part in argument[:3]]
        node: Any = self.template.get("Mappings", {})
        for name in names:
            if name not in node:
                raise TemplateError(f"Template error: Unable to get mapping for {'::'.join(map(str, names))}.")
            node = node[name]
        return node

    def _fn_importvalue(self, argument: Any) -> str:
        return self.import_value(str(self._value(argument)))

    def _fn_base64(self, argument: Any) -> str:
        return base64.b64encode(str(self._value(argument)).encode()).decode()

    def _fn_getazs(self, argument: Any) -> list[str]:
        region = self._value(argument) or self.parameters["AWS::Region"]
        return [f"{region}{zone}" for zone in "abc"]

    def _fn_tojsonstring(self, argument: Any) -> str:
        return json.dumps(self._value(argument))

    def _fn_equals(self, argument: Any) -> bool:
        left, right = (self._value(side) for side in argument)
        return str(left) == str(right)

    def _fn_not(self, argument: Any) -> bool:
        return not self._value(argument[0])

    def _fn_and(self, argument: Any) -> bool:
        return all(self._value(item) for item in argument)

    def _fn_or(self, argument: Any) -> bool:
        return any(self._value(item) for item in argument)

    def _fn_sub(self, argument: Any) -> str:
        text, given = (argument, {}) if isinstance(argument, str) else argument
        values = {name: self._value(value) for name, value in given.items()}

        def replace(match: re.Match[str]) -> str:
            name = match["name"].strip()
            if match["literal"]:
                return "${" + name + "}"
            if name in values:
                return str(values[name])
            return str(self._attribute(name.split(".")) if "." in name else self._ref(name))

        return _SUB.sub(replace, self._dynamic(text))


def references(node: Any) -> Iterator[str]:
    """Yield the names that an expression refers to: parameters, pseudo parameters and resources."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Ref" and isinstance(value, str):
                yield value
            elif key == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
            elif key == "Fn::Sub":
                text = value if isinstance(value, str) else value[0]
                yield from (m["name"].split(".")[0].strip() for m in _SUB.finditer(text) if not m["literal"])
                yield from references(value)
            elif key == "DependsOn":
                yield from [value] if isinstance(value, str) else value
            else:
                yield from references(value)


def dependency_order(resources: Mapping[str, Any]) -> list[str]:
    """Return logical ids so that each comes after those that it refers to.

    Raises
    ------
    TemplateError
        Resources refer to each other in a circle.
    """
    order: list[str] = []
    done: set[str] = set()
    path: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in path:
            circle = ", ".join(path[path.index(name) :])
            raise TemplateError(f"Circular dependency between resources: [{circle}]")
        path.append(name)
        for needed in references(resources[name]):
            if needed in resources:
                visit(needed)
        path.pop()
        done.add(name)
        order.append(name)

    for name in resources:
        visit(name)
    return order
