"""One look of the performance monitor: what was measured of a window of predictions, and what fell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.performance.findings import PerformanceFindings
from watchkeeper.performance.measured import Performance
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.spec import Task

FORMAT = 1
PRIMARY = {Task.BINARY: Name.ROC_AUC, Task.MULTICLASS: Name.ACCURACY, Task.REGRESSION: Name.RMSE}
"""The metric that stands for all on a dashboard."""


@dataclass(frozen=True)
class PerformanceLook:
    """The predictions of one version that were made from `start` to `end`.

    Attributes
    ----------
    performance : with the labels that are known so far
    """

    model: str
    version: str
    start: datetime
    end: datetime
    findings: PerformanceFindings
    performance: Performance

    @property
    def primary(self) -> Metric:
        """The metric that stands for all."""
        return self.performance[PRIMARY[self.performance.task]]

    @property
    def fall(self) -> float:
        """How far the metric fell that fell most, or a segment, in terms of what matters: above 1 when any did."""
        metrics = [1.0 if not each.floor else each.fall / each.floor for each in self.findings.fell]
        return max([*metrics, *(1.0 for _ in self.findings.fallen)], default=0.0)

    @property
    def concept_changed(self) -> bool:
        """Whether labels no longer follow predictions as they did."""
        return self.findings.concept is not None and self.findings.concept.changed

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "model": self.model,
                "version": self.version,
                "start": self.start.isoformat(),
                "end": self.end.isoformat(),
                "findings": jsonio.loads(self.findings.to_json()),
                "performance": jsonio.loads(self.performance.to_json()),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> PerformanceLook:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no look of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            return cls(
                document["model"],
                document["version"],
                datetime.fromisoformat(document["start"]),
                datetime.fromisoformat(document["end"]),
                PerformanceFindings.from_json(jsonio.dumps(document["findings"])),
                Performance.from_json(jsonio.dumps(document["performance"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no look of the performance monitor ({error!r}): it is written anew at its next one."
            ) from error
