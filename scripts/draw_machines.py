"""Draw every state machine of the example model into docs/machines.md, out of its own definition.

A picture is Mermaid, which GitHub and most editors draw. Its nodes are the states, its arrows the ways between them;
states whose failures of any kind go to one handler stand in one box, and one dotted arrow leads from the box to it.
"""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from templates import ROOT, machines, synthesize

PICTURES = ROOT / "docs" / "machines.md"
MODEL = "credit-risk"
_SHAPES = {
    "Choice": ("{{", "}}"),
    "Wait": ("[/", "/]"),
    "Pass": ("[", "]"),
    "Succeed": ("([", "])"),
    "Fail": ("([", "])"),
    "Parallel": ("[[", "]]"),
    "Task": ("[", "]"),
}
_HEAD = f"""# The state machines

Drawn from the definitions that the stack of `models/{MODEL}.yaml` deploys, by `make machines`; what they do is told in
[architecture](architecture.md). Green ends are good, red ends are failures. A dotted arrow is the way of an error:
from a box, of any error of any state in it that no arrow of its own takes.
"""
_TYPES = """    classDef fail fill:#fbe3e1,stroke:#b3261e
    classDef done fill:#e2f2e5,stroke:#2e7d32
    classDef aside fill:#ffffff,stroke:#9aa0a6"""

Definition = Mapping[str, Any]


def main() -> None:
    """Synthesize, and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        templates = synthesize(Path(folder), nag=False)
        found = {name: text for template in templates for name, text in machines(template).items()}
    PICTURES.write_text(page(found), encoding="utf-8")


def page(found: Mapping[str, str]) -> str:
    """The machines of the example model as a page of pictures, out of definitions by name."""
    own = {name: json.loads(text) for name, text in found.items() if name.startswith(f"{MODEL}--")}
    parts = [_HEAD]
    for name, definition in sorted(own.items()):
        title = name.removeprefix(f"{MODEL}--")
        parts.append(f"## {title}\n\n{definition['Comment']}.\n\n```mermaid\n{drawn(definition)}\n```\n")
    return "\n".join(parts)


def drawn(definition: Definition) -> str:
    """One machine."""
    states = definition["States"]
    boxes: defaultdict[str, list[str]] = defaultdict(list)
    for name, handler in _handlers(states).items():
        boxes[handler].append(name)
    lines = ["flowchart TD", f"    start(( )) --> {_id(definition['StartAt'])}"]
    for number, (handler, names) in enumerate(boxes.items()):
        inside = [f"    {_node(name, states[name])}" for name in names]
        if not handler:
            lines += inside
            continue
        lines += [f"    subgraph box{number}[ ]", *inside, "    end"]
        lines.append(f"    box{number} -. any error .-> {_id(handler)}")
    for name, state in states.items():
        lines += [f"    {_id(name)} {arrow} {_id(to)}" for arrow, to in _ways(state)]
    return "\n".join([*lines, _TYPES])


def _handlers(states: Definition) -> dict[str, str]:
    """Where errors of each state lead; one that cannot fail stands with those on both sides of it."""
    found = {name: _handler(state) for name, state in states.items()}
    for name, state in states.items():
        after = {found[to] for _, to in _ways(state)}
        before = {found[other] for other in states if name in {to for _, to in _ways(states[other])}}
        if state["Type"] in ("Choice", "Pass") and len(before) == 1 and before <= after:
            found[name] = before.pop()
    return found


def _handler(state: Mapping[str, Any]) -> str:
    """Where any error leads that is not the state's own way on."""
    for catch in state.get("Catch", ()):
        if catch["ErrorEquals"] == ["States.ALL"] and catch["Next"] != state.get("Next"):
            return str(catch["Next"])
    return ""


def _ways(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Arrows from a state, each with where it leads; two of the same kind to one place are one."""
    ways = [("-->", rule["Next"]) for rule in state.get("Choices", ())]
    ways += [("-->", state[way]) for way in ("Default", "Next") if way in state]
    for catch in state.get("Catch", ()):
        if catch["Next"] != state.get("Next") and catch["ErrorEquals"] != ["States.ALL"]:
            ways.append((f"-. {_words(catch['ErrorEquals'])} .->", catch["Next"]))
    return iter(dict.fromkeys(ways))


def _words(errors: list[str]) -> str:
    return ", ".join(dict.fromkeys(error.rpartition(".")[2] for error in errors))


def _node(name: str, state: Mapping[str, Any]) -> str:
    opening, closing = _SHAPES[state["Type"]]
    style = {"Fail": ":::fail", "Succeed": ":::done", "Pass": ":::aside"}.get(state["Type"], "")
    return f'{_id(name)}{opening}"{name}"{closing}{style}'


def _id(name: str) -> str:
    return "s" + "".join(letter if letter.isalnum() else "_" for letter in name)


if __name__ == "__main__":
    main()
