"""One look of the bias monitor: what was found in a window of a version's predictions, and what of it alarms.

With the window's metrics are the version's fliptests, which are of the rows that it was judged on.

The alarms are about the model: about metrics of its predictions and errors, each of one group against another. Metrics
of the labels alone are of the world, and those that demand no value (CI, GE) of all groups together: they are kept in
the look and its table, and raise no alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from watchkeeper import jsonio
from watchkeeper.bias import flip
from watchkeeper.bias.metric import Stage
from watchkeeper.bias.result import BiasFindings, Measurement, Outcome
from watchkeeper.bias.table import Row, table
from watchkeeper.errors import ProfileError

FORMAT = 1


@dataclass(frozen=True)
class BiasLook:
    """The predictions of one version that were made from `start` to `end`, by groups of people.

    Attributes
    ----------
    favourable : the outcome that the metrics call positive, in words
    """

    model: str
    version: str
    start: datetime
    end: datetime
    favourable: str
    findings: BiasFindings

    @property
    def outcome(self) -> Outcome:
        """The gravest verdict on the model."""
        if self.biased:
            return Outcome.BIASED
        if self.drifted:
            return Outcome.DRIFTED
        return Outcome.WITHIN if self.judged else Outcome.INSUFFICIENT_DATA

    @property
    def judged(self) -> bool:
        """Whether any metric of the model had rows enough in the window."""
        of_window = (found for found in self.findings.measurements if found.metric != flip.SHORT)
        return any(found.sure_low is not None for found in of_window if _of_model(found))

    @property
    def biased(self) -> tuple[Measurement, ...]:
        """What of the model is outside tolerance, worst first."""
        return tuple(filter(_of_model, self.findings.biased))

    @property
    def drifted(self) -> tuple[Measurement, ...]:
        """What of the model left its baseline, furthest first."""
        return tuple(filter(_of_model, self.findings.drifted))

    @property
    def biased_groups(self) -> int:
        """Groups of people that any metric of the model finds biased."""
        return len({(found.facet, found.group) for found in self.biased})

    @property
    def score(self) -> float:
        """How many tolerances the worst metric of the model surely is from where groups are alike: above 1, or 0."""
        return max((found.score for found in self.biased), default=0.0)

    @property
    def drift_score(self) -> float:
        """How far the metric of the model has moved that moved most, in terms of what may: above 1, or 0."""
        return max((found.drift_score for found in self.drifted), default=0.0)

    @property
    def table(self) -> tuple[Row, ...]:
        """All that was measured, as rows of text."""
        return table(self.findings)

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "model": self.model,
                "version": self.version,
                "start": self.start.isoformat(),
                "end": self.end.isoformat(),
                "favourable": self.favourable,
                "outcome": self.outcome,
                "findings": jsonio.loads(self.findings.to_json()),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> BiasLook:
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
                document["favourable"],
                BiasFindings.from_json(jsonio.dumps(document["findings"])),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text is no look of the bias monitor ({error!r}): it is written anew at its next one."
            ) from error


def _of_model(found: Measurement) -> bool:
    return found.stage == Stage.MODEL and found.tolerated_low is not None
