"""Composite alarm rules: `ALARM("a") AND NOT (OK(b) OR TRUE)`, read by a small parser."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.operations import ApiError

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_TOKEN = re.compile(
    r"""\s*(?:(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?P<alarm>"[^"]+"|'[^']+'|[^\s()"']+)\s*\)"""
    r"""|(?P<word>AND|OR|NOT|TRUE|FALSE)\b|(?P<bracket>[()]))"""
)
StateOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Rule:
    """A rule, ready to be asked."""

    holds: Callable[[StateOf], bool]
    alarms: frozenset[str]


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises
    ------
    ApiError
        It is not a valid rule.
    """
    return _Reader(text).rule()


class _Reader:
    """Recursive descent: OR over AND over NOT over a state, a constant or a bracket."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[re.Match[str]] = []
        self._alarms: set[str] = set()
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if not match:
                raise self._error(f"{text[position:].strip()[:30]!r} is not understood")
            self._tokens.append(match)
            position = match.end()

    def rule(self) -> Rule:
        holds = self._any()
        if self._tokens:
            raise self._error(f"{self._tokens[0][0].strip()!r} was not expected there")
        return Rule(holds, frozenset(self._alarms))

    def _error(self, why: str) -> ApiError:
        return ApiError("ValidationError", f"AlarmRule {self._text!r} is not valid: {why}.")

    def _accept(self, text: str) -> bool:
        if self._tokens and text in (self._tokens[0]["word"], self._tokens[0]["bracket"]):
            self._tokens.pop(0)
            return True
        return False

    def _any(self) -> Callable[[StateOf], bool]:
        parts = [self._all()]
        while self._accept("OR"):
            parts.append(self._all())
        return lambda states: any(part(states) for part in parts)

    def _all(self) -> Callable[[StateOf], bool]:
        parts = [self._one()]
        while self._accept("AND"):
            parts.append(self._one())
        return lambda states: all(part(states) for part in parts)

    def _one(self) -> Callable[[StateOf], bool]:
        if self._accept("NOT"):
            inner = self._one()
            return lambda states: not inner(states)
        if self._accept("("):
            inner = self._any()
            if not self._accept(")"):
                raise self._error("a bracket is not closed")
            return inner
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._accept(word):
                return lambda _, value=value: value  # type: ignore[misc]
        if not self._tokens or not self._tokens[0]["state"]:
            raise self._error("a state such as ALARM(name) is missing")
        token = self._tokens.pop(0)
        state, name = token["state"], token["alarm"].strip("\"'").split(":alarm:")[-1]
        self._alarms.add(name)
        return lambda states: states(name) == state
