"""Durations as people write them: "15 minutes", "1 hour", "2 days"."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_FORM = re.compile(r"\s*(\d+)\s*(second|minute|hour|day|week)s?\s*")


def parse_duration(value: Any) -> timedelta:
    """Read "<number> seconds|minutes|hours|days|weeks".

    Raises
    ------
    ValueError
        The value is not of that form.
    """
    if isinstance(value, timedelta):
        return value
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a duration as a number and a unit, such as '15 minutes', '1 hour' or '2 days'")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def render_duration(value: timedelta) -> str:
    """The shortest form that `parse_duration` reads back to the same value."""
    seconds = int(value.total_seconds())
    unit, size = next(
        ((unit, size) for unit, size in reversed(_UNITS.items()) if unit != "week" and seconds % size == 0 and seconds),
        ("second", 1),
    )
    count = seconds // size
    return f"{count} {unit}" + ("" if count == 1 else "s")


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(render_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\s*\d+\s*(second|minute|hour|day|week)s?\s*$", "examples": ["1 hour"]}
    ),
]
