"""What a look at bias came to: every metric of every comparison, with its interval, its verdict and words for it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.bias.metrics import BY_SHORT
from watchkeeper.errors import ProfileError

FORMAT = 1
_INFINITE = {"inf": math.inf, "-inf": -math.inf}


class Verdict(StrEnum):
    """What is known of one metric of one comparison."""

    BIASED = "biased"
    UNSURE = "not sure"
    WITHIN = "within tolerance"
    TOLD = "for information"
    TOO_SMALL = "too few rows"
    NOT_MEASURED = "not measured"


class Outcome(StrEnum):
    """What a whole look came to."""

    BIASED = "biased"
    DRIFTED = "bias drift"
    WITHIN = "within tolerance"
    INSUFFICIENT_DATA = "insufficient data"


@dataclass(frozen=True)
class Measurement:
    """One metric of one group against others.

    Attributes
    ----------
    metric : its short name
    stage, basis : whether it is about the data or the model; the rows it is about
    value, low, high : the metric and its interval, by itself; None where it was not measured
    sure_low, sure_high : the interval that holds together with those of all other judged metrics; None where not judged
    tolerated_low, tolerated_high : where a value may be; None where no value is demanded
    verdict : `BIASED` when the sure interval lies outside what is tolerated; `UNSURE` when only the value does
    score : how far outside the near end of the sure interval is, in units of the tolerance: above 1 when biased, else 0
    baseline : the same metric of the baseline's rows
    drifted : it left its baseline, with evidence and by more than is tolerated
    drift_score : by how much, in units of what is tolerated; 0 without evidence
    n, against_n : rows of the basis in the group and in those it is compared with
    summary : in words
    """

    facet: str
    group: str
    against: str
    metric: str
    stage: str
    basis: str
    value: float | None
    low: float | None
    high: float | None
    sure_low: float | None
    sure_high: float | None
    tolerated_low: float | None
    tolerated_high: float | None
    verdict: Verdict
    score: float
    baseline: float | None
    drifted: bool
    drift_score: float
    n: int
    against_n: int
    summary: str

    @property
    def comparison(self) -> tuple[str, str, str]:
        """The facet, the group and what it is compared with."""
        return self.facet, self.group, self.against


@dataclass(frozen=True)
class BiasFindings:
    """The outcome of one look.

    Attributes
    ----------
    groups : id of the groups that were compared
    rows, baseline_rows : rows of the window and of the baseline; None without a baseline
    alpha : the chance of any false finding of bias, and of any false finding of drift
    notices : what kept the look from seeing more, in words
    """

    groups: str
    rows: int
    baseline_rows: int | None
    alpha: float
    confidence: float
    measurements: tuple[Measurement, ...]
    notices: tuple[str, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The gravest verdict."""
        if self.biased:
            return Outcome.BIASED
        if self.drifted:
            return Outcome.DRIFTED
        judged = any(found.sure_low is not None for found in self.measurements)
        return Outcome.WITHIN if judged else Outcome.INSUFFICIENT_DATA

    @property
    def biased(self) -> tuple[Measurement, ...]:
        """What is outside tolerance, worst first."""
        return tuple(sorted((found for found in self.measurements if found.score > 0), key=lambda found: -found.score))

    @property
    def drifted(self) -> tuple[Measurement, ...]:
        """What left its baseline, furthest first."""
        left = (found for found in self.measurements if found.drifted)
        return tuple(sorted(left, key=lambda found: -found.drift_score))

    @property
    def headlines(self) -> tuple[Measurement, ...]:
        """For people: of each comparison the worst of the labels, of the predictions and of the errors.

        Several metrics say the same of two groups, and differences of shares say it better than distances; biased ones
        come before drifted ones.
        """
        first: dict[tuple[str, str, str, str], Measurement] = {}
        for found in (*sorted(self.biased, key=_is_distance), *sorted(self.drifted, key=_is_distance)):
            first.setdefault((found.facet, found.group, found.against, found.basis), found)
        return tuple(first.values())

    @property
    def score(self) -> float:
        """The largest score of all."""
        return max((found.score for found in self.measurements), default=0.0)

    @property
    def drift_score(self) -> float:
        """The largest drift score of all."""
        return max((found.drift_score for found in self.measurements), default=0.0)

    def to_json(self) -> bytes:
        """JSON bytes; JSON has no infinite numbers, so they are written as text."""
        document = asdict(self) | {"format": FORMAT, "outcome": self.outcome}
        document["measurements"] = [
            {name: _written(value) for name, value in item.items()} for item in document["measurements"]
        ]
        return jsonio.dumps(document)

    @classmethod
    def from_json(cls, text: bytes) -> BiasFindings:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no outcome of this monitor, or one of another format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            document.pop("outcome")
            document["measurements"] = tuple(_measurement(item) for item in document["measurements"])
            document["notices"] = tuple(document["notices"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no outcome of the bias monitor ({error!r}): it is written anew at its next look."
            ) from error


def _is_distance(found: Measurement) -> bool:
    return found.metric in BY_SHORT and BY_SHORT[found.metric].distance


_FLOATS = frozenset(field.name for field in fields(Measurement) if "float" in str(field.type))


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def _measurement(document: dict[str, Any]) -> Measurement:
    values = {name: _INFINITE.get(value, value) if name in _FLOATS else value for name, value in document.items()}
    return Measurement(**{**values, "verdict": Verdict(document["verdict"])})
