"""What a monitor found in one window: a verdict, and for every column the evidence for it.

A finding needs both evidence (a p-value, corrected over all columns) and size (an effect above its threshold). The same
object is stored, turned into a message and drawn in a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError

FORMAT = 1


class Verdict(StrEnum):
    """What a look came to."""

    NO_DRIFT = "no drift"
    DRIFT = "drift"
    INSUFFICIENT_DATA = "insufficient data"
    NO_BASELINE = "no baseline"


@dataclass(frozen=True)
class Share:
    """A bin's or category's share of the rows, in the baseline and in the window."""

    label: str
    before: float
    after: float


@dataclass(frozen=True)
class Finding:
    """One column compared with its baseline.

    Attributes
    ----------
    feature : the column's name
    statistic : name of the strongest evidence, such as "mean", "missing" or "new categories"
    p_value : of the column, all its tests combined
    corrected_p : the same, corrected over all columns of the look (Holm)
    effect, threshold : size of the change and what it must exceed, on the scale of `measure`
    measure : what `effect` is: "Jensen-Shannon distance" or "change of the share"
    drifted : evidence and size both
    direction : "up", "down" or "" where neither fits
    summary : the change in plain words
    n, baseline_n : rows observed in window and baseline
    shares : the bins or categories that contribute most, largest first
    """

    feature: str
    statistic: str
    p_value: float
    corrected_p: float
    effect: float
    threshold: float
    measure: str
    drifted: bool
    direction: str
    summary: str
    n: int
    baseline_n: int
    shares: tuple[Share, ...] = ()

    @property
    def score(self) -> float:
        """The effect in units of its threshold; 0 without evidence, above 1 for every drifted column."""
        return self.effect / self.threshold if self.drifted else 0.0


@dataclass(frozen=True)
class Findings:
    """The outcome of one look of the drift monitor."""

    model: str
    version: str
    baseline: str
    start: datetime
    end: datetime
    rows: int
    unreadable: int
    alpha: float
    verdict: Verdict
    features: tuple[Finding, ...] = ()
    predictions: tuple[Finding, ...] = ()

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The drifted features, strongest first."""
        return _strongest(self.features)

    @property
    def drifted_predictions(self) -> tuple[Finding, ...]:
        """The drifted prediction columns, strongest first."""
        return _strongest(self.predictions)

    @property
    def feature_score(self) -> float:
        """The largest score of a feature."""
        return max((finding.score for finding in self.features), default=0.0)

    @property
    def prediction_score(self) -> float:
        """The largest score of a prediction column."""
        return max((finding.score for finding in self.predictions), default=0.0)

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = asdict(self)
        document |= {"format": FORMAT, "start": self.start.isoformat(), "end": self.end.isoformat()}
        return jsonio.dumps(document)

    @classmethod
    def from_json(cls, text: bytes) -> Findings:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no findings object of this format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            document["verdict"] = Verdict(document["verdict"])
            for name in ("start", "end"):
                document[name] = datetime.fromisoformat(document[name])
            for name in ("features", "predictions"):
                document[name] = tuple(_finding(item) for item in document[name])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not a findings object ({error!r}): it is written anew at the monitor's next look."
            ) from error


def _finding(document: Mapping[str, Any]) -> Finding:
    return Finding(**{**document, "shares": tuple(Share(**share) for share in document["shares"])})


def _strongest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted((f for f in findings if f.drifted), key=lambda f: -f.score))
