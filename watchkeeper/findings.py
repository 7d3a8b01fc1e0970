"""What a monitor found in one window: a verdict, and for every column the evidence for it.

A finding needs both evidence (a p-value, corrected over the whole look) and size (an effect above its threshold). The
same object is stored, turned into a message and drawn in a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError

_GROUPS = ("features", "predictions", "joint")
FORMAT = 2
"""Format 1 had no joint findings, statistics, spans or `since`; it is still read."""


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
    """One column, or several together, compared with the baseline.

    Attributes
    ----------
    feature : the column's name, or of which columns together
    statistic : name of the strongest evidence, such as "mean", "missing" or "new categories"
    p_value : of the column, all its tests combined
    corrected_p : the same, corrected over all tests of the look: evidence when below the look's alpha
    effect, threshold : size of the change and what it must exceed, on the scale of `measure`; worse when higher
    measure : what `effect` is, such as "Jensen-Shannon distance" or "change of the share"
    drifted : evidence and size both
    direction : where the values went: "up", "down" or "" where neither fits
    summary : the change in plain words
    n, baseline_n : rows observed in window and baseline
    shares : the bins or categories that contribute most, largest first
    statistics : well-known statistics by name (see `drift.statistics`), for people and other tools
    since : the earliest time from which on the column has been as it is, as far as the rows looked at tell
    span : length of the time looked at
    through_predictions : of several columns: the predictions are part of it, for the features alone do not show it
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
    statistics: Mapping[str, float] = field(default_factory=dict)
    since: datetime | None = None
    span: timedelta | None = None
    through_predictions: bool = False

    def to_document(self) -> dict[str, Any]:
        """JSON form: times as ISO 8601, the span in seconds."""
        document = asdict(self)
        document["since"] = None if self.since is None else self.since.isoformat()
        document["span"] = None if self.span is None else self.span.total_seconds()
        return document

    @property
    def verdict(self) -> Verdict:
        """Drift or not, of this column alone."""
        return Verdict.DRIFT if self.drifted else Verdict.NO_DRIFT

    @property
    def score(self) -> float:
        """The effect in units of its threshold; 0 without evidence, above 1 for every drifted column."""
        return self.effect / self.threshold if self.drifted else 0.0


@dataclass(frozen=True)
class Findings:
    """The outcome of one look of the drift monitor.

    Attributes
    ----------
    alpha : chance of any false alarm that the look had
    joint : findings about several columns together
    calibrated : healthy windows from which it is known how much such windows vary; 0 when rows are taken as independent
    """

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
    joint: tuple[Finding, ...] = ()
    calibrated: int = 0

    @property
    def drifted(self) -> tuple[Finding, ...]:
        """The drifted features, strongest first."""
        return _strongest(self.features)

    @property
    def drifted_predictions(self) -> tuple[Finding, ...]:
        """The drifted prediction columns, strongest first."""
        return _strongest(self.predictions)

    @property
    def drifted_joint(self) -> tuple[Finding, ...]:
        """What drifted of several columns together, strongest first."""
        return _strongest(self.joint)

    @property
    def changed_features(self) -> tuple[Finding, ...]:
        """The drifted features; when none drifted alone, what drifted of several together."""
        return self.drifted or tuple(finding for finding in self.drifted_joint if not finding.through_predictions)

    @property
    def changed_predictions(self) -> tuple[Finding, ...]:
        """The drifted prediction columns; when none drifted alone, what drifted of them and their features together."""
        return self.drifted_predictions or tuple(
            finding for finding in self.drifted_joint if finding.through_predictions
        )

    @property
    def feature_score(self) -> float:
        """The largest score of a feature, or of several together."""
        together = (finding for finding in self.joint if not finding.through_predictions)
        return max((finding.score for finding in (*self.features, *together)), default=0.0)

    @property
    def prediction_score(self) -> float:
        """The largest score of a prediction column, or of predictions and their features together."""
        together = (finding for finding in self.joint if finding.through_predictions)
        return max((finding.score for finding in (*self.predictions, *together)), default=0.0)

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = asdict(self)
        document |= {"format": FORMAT, "start": self.start.isoformat(), "end": self.end.isoformat()}
        for name in _GROUPS:
            document[name] = [finding.to_document() for finding in getattr(self, name)]
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
            if document.pop("format") not in (1, FORMAT):
                raise ValueError(f"its format is neither 1 nor {FORMAT}")
            document["verdict"] = Verdict(document["verdict"])
            for name in ("start", "end"):
                document[name] = datetime.fromisoformat(document[name])
            for name in _GROUPS:
                document[name] = tuple(_finding(item) for item in document.get(name, ()))
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not a findings object ({error!r}): it is written anew at the monitor's next look."
            ) from error


def _finding(document: Mapping[str, Any]) -> Finding:
    values = {**document, "shares": tuple(Share(**share) for share in document["shares"])}
    if values.get("since") is not None:
        values["since"] = datetime.fromisoformat(values["since"])
    if values.get("span") is not None:
        values["span"] = timedelta(seconds=values["span"])
    return Finding(**values)


def _strongest(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted((f for f in findings if f.drifted), key=lambda f: -f.score))
