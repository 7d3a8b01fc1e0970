"""Judge one metric alarm, by the rules that AWS documents for M out of N datapoints and for missing data.

An evaluation looks at more periods than it needs (the evaluation range). If at least N of them hold data, the newest N
that do are judged. If fewer do, the rest of the N are filled as the alarm says. Under `missing`, a few breaching
datapoints with nothing but silence after them raise the alarm once they are old enough that no good datapoint can be
late; until then the state stays.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from localcloud.cloudwatch.queries import Window, compute, period_of
from localcloud.cloudwatch.store import MetricId, MetricStore
from localcloud.operations import ApiError

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
EXTRA_PERIODS = 2  # AWS's own example looks at five periods for an alarm that evaluates three

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True)
class Settings:
    """What decides about a metric alarm, read from its definition.

    Attributes
    ----------
    needed, of : M out of N datapoints must breach
    missing : what stands for a period without data
    """

    period: int
    needed: int
    of: int
    threshold: float
    comparison: str
    missing: str

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> Settings:
        """Read PutMetricAlarm's request."""
        of = int(definition["EvaluationPeriods"])
        queries = definition.get("Metrics", [])
        return cls(
            period=period_of(queries) if queries else int(definition["Period"]),
            needed=int(definition.get("DatapointsToAlarm", of)),
            of=of,
            threshold=float(definition["Threshold"]),
            comparison=definition["ComparisonOperator"],
            missing=definition.get("TreatMissingData", "missing"),
        )

    def breaches(self, value: float) -> bool:
        """Return whether a datapoint is on the wrong side of the threshold."""
        return COMPARISONS[self.comparison][0](value, self.threshold)


@dataclass(frozen=True)
class Verdict:
    """What an evaluation found.

    Attributes
    ----------
    points : the datapoints judged: period start → value, None where one was filled
    """

    state: State
    reason: str
    points: Mapping[int, float | None]


def evaluation_window(settings: Settings, now: int) -> Window:
    """Return the evaluation range that ends at `now` (epoch seconds)."""
    return Window(now - settings.period * (settings.of + EXTRA_PERIODS), now, settings.period)


def datapoints(store: MetricStore, definition: Mapping[str, Any], window: Window) -> dict[int, float]:
    """Return the datapoints of an alarm's metric, or of its metric math, in a window.

    Raises
    ------
    ApiError
        The metric math fails, or gives no single time series.
    """
    queries = definition.get("Metrics")
    if not queries:
        statistic = definition.get("Statistic") or definition["ExtendedStatistic"]
        return store.datapoints(MetricId.from_api(definition), window.period, window.start, window.end, statistic)
    returned = next(query["Id"] for query in queries if query.get("ReturnData", True))
    value = compute(store, queries, window)[returned]
    if isinstance(value, float):
        return {} if math.isnan(value) else dict.fromkeys(window.times, value)
    if isinstance(value, dict):
        return value
    raise ApiError("ValidationError", f"The expression {returned!r} gives several time series; an alarm needs one.")


def judge(settings: Settings, found: Mapping[int, float], window: Window, current: State) -> Verdict:
    """Decide about an alarm from the datapoints found in its evaluation range."""
    real = sorted(found)
    if len(real) >= settings.of:
        judged: dict[int, float | None] = {time: found[time] for time in real[-settings.of :]}
        return _decide(settings, judged, filled=0)
    judged = {time: found.get(time) for time in window.times[-settings.of :]} | {time: found[time] for time in real}
    gaps = settings.of - len(real)
    if settings.missing == "breaching":
        return _decide(settings, judged, filled=gaps)
    if settings.missing == "notBreaching":
        return _decide(settings, judged, filled=0)
    return _decide_in_silence(settings, judged, window, current)


def _decide(settings: Settings, judged: Mapping[int, float | None], filled: int) -> Verdict:
    breaching = [value for value in judged.values() if value is not None and settings.breaches(value)]
    state: State = "ALARM" if len(breaching) + filled >= settings.needed else "OK"
    return Verdict(state, _reason(settings, judged, state), judged)


def _decide_in_silence(
    settings: Settings, judged: Mapping[int, float | None], window: Window, current: State
) -> Verdict:
    """Decide when too few datapoints are there and nothing may stand in for the others."""
    known = {time: value for time, value in judged.items() if value is not None}
    keep = settings.missing == "ignore"
    if not known:
        if keep:
            return Verdict(current, "No datapoints were received; missing data are ignored.", judged)
        unknown = f"{_count(settings.of, 'datapoint')} {'was' if settings.of == 1 else 'were'} unknown"
        return Verdict("INSUFFICIENT_DATA", f"Insufficient Data: {unknown}.", judged)
    breaching = [time for time, value in known.items() if settings.breaches(value)]
    only_breaching = len(breaching) == len(known)
    if len(breaching) < settings.needed and only_breaching:
        age = (window.end - min(breaching)) // settings.period
        if keep or age < settings.needed:
            return Verdict(current, "Datapoints that may be late could still clear the alarm.", judged)
        return Verdict("ALARM", _reason(settings, judged, "ALARM"), judged)
    return _decide(settings, judged, filled=0)


def _reason(settings: Settings, judged: Mapping[int, float | None], state: State) -> str:
    known = [(time, value) for time, value in sorted(judged.items(), reverse=True) if value is not None]
    if not known:
        treated = "[Breaching]" if state == "ALARM" else "[NonBreaching]"
        missing = f"{_count(settings.of, 'missing datapoint')} {'was' if settings.of == 1 else 'were'}"
        return (
            f"Threshold Crossed: no datapoints were received for {_count(settings.of, 'period')} and {missing} "
            f"treated as {treated}."
        )
    telling = [(time, value) for time, value in known if settings.breaches(value) == (state == "ALARM")] or known
    listed = ", ".join(f"{value:.6g} ({datetime.fromtimestamp(at, UTC):%d/%m/%y %H:%M:%S})" for at, value in telling)
    verb = ("was" if len(telling) == 1 else "were") + ("" if state == "ALARM" else " not")
    transition = "OK -> ALARM" if state == "ALARM" else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(telling)} out of the last {_count(settings.of, 'datapoint')} [{listed}] {verb} "
        f"{COMPARISONS[settings.comparison][1]} the threshold ({settings.threshold:g}) "
        f"(minimum {_count(settings.needed, 'datapoint')} for {transition} transition)."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
