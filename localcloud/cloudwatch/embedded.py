"""Metrics embedded in log lines (EMF): a JSON line whose `_aws` says which of its members are metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.cloudwatch.store import Aggregate, MetricId, single


@dataclass(frozen=True)
class Embedded:
    """One value of one metric, at the time that its line says."""

    metric: MetricId
    at: datetime
    values: Aggregate
    unit: str


def read_lines(lines: Iterable[str]) -> Iterator[Embedded]:
    """Return the metrics in log lines; a line that is no valid EMF document is a log line and nothing else."""
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            yield from list(_read(json.loads(line[line.index("{") :])))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _read(document: dict[str, Any]) -> Iterator[Embedded]:
    at = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(document[name]) for name in names}
            for metric in directive["Metrics"]:
                found = document[metric["Name"]]
                for value in found if isinstance(found, list) else [found]:
                    yield Embedded(
                        MetricId.of(directive["Namespace"], metric["Name"], dimensions),
                        at,
                        single(float(value)),
                        metric.get("Unit", "None"),
                    )
