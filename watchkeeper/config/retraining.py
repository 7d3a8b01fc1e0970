"""The part of a model's file that is about training it anew: when, on what, how, and what the outcome must show."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from watchkeeper import spec
from watchkeeper.config.durations import Duration, render_duration
from watchkeeper.config.parts import INSTANCE_TYPE, Section, Text, rate
from watchkeeper.spec import FairnessOf

TriggerName = Literal["drift", "performance", "concept_drift", "estimated_performance", "bias", "labels", "schedule"]
"""Names of `watchkeeper.spec.Trigger`; a person may always start a retraining."""


class SegmentGate(Section):
    """No part of the traffic may lose much."""

    enabled: bool = True
    maximum_loss: float = Field(
        0.05, ge=0, description="How much the share of wrong decisions, or the champion's mean error, may grow."
    )
    minimum_rows: int = Field(100, ge=30, description="Labelled rows that a segment needs to be looked at.")


class CalibrationGate(Section):
    """Probabilities may not become much less true."""

    enabled: bool = True
    maximum_loss: float = Field(0.02, ge=0, description="How much further off they may be on average.")


class Gate(Section):
    """What a candidate must show against the champion on the same labelled holdout."""

    metric: Literal["roc_auc", "accuracy", "rmse"] | None = Field(
        None, description="Default: roc_auc (binary), accuracy (multiclass), rmse (regression)."
    )
    minimum_gain: float = Field(0.0, description="The least gain; 0 lets an equal candidate pass.")
    maximum_loss: float = Field(0.01, ge=0, description="How far the gain's lower confidence bound may be below 0.")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    segments: SegmentGate = SegmentGate()
    calibration: CalibrationGate = CalibrationGate()
    fairness: FairnessOf = Field(
        FairnessOf.ERRORS,
        description="What groups of people in monitors.bias may not fare worse in: errors, all (also how often "
        "they are predicted the favourable outcome, whatever became of them), or nothing.",
    )

    def spec(self, metric: str) -> spec.Gate:
        """The running parts' view; `metric` is that of the file, or the task's default."""
        return spec.Gate(
            metric=metric,
            minimum_gain=self.minimum_gain,
            maximum_loss=self.maximum_loss,
            confidence=self.confidence,
            segment_loss=self.segments.maximum_loss if self.segments.enabled else None,
            segment_rows=self.segments.minimum_rows,
            calibration_loss=self.calibration.maximum_loss if self.calibration.enabled else None,
            fairness=self.fairness,
        )


class Training(Section):
    """The training job."""

    instance_type: str = Field("ml.m5.large", pattern=INSTANCE_TYPE)
    volume_gb: int = Field(20, ge=1, le=16384)
    max_runtime: Duration = timedelta(hours=1)
    spot: bool = Field(True, description="Managed spot: cheaper, may wait for capacity.")
    hyperparameters: Mapping[str, Text] = Field(default_factory=dict, max_length=90)


class Retraining(Section):
    """When and on what the model is trained anew."""

    triggers: tuple[TriggerName, ...] = Field(
        ("drift",), description="Alarms, a number of new labels, a schedule. Empty: only when a person starts it."
    )
    cooldown: Duration = Field(
        timedelta(days=1), description="After a run has begun, how long no trigger starts another; a person may."
    )
    new_labels: int = Field(
        10_000, ge=100, description="Trigger `labels`: labelled rows since the last run that start one."
    )
    every: Duration | None = Field(None, description="Trigger `schedule`: how often, 1 to 366 days.")
    minimum_labels: int = Field(1000, ge=100, description="Labelled rows needed before a training starts.")
    window: Duration = Field(timedelta(days=30), description="How far back captures and labels are taken.")
    holdout_share: float = Field(0.25, ge=0.05, le=0.5, description="The most recent share, for the gate.")
    label_wait: Duration = Field(timedelta(hours=1), description="Time between looks for labels.")
    label_wait_limit: int = Field(168, ge=0, le=1000, description="Looks before giving up.")
    training: Training = Training()
    gate: Gate = Gate()
    approval: Literal["automatic"] = Field("automatic", description="A candidate that passes its gate is rolled out.")

    @model_validator(mode="after")
    def _schedule_is_whole(self) -> Retraining:
        if ("schedule" in self.triggers) != (self.every is not None):
            raise ValueError("the trigger schedule and `every` need each other: give both, such as `every: 30 days`")
        if self.every is not None and not timedelta(days=1) <= self.every <= timedelta(days=366):
            raise ValueError(f"every is {render_duration(self.every)}; expected 1 to 366 days")
        if self.every is not None and self.every < self.cooldown:
            raise ValueError(
                f"every ({render_duration(self.every)}) is shorter than cooldown ({render_duration(self.cooldown)}), "
                "which would hold the schedule up: shorten cooldown"
            )
        return self

    def spec(self, metric: str) -> spec.Retraining:
        """The running parts' view; `metric` is the gate's."""
        return spec.Retraining(
            triggers=tuple(spec.Trigger(name) for name in self.triggers),
            cooldown_hours=self.cooldown.total_seconds() / 3600,
            new_labels=self.new_labels,
            schedule=None if self.every is None else rate(self.every),
            minimum_labels=self.minimum_labels,
            window_days=max(1, self.window.days),
            holdout_share=self.holdout_share,
            label_wait_minutes=max(1, int(self.label_wait.total_seconds() // 60)),
            label_wait_limit=self.label_wait_limit,
            hyperparameters=dict(self.training.hyperparameters),
            gate=self.gate.spec(metric),
            approval=self.approval,
        )
