"""Whether past estimates came true: an estimate is worth what it was worth when labels came.

Of each metric and window, the realised value was inside the stated interval or not. Where only part of the labels came,
the interval is widened by what the realised value does not know itself. An estimator is off by the rule that holds
everywhere here: by evidence (more windows missed than its confidence allows) and by size (an error that matters).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import numpy as np

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.estimation.result import Estimate
from watchkeeper.performance import Performance
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.performance.settings import FLOORS, RELATIVE_FLOORS

FORMAT = 1
SHOWN = 2
"""So many metrics are told of in a summary; they mostly err together."""


class Trust(StrEnum):
    """What past estimates say of further ones."""

    TRUSTWORTHY = "trustworthy"
    OFF = "off"
    UNKNOWN = "unknown"
    """Too few windows have labels yet."""


@dataclass(frozen=True)
class AssessSettings:
    """How past estimates are judged.

    Attributes
    ----------
    alpha : the chance of calling a good estimator off, for each metric
    minimum_windows : windows with labels below which nothing is said
    minimum_labelled : labelled rows below which a window does not count
    floors, relative_floors : mean errors that matter, as falls do (see `performance.settings`)
    """

    alpha: float = 0.01
    minimum_windows: int = 3
    minimum_labelled: int = 200
    floors: Mapping[Name, float] = field(default_factory=lambda: FLOORS)
    relative_floors: Mapping[Name, float] = field(default_factory=lambda: RELATIVE_FLOORS)


@dataclass(frozen=True)
class MetricAssessment:
    """One metric's estimates beside what came true.

    Attributes
    ----------
    windows : in which both were known
    error, bias : mean absolute and mean difference, estimated less realised
    floor : an error that matters
    inside : share of windows whose realised value lay in the interval
    confidence : what that share should be
    p_value : of so many misses or more, were the intervals right
    """

    name: Name
    windows: int
    error: float
    bias: float
    floor: float
    inside: float
    confidence: float
    p_value: float
    trust: Trust
    summary: str


@dataclass(frozen=True)
class Assessment:
    """All metrics' estimates beside what came true.

    Attributes
    ----------
    warned : windows left out, for their estimates said that they must not be trusted
    unlabelled : windows left out, for too few of their labels have come
    """

    metrics: tuple[MetricAssessment, ...]
    warned: int = 0
    unlabelled: int = 0

    @property
    def trust(self) -> Trust:
        """Off if any metric is; trustworthy if any is known to be."""
        found = {each.trust for each in self.metrics}
        return next((trust for trust in (Trust.OFF, Trust.TRUSTWORTHY) if trust in found), Trust.UNKNOWN)

    @property
    def summary(self) -> str:
        """In words."""
        off = [each for each in self.metrics if each.trust is Trust.OFF]
        if off:
            return f"Do not act on the estimates: {_told(off)}."
        if self.trust is Trust.UNKNOWN:
            left_out = f", beside {self.warned} that could not be estimated well" if self.warned else ""
            return f"It is not known yet whether estimates come true: too few windows have their labels{left_out}."
        return f"Estimates have been trustworthy: {_told(self.metrics)}."

    def __getitem__(self, name: Name | str) -> MetricAssessment:
        """The assessment of one metric.

        Raises
        ------
        KeyError
            No window had both.
        """
        return {each.name: each for each in self.metrics}[Name(name)]

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> Assessment:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no assessment of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            metrics = (
                MetricAssessment(**{**each, "name": Name(each["name"]), "trust": Trust(each["trust"])})
                for each in document["metrics"]
            )
            return cls(tuple(metrics), document["warned"], document["unlabelled"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no assessment of estimates ({error!r}): it is written anew when further labels come."
            ) from error


def _told(metrics: Sequence[MetricAssessment]) -> str:
    """The metrics that were most off in terms of what matters, in words."""
    worst = sorted(metrics, key=lambda each: -each.error / (each.floor or each.error or 1.0))
    rest = [f"{len(worst) - SHOWN} more metrics were nearer"] if len(worst) > SHOWN else []
    return "; ".join([*(each.summary for each in worst[:SHOWN]), *rest])


def assess(
    estimates: Sequence[Estimate], realised: Sequence[Performance], settings: AssessSettings | None = None
) -> Assessment:
    """Compare the estimates of windows with what the windows' labels showed, in the same order."""
    settings = settings or AssessSettings()
    pairs = list(zip(estimates, realised, strict=True))
    supported = [(one, other) for one, other in pairs if one.supported]
    labelled = [(one, other) for one, other in supported if other.labelled >= settings.minimum_labelled]
    by_name: dict[Name, list[tuple[Metric, Metric, float]]] = {}
    for one, other in labelled:
        found = {each.name: each for each in other.metrics if each.value is not None}
        for each in one.known:
            if each.name in found:
                by_name.setdefault(each.name, []).append((each, found[each.name], other.coverage or 0.0))
    return Assessment(
        metrics=tuple(_assessed(name, beside, settings) for name, beside in by_name.items()),
        warned=len(pairs) - len(supported),
        unlabelled=len(supported) - len(labelled),
    )


def _assessed(name: Name, beside: Sequence[tuple[Metric, Metric, float]], settings: AssessSettings) -> MetricAssessment:
    errors = np.array([(one.value or 0.0) - (other.value or 0.0) for one, other, _ in beside])
    truths = np.array([other.value or 0.0 for _, other, _ in beside])
    held = sum(_inside(*each) for each in beside)
    windows, confidence = len(beside), beside[0][0].confidence
    error, bias = float(np.abs(errors).mean()), float(errors.mean())
    p = at_least(windows - held, windows, 1 - confidence)
    floor = settings.floors.get(name)
    if floor is None:
        floor = settings.relative_floors.get(name, 0.0) * float(np.abs(truths).mean())
    trust = Trust.OFF if p < settings.alpha and error > floor else Trust.TRUSTWORTHY
    if windows < settings.minimum_windows:
        trust = Trust.UNKNOWN
    side = "too high" if bias > 0 else "too low"
    mostly = f", mostly {side}" if abs(bias) > error / 2 else ""
    summary = (
        f"{name} was off by {error:.3g} on average{mostly}, and inside the stated interval in {held} of {windows} "
        f"window{'s' if windows > 1 else ''}"
    )
    return MetricAssessment(name, windows, error, bias, floor, held / windows, confidence, p, trust, summary)


def _inside(estimated: Metric, realised: Metric, coverage: float) -> bool:
    """Whether the realised value of a share of the labels lies in the interval, which is of all of them."""
    assert estimated.low is not None is not estimated.high
    assert realised.value is not None
    missing = max(1 - coverage, 0.0)
    half = ((realised.high or 0.0) - (realised.low or 0.0)) / 2
    extra = math.sqrt(missing) * half  # a sample without the rest: its variance, times the share that is missing
    estimate, value = estimated.value or 0.0, realised.value
    low = estimate - math.hypot(estimate - estimated.low, extra)
    high = estimate + math.hypot(estimated.high - estimate, extra)
    return low <= value <= high


def at_least(hits: int, n: int, chance: float) -> float:
    """P(X ≥ hits) of a binomial X."""
    terms = (
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(chance)
        + (n - k) * math.log1p(-chance)
        for k in range(hits, n + 1)
    )
    return min(1.0, math.fsum(map(math.exp, terms)))
