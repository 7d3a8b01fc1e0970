"""GetMetricData, GetMetricStatistics, ListMetrics and PutMetricData, answered from the metric store.

`compute` also serves alarms on metric math: an alarm is a GetMetricData over its own evaluation range.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localcloud.cloudwatch.expressions import Inputs, Series, Value, evaluate, identifiers
from localcloud.cloudwatch.store import (
    MINUTE,
    MetricId,
    MetricStore,
    aggregates_from_api,
    check_period,
    check_statistic,
)
from localcloud.operations import ApiError, Shape

_REACH_BACK = timedelta(weeks=2)  # AWS takes data that are this old, and two hours into the future
_REACH_AHEAD = timedelta(hours=2)


@dataclass(frozen=True)
class Window:
    """A stretch of time in equal periods: `start` and `end` in epoch seconds, `period` in seconds."""

    start: int
    end: int
    period: int

    @property
    def times(self) -> Sequence[int]:
        """The starts of the periods, oldest first."""
        return range(self.start, self.end, self.period)


def check_queries(queries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse metric data queries that could not be computed.

    Raises
    ------
    ApiError
        A query names no metric and no expression, is not simulated, or refers to an id that is not there.
    """
    known = {query["Id"] for query in queries}
    for query in queries:
        if "MetricStat" in query:
            check_statistic(query["MetricStat"]["Stat"])
            check_period(int(query["MetricStat"]["Period"]))
        elif "Expression" in query:
            missing = identifiers(query["Expression"]) - known
            if missing:
                raise ApiError(
                    "ValidationError",
                    f"The expression {query['Expression']!r} refers to {', '.join(sorted(missing))}, which no query "
                    f"has as Id (there are {', '.join(sorted(known))}).",
                )
        else:
            raise ApiError("ValidationError", f"Query {query['Id']!r} has neither a MetricStat nor an Expression.")


def period_of(queries: Sequence[Mapping[str, Any]], default: int = MINUTE) -> int:
    """Return the longest period among queries: metric math computes at that."""
    periods = [int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query]
    return max([*periods, *(int(query["Period"]) for query in queries if "Period" in query)], default=default)


def compute(store: MetricStore, queries: Sequence[Mapping[str, Any]], window: Window) -> dict[str, Value]:
    """Return the value of every query by its id; expressions may refer to one another in any order.

    Raises
    ------
    ApiError
        An expression is not valid, or expressions refer to one another in a circle.
    """
    values: dict[str, Value] = {}
    waiting: dict[str, str] = {}
    for query in queries:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            metric = MetricId.from_api(stat["Metric"])
            values[query["Id"]] = store.datapoints(metric, window.period, window.start, window.end, stat["Stat"])
        else:
            waiting[query["Id"]] = query["Expression"]
    metrics = frozenset(values)
    while waiting:
        ready = [name for name, text in waiting.items() if not identifiers(text) & waiting.keys()]
        if not ready:
            raise ApiError("ValidationError", f"The expressions {', '.join(waiting)} refer to one another in a circle.")
        for name in ready:
            values[name] = evaluate(waiting.pop(name), Inputs(values, window.times, window.period, metrics))
    return values


class Queries:
    """The metric API."""

    def __init__(self, store: MetricStore, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def put_metric_data(self, request: Shape) -> None:
        """Store what PutMetricData sends; one bad datum refuses the whole call."""
        now = self._now()
        data = []
        for datum in request.get("MetricData", []):
            at = _aware(datum.get("Timestamp", now))
            if not now - _REACH_BACK <= at <= now + _REACH_AHEAD:
                raise ApiError(
                    "InvalidParameterValue",
                    f"The timestamp {at.isoformat()} of {datum['MetricName']!r} is not within two weeks before and two "
                    f"hours after now ({now.isoformat()}).",
                )
            metric = MetricId.from_api({**datum, "Namespace": request["Namespace"]})
            data.append((metric, at, list(aggregates_from_api(datum)), datum.get("Unit", "None")))
        for metric, at, aggregates, unit in data:
            for values in aggregates:
                self._store.put(metric, at, values, unit)

    def get_metric_data(self, request: Shape) -> Shape:
        """Answer GetMetricData; SEARCH and Insights queries are refused."""
        queries = request["MetricDataQueries"]
        check_queries(queries)
        window = _window(request, period_of(queries))
        values = compute(self._store, queries, window)
        newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
        results = []
        for query in queries:
            if query.get("ReturnData", True):
                results += [_result(query, series, newest_first) for series in _series_of(values[query["Id"]], window)]
        return {"MetricDataResults": results, "Messages": []}

    def get_metric_statistics(self, request: Shape) -> Shape:
        """Answer GetMetricStatistics."""
        metric = MetricId.from_api(request)
        window = _window(request, check_period(int(request["Period"])))
        simple, extended = request.get("Statistics", []), request.get("ExtendedStatistics", [])
        if not simple and not extended:
            raise ApiError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics")
        points: dict[int, Shape] = {}
        for name in [*simple, *extended]:
            series = self._store.datapoints(metric, window.period, window.start, window.end, check_statistic(name))
            for time, value in series.items():
                point = points.setdefault(time, {"Timestamp": _datetime(time), "Unit": self._store.unit(metric)})
                if name in simple:
                    point[name] = value
                else:
                    point.setdefault("ExtendedStatistics", {})[name] = value
        return {"Label": metric.name, "Datapoints": [points[time] for time in sorted(points)]}

    def list_metrics(self, request: Shape) -> Shape:
        """Answer ListMetrics: all that match, in one page."""
        wanted = {entry["Name"]: entry.get("Value") for entry in request.get("Dimensions", [])}

        def matches(metric: MetricId) -> bool:
            dimensions = dict(metric.dimensions)
            return (
                request.get("Namespace") in (None, metric.namespace)
                and request.get("MetricName") in (None, metric.name)
                and all(name in dimensions and value in (None, dimensions[name]) for name, value in wanted.items())
            )

        return {"Metrics": [metric.as_api() for metric in self._store.metrics() if matches(metric)]}


def _series_of(value: Value, window: Window) -> list[Series]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    if isinstance(value, float):
        return [dict.fromkeys(window.times, value)]
    raise ApiError("ValidationError", f"The expression gives {value!r}, which is no time series.")


def _result(query: Mapping[str, Any], series: Series, newest_first: bool) -> Shape:
    times = sorted(series, reverse=newest_first)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or query.get("MetricStat", {}).get("Metric", {}).get("MetricName") or query["Id"],
        "Timestamps": [_datetime(time) for time in times],
        "Values": [series[time] for time in times],
        "StatusCode": "Complete",
    }


def _window(request: Mapping[str, Any], period: int) -> Window:
    """Return the asked-for stretch, its start rounded down to whole periods as CloudWatch does."""
    start, end = (int(_aware(request[name]).timestamp()) for name in ("StartTime", "EndTime"))
    if start >= end:
        raise ApiError("ValidationError", "The parameter StartTime must be less than the parameter EndTime.")
    return Window(start // period * period, end, period)


def _aware(value: datetime | float | str) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC)


def _datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
