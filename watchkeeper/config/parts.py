"""What the parts of a model's file have in common: a part as such, and kinds of values."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from watchkeeper.config.durations import Duration, render_duration

S3_URI = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*$"
INSTANCE_TYPE = r"^ml\.[a-z0-9-]+\.[a-z0-9]+$"

Percent = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1)]
Severity = Literal["warning", "critical"]
Text = Annotated[str, Field(coerce_numbers_to_str=True)]
"""Text that a person may well write as a number in YAML, such as `positive: 1`."""
S3Uri = Annotated[str, Field(pattern=S3_URI, max_length=512)]

HOURS_A_MONTH = 730.0


class Section(BaseModel):
    """A part of the file: unknown keys are mistakes, values never change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _looks(value: timedelta) -> timedelta:
    if not timedelta(minutes=5) <= value <= timedelta(days=1):
        raise ValueError("looks are 5 minutes to 1 day apart (an alarm's period is at most a day)")
    if value.total_seconds() % 60:
        raise ValueError("a schedule counts in whole minutes")
    return value


def _window(value: timedelta) -> timedelta:
    if value.total_seconds() % 3600 or not timedelta(hours=1) <= value <= timedelta(days=366):
        raise ValueError("a window is a whole number of hours, 1 hour to 366 days")
    return value


Every = Annotated[Duration, AfterValidator(_looks)]
"""Time between two runs of something that an alarm watches."""
Window = Annotated[Duration, AfterValidator(_window)]
"""How far a look goes back."""


def rate(every: timedelta) -> str:
    """The schedule of something that runs so often."""
    count, unit = render_duration(every).split()
    return f"rate({count} {unit})"


def looks_per_month(every: timedelta) -> float:
    """How many looks there are in a month."""
    return HOURS_A_MONTH / (every.total_seconds() / 3600)


def hours(window: timedelta) -> int:
    """Whole hours of a window."""
    return int(window.total_seconds() // 3600)
