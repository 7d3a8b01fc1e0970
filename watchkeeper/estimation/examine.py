"""An estimate against the baseline: has performance fallen, as far as this can be known without labels?

A fall needs evidence and size, as falls with labels do (see `performance.compare`): the metrics together by the Cauchy
combination, then each by itself, and by more than its floor. An estimate that must not be trusted raises no alarm of a
fall: the verdict says so, and names the features.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

import numpy as np

from watchkeeper import jsonio
from watchkeeper.drift import budget, tails
from watchkeeper.errors import ProfileError
from watchkeeper.estimation.result import Estimate
from watchkeeper.outcomes import Outcomes
from watchkeeper.performance import measure
from watchkeeper.performance.findings import MetricFinding
from watchkeeper.performance.metric import Metric, Name, quantile
from watchkeeper.performance.settings import FLOORS, RELATIVE_FLOORS
from watchkeeper.spec import Task

FORMAT = 1


class EstimateVerdict(StrEnum):
    """What a look at an estimate came to."""

    GOOD = "good"
    WORSE = "worse"
    UNSUPPORTED = "unsupported"
    """The baseline had too few rows like the window's: nothing is said of a fall."""
    INSUFFICIENT_DATA = "insufficient data"


@dataclass(frozen=True)
class ExamineSettings:
    """When an estimate is an alarm.

    Attributes
    ----------
    alpha : the chance of any false alarm that the look may have
    floors, relative_floors : falls that matter, as those with labels
    overdispersion : how many dependent rows count as one (Kish's design effect), at least 1
    """

    alpha: float = 0.01
    floors: Mapping[Name, float] = field(default_factory=lambda: FLOORS)
    relative_floors: Mapping[Name, float] = field(default_factory=lambda: RELATIVE_FLOORS)
    overdispersion: float = 1.0


@dataclass(frozen=True)
class EstimateFindings:
    """The outcome of one look at an estimate.

    Attributes
    ----------
    metrics : all that both sides have
    warnings : why the estimate must not be trusted
    """

    task: Task
    binning: str
    rows: int
    alpha: float
    verdict: EstimateVerdict
    metrics: tuple[MetricFinding, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def fell(self) -> tuple[MetricFinding, ...]:
        """The metrics estimated to have fallen, most in terms of their floors first."""
        found = (each for each in self.metrics if each.fell)
        return tuple(sorted(found, key=lambda each: -each.fall / (each.floor or each.fall)))

    @property
    def summary(self) -> str:
        """In words."""
        if self.verdict is EstimateVerdict.INSUFFICIENT_DATA:
            return f"Of {self.rows:,} row(s) too few have a score or a predicted value to estimate performance from."
        if self.verdict is EstimateVerdict.UNSUPPORTED:
            return "The estimate of performance must not be trusted: " + "; ".join(self.warnings) + "."
        if self.verdict is EstimateVerdict.WORSE:
            falls = "; ".join(each.summary for each in self.fell)
            return (
                f"Without labels, performance is estimated to have fallen, if labels follow features as ever: {falls}."
            )
        return "Without labels, no fall of performance is estimated, if labels follow features as ever."

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> EstimateFindings:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no findings of this format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            metrics = tuple(MetricFinding(**{**each, "name": Name(each["name"])}) for each in document.pop("metrics"))
            task, verdict = Task(document.pop("task")), EstimateVerdict(document.pop("verdict"))
            return cls(
                **{**document, "warnings": tuple(document["warnings"])}, task=task, verdict=verdict, metrics=metrics
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no look at estimated performance ({error!r}): it is written anew at its next."
            ) from error


def examine(estimate: Estimate, baseline: Outcomes, settings: ExamineSettings | None = None) -> EstimateFindings:
    """Compare an estimate with the baseline's realised performance.

    Raises
    ------
    ProfileError
        They were counted over different bins.
    """
    settings = settings or ExamineSettings()
    if baseline.binning.id != estimate.binning:
        raise ProfileError(
            f"The estimate is over bins {estimate.binning!r}, the baseline over {baseline.binning.id!r}: estimate the "
            "window with the estimator of its version's baseline."
        )
    before = {each.name: each for each in measure(baseline).metrics if each.value is not None}
    pairs = [(before[each.name], each) for each in estimate.known if each.name in before]
    p = [p_value(old, new, settings.overdispersion) for old, new in pairs]
    together = budget.p_value(float(budget.tangent(np.array(p)).mean())) if p else 1.0
    found = tuple(_finding(old, new, own, together, settings) for (old, new), own in zip(pairs, p, strict=True))
    if estimate.warnings:
        verdict = EstimateVerdict.UNSUPPORTED
    elif not found:
        verdict = EstimateVerdict.INSUFFICIENT_DATA
    else:
        verdict = EstimateVerdict.WORSE if any(each.fell for each in found) else EstimateVerdict.GOOD
    return EstimateFindings(
        estimate.task, estimate.binning, estimate.rows, settings.alpha, verdict, found, estimate.warnings
    )


def p_value(before: Metric, after: Metric, overdispersion: float = 1.0) -> float:
    """One-sided p that an estimate is worse than the baseline: a z of their distance, by the half of both intervals
    that lie between them."""
    fall = _fall(before, after)
    below = (fall > 0) == bool(after.higher_is_better)
    spread = math.hypot(_deviation(before, upper=not below), _deviation(after, upper=below)) * math.sqrt(overdispersion)
    z = fall / spread if spread > 0 else math.copysign(math.inf, fall) if fall else 0.0
    return float(tails.normal(z))


def _fall(before: Metric, after: Metric) -> float:
    assert before.value is not None is not after.value
    return before.value - after.value if after.higher_is_better else after.value - before.value


def _deviation(side: Metric, *, upper: bool) -> float:
    """Standard error of one side, in the metric's unit."""
    assert side.low is not None is not side.high
    assert side.value is not None
    half = side.high - side.value if upper else side.value - side.low
    return half / quantile(side.confidence)


def _finding(before: Metric, after: Metric, own: float, together: float, settings: ExamineSettings) -> MetricFinding:
    assert before.value is not None is not after.value
    assert after.low is not None is not after.high
    fall, corrected = _fall(before, after), max(own, together)
    floor = settings.floors.get(after.name)
    if floor is None:
        floor = settings.relative_floors.get(after.name, 0.0) * abs(before.value)
    return MetricFinding(
        name=after.name,
        before=before.value,
        after=after.value,
        fall=fall,
        floor=floor,
        n=after.n,
        p_value=own,
        corrected_p=corrected,
        fell=corrected < settings.alpha and fall > floor,
        summary=(
            f"{after.name} {before.value:.4g} → {after.value:.4g} "
            f"({after.low:.4g} to {after.high:.4g} at {after.confidence:.0%})"
        ),
    )
