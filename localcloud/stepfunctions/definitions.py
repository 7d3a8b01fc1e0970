"""Refuse a state machine that could not run: missing targets, no start, states that nothing leads to.

moto accepts any text that parses. AWS rejects these when the machine is made, so a deployment must fail here as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from moto.stepfunctions.parser.api import InvalidDefinition
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

_LAST = ("Succeed", "Fail")


def problems(machine: dict[str, Any], where: str = "") -> list[str]:
    """Return what is wrong with the structure of a machine and of the machines within its states."""
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        return [f"{where or '/'}: there are no States"]
    found = [] if machine.get("StartAt") in states else [f"{where}/StartAt: no state {machine.get('StartAt')!r}"]
    for name, state in states.items():
        at = f"{where}/States/{name}"
        found += [f"{at}: goes to {target!r}, which is no state" for target in targets(state) if target not in states]
        if not _ends(state):
            found.append(f"{at}: has neither Next nor End")
        for label, inner in _inner_machines(state):
            found += problems(inner, f"{at}/{label}")
    if not found:
        lost = states.keys() - _reachable(machine["StartAt"], states)
        found += [f"{where}/States/{name}: no state leads here" for name in sorted(lost)]
    return found


def targets(state: dict[str, Any]) -> Iterator[str]:
    """Return every state that a state may go to."""
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for branch in [*state.get("Choices", []), *state.get("Catch", [])]:
        yield branch.get("Next", "")


def _ends(state: dict[str, Any]) -> bool:
    return state.get("Type") in (*_LAST, "Choice") or ("Next" in state) != bool(state.get("End"))


def _inner_machines(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, branch in enumerate(state.get("Branches", [])):
        yield f"Branches/{number}", branch
    for key in ("ItemProcessor", "Iterator"):
        if key in state:
            yield key, state[key]


def _reachable(start: str, states: dict[str, dict[str, Any]]) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += targets(states[name])
    return seen


def install() -> None:
    """Check every definition that is created or changed."""
    parse = StepFunctionsParserBackend._validate_definition

    def validate(definition: str) -> None:
        parse(definition)
        found = problems(json.loads(definition))
        if found:
            raise InvalidDefinition(
                message="Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: " + "; ".join(found) + "'"
            )

    StepFunctionsParserBackend._validate_definition = staticmethod(validate)
