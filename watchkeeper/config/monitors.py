"""The parts of a model's file that say what is watched: one for each monitor."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, field_validator

from watchkeeper import spec
from watchkeeper.config.bias import Bias
from watchkeeper.config.parts import Every, Section, Share, Window, hours, looks_per_month, rate
from watchkeeper.errors import ModelMonitorError
from watchkeeper.spec import AttributionMethod


class Drift(Section):
    """Compares the window before each look with the baseline."""

    every: Every = timedelta(hours=1)
    window: Window = timedelta(hours=24)
    false_alarms_per_month: float = Field(1.0, gt=0, le=100, description="The budget that thresholds are set to.")
    minimum_rows: int = Field(300, ge=50, description="Windows with fewer rows get no verdict.")

    def spec(self) -> spec.DriftMonitor:
        """The running parts' view of this section."""
        return spec.DriftMonitor(
            schedule=rate(self.every),
            looks_per_month=looks_per_month(self.every),
            window_hours=hours(self.window),
            false_alarms_per_month=self.false_alarms_per_month,
            minimum_rows=self.minimum_rows,
        )


class DataQuality(Section):
    """Holds each window against the baseline's columns, and against a team's own Model Monitor constraints.

    Shares are of a column's values; looks and windows are those of the drift monitor.
    """

    alarm: bool = Field(True, description="Whether faults raise an alarm; they are stored in any case.")
    constraints: Path | None = Field(
        None, description="A Model Monitor constraints.json, relative to the project's root."
    )
    missing: Share = Field(0.05, description="How far a share of missing values may be above the baseline's.")
    wrong_type: Share = Field(0.001, description="Values of the wrong type.")
    out_of_range: Share = Field(0.01, description="Values outside the baseline's range.")
    unknown_category: Share = Field(0.01, description="Categories that the baseline does not know.")
    infinite: Share = Field(0.0, description="Infinite values.")
    unreadable: Share = Field(0.01, description="Captured records that cannot be read.")
    unknown_key: Share = Field(0.01, description="Rows of JSON requests with a key that is no feature's.")
    capture_gap: int = Field(6, ge=0, le=720, description="Hours without captures amid others; 0 never minds.")
    capture_lag: int = Field(
        3, ge=0, le=720, description="Hours without captures up to a look, or until they come; 0 never minds."
    )

    @field_validator("constraints")
    @classmethod
    def _constraints_can_be_read(cls, value: Path | None) -> Path | None:
        if value is not None:
            _constraints(value)
        return value

    def spec(self) -> spec.QualityMonitor:
        """The running parts' view of this section."""
        return spec.QualityMonitor(
            missing=self.missing,
            wrong_type=self.wrong_type,
            out_of_range=self.out_of_range,
            unknown_category=self.unknown_category,
            infinite=self.infinite,
            unreadable=self.unreadable,
            unknown_key=self.unknown_key,
            gap_hours=self.capture_gap,
            lag_hours=self.capture_lag,
            alarms=self.alarm,
            constraints=None if self.constraints is None else _constraints(self.constraints),
        )


class Performance(Section):
    """Measures predictions by their labels, and compares a window with what the version was judged on."""

    every: Every = timedelta(hours=6)
    window: Window = Field(timedelta(days=7), description="Predictions so far back; long enough for labels to come.")
    false_alarms_per_month: float = Field(1.0, gt=0, le=100, description="The budget that thresholds are set to.")
    minimum_labels: int = Field(200, ge=50, description="Windows with fewer labelled rows get no verdict.")

    def spec(self) -> spec.PerformanceMonitor:
        """The running parts' view of this section."""
        return spec.PerformanceMonitor(
            schedule=rate(self.every),
            looks_per_month=looks_per_month(self.every),
            window_hours=hours(self.window),
            false_alarms_per_month=self.false_alarms_per_month,
            minimum_labels=self.minimum_labels,
        )


class EstimatedPerformance(Section):
    """Estimates how good predictions are before their labels come, from scores and features alone."""

    every: Every = timedelta(hours=1)
    window: Window = Field(timedelta(hours=24), description="Predictions so far back: fresher than labels are.")
    false_alarms_per_month: float = Field(1.0, gt=0, le=100, description="The budget that thresholds are set to.")
    minimum_rows: int = Field(
        200, ge=100, description="Windows with fewer rows get no estimate; with fewer labels they prove none."
    )

    def spec(self) -> spec.EstimateMonitor:
        """The running parts' view of this section."""
        return spec.EstimateMonitor(
            schedule=rate(self.every),
            looks_per_month=looks_per_month(self.every),
            window_hours=hours(self.window),
            false_alarms_per_month=self.false_alarms_per_month,
            minimum_rows=self.minimum_rows,
        )


class Attribution(Section):
    """Finds out what the model goes by, and compares a window with what it went by on its baseline."""

    enabled: bool = Field(True, description="Whether the model is asked at all; explanations need it too.")
    method: AttributionMethod = Field(
        AttributionMethod.SAMPLING,
        description="exact: the fitted estimator is read, by explain_fn in inference.py; what it refuses is sampled.",
    )
    every: Every = timedelta(days=1)
    window: Window = timedelta(hours=24)
    rows: int = Field(200, ge=50, le=250, description="Rows sampled in each look.")
    requests: int = Field(
        200_000, ge=1000, le=2_000_000, description="Rows that the model may be asked in each look, by batch transform."
    )
    ndcg: float = Field(0.90, gt=0, le=1, description="Below it the model goes by other features than before.")

    def spec(self) -> spec.AttributionMonitor:
        """The running parts' view of this section."""
        return spec.AttributionMonitor(
            enabled=self.enabled,
            schedule=rate(self.every),
            window_hours=hours(self.window),
            rows=self.rows,
            requests=self.requests,
            limit=self.ndcg,
            method=self.method,
        )


class Monitors(Section):
    """What is watched, and how often."""

    drift: Drift = Drift()
    data_quality: DataQuality = DataQuality()
    performance: Performance = Performance()
    estimated_performance: EstimatedPerformance = EstimatedPerformance()
    attribution: Attribution = Attribution()
    bias: Bias = Bias()


def _constraints(path: Path) -> str:
    """The text of a constraints file, checked; it is deployed with the model's description."""
    from watchkeeper.modelmonitor import Constraints  # needs numpy, which a model without constraints need not wait for

    try:
        text = path.read_bytes()
        Constraints.from_json(text, str(path))
        return text.decode()
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): name an existing constraints.json") from error
    except ModelMonitorError as error:
        raise ValueError(str(error).removesuffix(".")) from error
