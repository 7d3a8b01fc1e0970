"""Metrics, aggregated by the minute: what CloudWatch keeps, so that any longer period is a merge of minutes."""

from __future__ import annotations

import bisect
import math
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from localcloud.operations import ApiError

MINUTE = 60
SIMPLE_STATISTICS = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")


@dataclass(frozen=True)
class MetricId:
    """What identifies a metric: the same name under other dimensions is another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> MetricId:
        """Return the id, with the dimensions in one order."""
        return cls(namespace, name, tuple(sorted(dimensions.items())))

    @classmethod
    def from_api(cls, shape: Mapping[str, object]) -> MetricId:
        """Return the id of a metric spelled as the API spells it (Namespace, MetricName, Dimensions)."""
        dimensions = shape.get("Dimensions") or []
        assert isinstance(dimensions, list)
        pairs = {entry["Name"]: entry["Value"] for entry in dimensions}
        return cls.of(str(shape["Namespace"]), str(shape["MetricName"]), pairs)

    def as_api(self) -> dict[str, object]:
        """Return the metric as the API spells it."""
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}


@dataclass
class Aggregate:
    """The values of one metric in one stretch of time.

    `weights` counts each distinct value, for percentiles; it is None once a statistic set, whose values are unknown,
    has been added.
    """

    count: float = 0.0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    weights: dict[float, float] | None = field(default_factory=dict)

    def add(self, other: Aggregate) -> None:
        """Merge another stretch into this one."""
        self.count += other.count
        self.total += other.total
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)
        if self.weights is None or other.weights is None:
            self.weights = None
        else:
            for value, weight in other.weights.items():
                self.weights[value] = self.weights.get(value, 0.0) + weight

    def statistic(self, name: str) -> float | None:
        """Return a statistic by its API name, or None if these values cannot give it."""
        if name == "SampleCount":
            return self.count
        if name == "Average":
            return self.total / self.count if self.count else None
        if name == "Sum":
            return self.total
        if name == "Minimum":
            return self.minimum
        if name == "Maximum":
            return self.maximum
        return self._percentile(float(name[1:]))

    def _percentile(self, percent: float) -> float | None:
        if self.weights is None:  # AWS, too, knows a percentile of a statistic set only in this case
            return self.minimum if self.minimum == self.maximum else None
        rank = percent / 100.0 * (self.count - 1)
        below, seen = None, 0.0
        for value, weight in sorted(self.weights.items()):
            if rank <= seen + weight - 1 or math.isclose(rank, seen + weight - 1):
                if below is None or rank >= seen:
                    return value
                return below + (value - below) * (rank - seen + 1)
            below, seen = value, seen + weight
        return below


def single(value: float, count: float = 1.0) -> Aggregate:
    """Return the aggregate of one value that occurred `count` times."""
    return Aggregate(count, value * count, value, value, {value: count})


def check_statistic(name: str) -> str:
    """Return the name of a statistic that can be computed here.

    Raises
    ------
    ApiError
        It is not one of the five simple ones or a percentile.
    """
    if name in SIMPLE_STATISTICS or _PERCENTILE.fullmatch(name):
        return name
    raise ApiError(
        "InvalidParameterValue",
        f"The statistic {name!r} is not simulated. Use one of {', '.join(SIMPLE_STATISTICS)}, or a percentile (p99).",
    )


def check_period(seconds: int) -> int:
    """Return a period that minutes can be merged to.

    Raises
    ------
    ApiError
        It is not a positive multiple of a minute.
    """
    if seconds > 0 and seconds % MINUTE == 0:
        return seconds
    raise ApiError(
        "InvalidParameterValue", f"A period of {seconds} s is not simulated: use a positive multiple of {MINUTE} s."
    )


@dataclass
class _Series:
    """The minutes of one metric that hold data, in order."""

    unit: str
    starts: list[int] = field(default_factory=list)
    minutes: dict[int, Aggregate] = field(default_factory=dict)

    def put(self, start: int, values: Aggregate) -> None:
        if start not in self.minutes:
            bisect.insort(self.starts, start)
            self.minutes[start] = Aggregate()
        self.minutes[start].add(values)

    def between(self, start: int, end: int) -> Iterator[tuple[int, Aggregate]]:
        first, last = bisect.bisect_left(self.starts, start), bisect.bisect_left(self.starts, end)
        for minute in self.starts[first:last]:
            yield minute, self.minutes[minute]


class MetricStore:
    """Every metric of the account; safe to use from any thread."""

    def __init__(self) -> None:
        self._series: dict[MetricId, _Series] = {}
        self._lock = threading.Lock()

    def put(self, metric: MetricId, at: datetime, values: Aggregate, unit: str = "None") -> None:
        """Add values to the minute of `at`."""
        minute = int(at.timestamp()) // MINUTE * MINUTE
        with self._lock:
            self._series.setdefault(metric, _Series(unit)).put(minute, values)

    def datapoints(self, metric: MetricId, period: int, start: int, end: int, statistic: str) -> dict[int, float]:
        """Return a statistic for each period from `start` to before `end` (epoch seconds) that holds data.

        Periods are counted from `start`; keys are the starts of periods.
        """
        return {
            key: value
            for key, merged in self._merged(metric, period, start, end).items()
            if (value := merged.statistic(statistic)) is not None
        }

    def sample_counts(self, metric: MetricId, period: int, start: int, end: int) -> dict[int, float]:
        """Return how many samples each period holds."""
        return {key: merged.count for key, merged in self._merged(metric, period, start, end).items()}

    def unit(self, metric: MetricId) -> str:
        """Return the unit under which the metric was first put."""
        with self._lock:
            series = self._series.get(metric)
            return series.unit if series else "None"

    def metrics(self) -> list[MetricId]:
        """Return every metric that holds data."""
        with self._lock:
            return list(self._series)

    def _merged(self, metric: MetricId, period: int, start: int, end: int) -> dict[int, Aggregate]:
        merged: dict[int, Aggregate] = {}
        with self._lock:
            series = self._series.get(metric)
            for minute, values in series.between(start, end) if series else ():
                key = start + (minute - start) // period * period
                merged.setdefault(key, Aggregate()).add(values)
        return merged


def aggregates_from_api(datum: Mapping[str, object]) -> Iterable[Aggregate]:
    """Read the values of one MetricDatum: a Value, Values with Counts, or a StatisticSet."""
    if "StatisticValues" in datum:
        values = datum["StatisticValues"]
        assert isinstance(values, Mapping)
        count, total = float(values["SampleCount"]), float(values["Sum"])
        yield Aggregate(count, total, float(values["Minimum"]), float(values["Maximum"]), None)
    elif "Values" in datum:
        listed = datum["Values"]
        assert isinstance(listed, list)
        counts = datum.get("Counts") or [1.0] * len(listed)
        assert isinstance(counts, list)
        yield from (single(float(value), float(count)) for value, count in zip(listed, counts, strict=True))
    else:
        yield single(float(datum["Value"]))  # type: ignore[arg-type]
