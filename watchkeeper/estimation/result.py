"""An estimate of performance, as it is stored, examined, assessed and shown."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.estimation.support import Unsupported
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.spec import Task

FORMAT = 1


@dataclass(frozen=True)
class Estimate:
    """How good predictions are to be expected to be, without their labels, provided that P(y | x) is as it was.

    Attributes
    ----------
    binning : id of the cells that the window was counted over
    metrics : each with the interval that its realised value is to lie in
    corrected : whether features moved the estimate, beside scores
    unsupported : features by which rows are where the baseline says nothing, the most first
    warnings : why it must not be trusted; none when it may
    """

    task: Task
    binning: str
    rows: int
    metrics: tuple[Metric, ...]
    corrected: bool = False
    unsupported: tuple[Unsupported, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def supported(self) -> bool:
        """Whether the baseline had rows like these."""
        return not self.warnings

    @property
    def known(self) -> tuple[Metric, ...]:
        """The metrics that could be estimated."""
        return tuple(each for each in self.metrics if each.value is not None)

    def __getitem__(self, name: Name | str) -> Metric:
        """The metric of that name.

        Raises
        ------
        KeyError
            It is not estimated for the task.
        """
        return {each.name: each for each in self.metrics}[Name(name)]

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "task": self.task,
                "binning": self.binning,
                "rows": self.rows,
                "metrics": [each.to_document() for each in self.metrics],
                "corrected": self.corrected,
                "unsupported": [each._asdict() for each in self.unsupported],
                "warnings": self.warnings,
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Estimate:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no estimate of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            return cls(
                task=Task(document["task"]),
                binning=document["binning"],
                rows=document["rows"],
                metrics=tuple(Metric.from_document(each) for each in document["metrics"]),
                corrected=document["corrected"],
                unsupported=tuple(Unsupported(**each) for each in document["unsupported"]),
                warnings=tuple(document["warnings"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no estimate of performance ({error!r}): it is written anew at the monitor's next look."
            ) from error
