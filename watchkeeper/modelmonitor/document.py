"""Parts of a JSON file: typed values out of it with errors that name the place, and back into it without losses.

Model Monitor's files hold more than its documentation says, and containers of one's own add fields. So every typed
object keeps the JSON object it came from as its `origin`, and is written by laying what is known over that: what this
library does not know comes back unchanged, in its order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from watchkeeper import jsonio
from watchkeeper.errors import ModelMonitorError

NOTHING: Mapping[str, Any] = {}
"""The origin of what was not read from a file."""


@dataclass(frozen=True)
class Part:
    """One JSON object of a file, and its place there, such as `constraints.json: features[3]`."""

    place: str
    values: Mapping[str, Any]

    def at(self, name: str) -> str:
        """The place of one field."""
        return f"{self.place}{' ' if self.place.endswith(':') else '.'}{name}"

    def error(self, name: str, problem: str) -> ModelMonitorError:
        """An error about one field of this part."""
        return ModelMonitorError(f"{self.at(name)} {problem}")

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def text(self, name: str) -> str:
        """A text; required."""
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self.error(name, f"is {shown(value)}, but must be a text. Correct it, or make the file anew.")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A number, as the file has it (an integer stays one); required without a default."""
        value = self.values.get(name, default)
        if value is None:
            value = default
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self.error(name, f"is {shown(value)}, but must be a number. Correct it, or make the file anew.")
        return value

    def optional(self, name: str) -> float | None:
        """A number, or None when there is none: missing, null or NaN (a mean of no rows)."""
        value = self.values.get(name)
        if value is None or value == "NaN" or (isinstance(value, float) and math.isnan(value)):
            return None
        return self.number(name)

    def share(self, name: str, default: float | None = None) -> float:
        """A number from 0 to 1."""
        value = self.number(name, default)
        if not 0 <= value <= 1:
            raise self.error(name, f"is {shown(value)}, but a share is from 0 to 1. Correct it.")
        return value

    def flag(self, name: str) -> bool:
        """`Enabled` or `Disabled`; enabled when it is not there."""
        value = self.values.get(name, "Enabled")
        if value not in ("Enabled", "Disabled"):
            raise self.error(name, f"is {shown(value)}, but must be 'Enabled' or 'Disabled'. Correct it.")
        return bool(value == "Enabled")

    def choice(self, name: str, choices: Mapping[str, str], default: str) -> str:
        """One of the spellings in `choices`, as what it stands for."""
        value = self.values.get(name, default)
        if not isinstance(value, str) or value not in choices:
            raise self.error(name, f"is {shown(value)}, but must be one of {', '.join(choices)}. Correct it.")
        return choices[value]

    def part(self, name: str) -> Part:
        """An object; empty when it is not there."""
        value = self.values.get(name)
        if value is None:
            value = NOTHING
        if not isinstance(value, Mapping):
            raise self.error(name, f"is {shown(value)}, but must be an object. Correct it, or make the file anew.")
        return Part(self.at(name), value)

    def parts(self, name: str) -> list[Part]:
        """A list of objects; empty when it is not there."""
        return [
            Part(self.at(f"{name}[{number}]"), self._object(f"{name}[{number}]", value))
            for number, value in enumerate(self.items(name))
        ]

    def items(self, name: str) -> list[Any]:
        """A list of anything; empty when it is not there."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(name, f"is {shown(value)}, but must be a list. Correct it, or make the file anew.")
        return value

    def _object(self, name: str, value: object) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise self.error(name, f"is {shown(value)}, but must be an object. Correct it, or make the file anew.")
        return value


def read(text: bytes, name: str, required: str) -> Part:
    """The file's outermost object.

    Parameters
    ----------
    name : the file's name, for errors
    required : a list that such a file always has

    Raises
    ------
    ModelMonitorError
        The text is not JSON, or no file of this kind.
    """
    try:
        document = jsonio.loads(text)
    except ValueError as error:
        raise ModelMonitorError(
            f"{name} is not JSON ({type(error).__name__} at {getattr(error, 'pos', '?')}): it may be cut short. Fetch "
            "it again from where Model Monitor wrote it."
        ) from error
    if not isinstance(document, Mapping):
        raise ModelMonitorError(f"{name} holds {shown(document)} where an object must be. Is it the right file?")
    if not isinstance(document.get(required), list):
        known = ", ".join(sorted(map(str, document))[:5]) or "nothing"
        raise ModelMonitorError(f"{name} has no list {required!r} (it has {known}). Is it the right file?")
    return Part(f"{name}:", document)


def overlay(origin: Any, known: Any) -> Any:
    """`origin` with everything that `known` says differently.

    Objects are merged; a list that holds what is known already is kept with all else that its items hold.
    """
    if isinstance(origin, Mapping) and isinstance(known, Mapping):
        merged = {name: overlay(value, known[name]) if name in known else value for name, value in origin.items()}
        return merged | {name: value for name, value in known.items() if name not in origin}
    return origin if _holds(origin, known) else known


def _holds(origin: Any, known: Any) -> bool:
    if isinstance(origin, Mapping) and isinstance(known, Mapping):
        return all(name in origin and _holds(origin[name], value) for name, value in known.items())
    if isinstance(origin, list) and isinstance(known, list):
        return len(origin) == len(known) and all(map(_holds, origin, known))
    return bool(origin == known) and isinstance(origin, bool) is isinstance(known, bool)


def write(document: Mapping[str, Any]) -> bytes:
    """JSON as people read it, for these files are edited by hand; fields keep their order."""
    return json.dumps(document, indent=2).encode() + b"\n"


def shown(value: object) -> str:
    """A value in an error: short, whatever it is."""
    if value is None:
        return "missing"
    if isinstance(value, list | Mapping):
        return "a list" if isinstance(value, list) else "an object"
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"
