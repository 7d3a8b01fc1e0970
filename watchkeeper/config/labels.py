"""The parts of a model's file that are about labels: what they are, and how they come."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from watchkeeper import spec
from watchkeeper.config.durations import Duration, render_duration
from watchkeeper.config.parts import Every, Section, Text, hours, rate


class Label(Section):
    """The ground truth: its column in data files."""

    name: str
    positive: Text = Field("1", description="Binary: the value that counts as positive.")


class FeedbackApi(Section):
    """An HTTPS address to which applications post labels, one at a time or in batches."""

    auth: Literal["iam", "key"] = Field("iam", description="Signed with AWS credentials, or a key in a header.")
    rate: int = Field(50, ge=1, le=10_000, description="Requests a second that are let through in the long run.")
    burst: int = Field(100, ge=1, le=5_000, description="Requests that are let through at once.")

    @model_validator(mode="after")
    def _burst_lets_the_rate_through(self) -> FeedbackApi:
        if self.burst < min(self.rate, 5_000):
            raise ValueError(f"burst ({self.burst}) is below rate ({self.rate}): raise burst to at least the rate")
        return self


class Labels(Section):
    """How ground truth is joined with predictions, and how it may come beside files under the labels prefix."""

    every: Every = Field(timedelta(hours=1), description="How often labels that came are joined.")
    horizon: Duration = Field(timedelta(days=30), description="How late labels and captures may come.")
    patience: Duration = Field(
        timedelta(hours=48), description="How long a label waits for a prediction that is captured later than it."
    )
    feedback_api: FeedbackApi | None = Field(None, description="Left out: there is no such API, and no cost.")

    @field_validator("horizon")
    @classmethod
    def _horizon_is_whole_days(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1) or value % timedelta(days=1) or value > timedelta(days=400):
            raise ValueError(f"horizon is {render_duration(value)}: give whole days, 1 to 400")
        return value

    def spec(self) -> spec.Labelling:
        """The running parts' view."""
        return spec.Labelling(rate(self.every), self.horizon.days, max(1, hours(self.patience)))
