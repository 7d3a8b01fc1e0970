"""The policy language: does a statement apply, and what do all statements together decide?

A deny that applies wins; else an allow that applies is needed. The rules are those of AWS's policy evaluation logic:
names of actions and condition keys ignore case, `*` and `?` are wildcards, a condition on a key that the request does
not have fails unless its operator says otherwise (`…IfExists`, negated operators, `ForAllValues`, `Null`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

Context = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Request:
    """What is asked for: an action on a resource, in a context of condition keys.

    `service` is the principal when an AWS service asks ("events.amazonaws.com"), `principal` its ARN when a role does.
    """

    action: str
    resource: str
    context: Context
    principal: str = ""
    service: str = ""


@dataclass(frozen=True)
class Decision:
    """What a set of policies decides, and the (policy, statement index) pairs that decided it."""

    effect: Literal["allow", "deny", "none"]
    statements: tuple[tuple[str, int], ...] = ()


@lru_cache(maxsize=4096)
def _pattern(glob: str, fold: bool) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in glob)
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if fold else 0))


def matches(glob: str, value: str, *, fold: bool = False) -> bool:
    """Tell whether a value matches a pattern with `*` and `?`."""
    return _pattern(glob, fold).fullmatch(value) is not None


def listed(value: Any) -> list[Any]:
    """Return a policy element that may be one value or a list, as a list."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def decide(
    policies: Iterable[tuple[str, Mapping[str, Any]]], request: Request, *, of_resource: bool = False
) -> Decision:
    """Evaluate named policies; those of a resource must name the principal too."""
    allowed: list[tuple[str, int]] = []
    for name, document in policies:
        for index, statement in enumerate(listed(document.get("Statement"))):
            if not applies(statement, request, of_resource=of_resource):
                continue
            if statement["Effect"] == "Deny":
                return Decision("deny", ((name, index),))
            allowed.append((name, index))
    return Decision("allow", tuple(allowed)) if allowed else Decision("none")


def applies(statement: Mapping[str, Any], request: Request, *, of_resource: bool = False) -> bool:
    """Tell whether one statement is about this request."""
    if of_resource and not _principal_matches(statement, request):
        return False
    if "Action" in statement and not _any(statement["Action"], request.action, fold=True):
        return False
    if "NotAction" in statement and _any(statement["NotAction"], request.action, fold=True):
        return False
    if "Resource" in statement and not _any(statement["Resource"], request.resource):
        return False
    if "NotResource" in statement and _any(statement["NotResource"], request.resource):
        return False
    return conditions_hold(statement.get("Condition", {}), request.context)


def _any(globs: Any, value: str, *, fold: bool = False) -> bool:
    return any(matches(str(glob), value, fold=fold) for glob in listed(globs))


def _principal_matches(statement: Mapping[str, Any], request: Request) -> bool:
    if "NotPrincipal" in statement:
        return not _names(statement["NotPrincipal"], request)
    return _names(statement.get("Principal", {}), request)


def _names(principal: Any, request: Request) -> bool:
    if principal == "*":
        return True
    if request.service:
        return request.service in listed(principal.get("Service")) or "*" in listed(principal.get("AWS"))
    for name in listed(principal.get("AWS")):
        if name in ("*", request.principal):
            return True
        account = re.search(r"(\d{12})(:root)?$", str(name))
        if account and f":{account[1]}:" in request.principal:
            return True
    return False


# --- conditions -------------------------------------------------------------------------------------------------------


def conditions_hold(conditions: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    """Tell whether every condition of a statement holds."""
    known = {key.lower(): value for key, value in context.items()}
    return all(
        _holds(operator, listed(expected), known.get(key.lower()))
        for operator, block in conditions.items()
        for key, expected in block.items()
    )


def _holds(operator: str, expected: list[Any], actual: str | Sequence[str] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists").lower()
    if name == "null":
        return (actual is None) == (str(expected[0]).lower() == "true")
    values = [] if actual is None else [actual] if isinstance(actual, str) else list(actual)
    if not values:
        return if_exists or quantifier == "ForAllValues" or (_is_negated(name) and quantifier != "ForAnyValue")
    if _is_negated(name):
        compare = _COMPARISONS[name.replace("not", "", 1)]

        def passes(value: str) -> bool:
            return not any(compare(str(item), value) for item in expected)
    else:
        compare = _COMPARISONS[name]

        def passes(value: str) -> bool:
            return any(compare(str(item), value) for item in expected)

    if quantifier == "ForAnyValue" or (not quantifier and not _is_negated(name)):
        return any(passes(value) for value in values)
    return all(passes(value) for value in values)


def _is_negated(name: str) -> bool:
    return "not" in name and name.replace("not", "", 1) in _COMPARISONS


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda expected, actual: expected == actual,
    "stringequalsignorecase": lambda expected, actual: expected.lower() == actual.lower(),
    "stringlike": matches,
    "arnequals": matches,
    "arnlike": matches,
    "bool": lambda expected, actual: expected.lower() == actual.lower(),
    "numericequals": lambda expected, actual: float(actual) == float(expected),
    "numericlessthan": lambda expected, actual: float(actual) < float(expected),
    "numericlessthanequals": lambda expected, actual: float(actual) <= float(expected),
    "numericgreaterthan": lambda expected, actual: float(actual) > float(expected),
    "numericgreaterthanequals": lambda expected, actual: float(actual) >= float(expected),
    "dateequals": lambda expected, actual: _moment(actual) == _moment(expected),
    "datelessthan": lambda expected, actual: _moment(actual) < _moment(expected),
    "datelessthanequals": lambda expected, actual: _moment(actual) <= _moment(expected),
    "dategreaterthan": lambda expected, actual: _moment(actual) > _moment(expected),
    "dategreaterthanequals": lambda expected, actual: _moment(actual) >= _moment(expected),
    "binaryequals": lambda expected, actual: expected == actual,
    "ipaddress": lambda expected, actual: ipaddress.ip_address(actual) in ipaddress.ip_network(expected, strict=False),
}
