"""One look at estimated performance: what is to be expected of a window's predictions, and what estimates are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.estimation.assess import Assessment, Trust
from watchkeeper.estimation.examine import EstimateFindings, EstimateVerdict
from watchkeeper.estimation.result import Estimate
from watchkeeper.performance.look import PRIMARY
from watchkeeper.performance.metric import Metric

FORMAT = 1


@dataclass(frozen=True)
class EstimateLook:
    """The predictions of one version that were made from `start` to `end`, labelled or not.

    Attributes
    ----------
    record : how the estimates of earlier windows came true, as far as their labels are known by now
    """

    model: str
    version: str
    start: datetime
    end: datetime
    findings: EstimateFindings
    estimate: Estimate
    record: Assessment

    @property
    def primary(self) -> Metric:
        """The metric that stands for all."""
        return self.estimate[PRIMARY[self.estimate.task]]

    @property
    def believed(self) -> bool:
        """Whether earlier estimates allow to act on this one; they do as long as nothing is known of them."""
        return self.record.trust is not Trust.OFF

    @property
    def fall(self) -> float | None:
        """The largest estimated fall of a metric, in terms of what matters: above 1 when any fell.

        0 when none did, and of estimates that are not believed; None when nothing can be said of this window.
        """
        if not self.believed:
            return 0.0
        if self.findings.verdict in (EstimateVerdict.INSUFFICIENT_DATA, EstimateVerdict.UNSUPPORTED):
            return None
        return max((1.0 if not each.floor else each.fall / each.floor for each in self.findings.fell), default=0.0)

    @property
    def error(self) -> float | None:
        """How far earlier estimates of the primary metric were off on average, in terms of what matters."""
        found = next((each for each in self.record.metrics if each.name == self.primary.name), None)
        return found.error / found.floor if found is not None and found.floor else None

    @property
    def summary(self) -> str:
        """In words."""
        if not self.believed:
            return self.record.summary
        return f"{self.findings.summary} {self.record.summary}"

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
                "estimate": jsonio.loads(self.estimate.to_json()),
                "record": jsonio.loads(self.record.to_json()),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> EstimateLook:
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
                EstimateFindings.from_json(jsonio.dumps(document["findings"])),
                Estimate.from_json(jsonio.dumps(document["estimate"])),
                Assessment.from_json(jsonio.dumps(document["record"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no look at estimated performance ({error!r}): it is written anew at the next one."
            ) from error
