"""The bias table as plain rows of text, for a report, a message or a model card to draw as they like."""

from __future__ import annotations

from typing import NamedTuple

from watchkeeper.bias import flip
from watchkeeper.bias.metrics import BY_SHORT
from watchkeeper.bias.result import BiasFindings, Measurement
from watchkeeper.bias.wording import told

HEADINGS = ("group", "against", "metric", "value", "interval", "tolerated", "baseline", "verdict", "in words")


class Row(NamedTuple):
    """One metric of one comparison; the fields are those of `HEADINGS`, "" where there is nothing to say."""

    group: str
    against: str
    metric: str
    value: str
    interval: str
    tolerated: str
    baseline: str
    verdict: str
    words: str


def table(findings: BiasFindings) -> tuple[Row, ...]:
    """A row for each measurement, in their order."""
    return tuple(_row(found) for found in findings.measurements)


def metric_name(short: str) -> str:
    """A metric's name in full."""
    return flip.NAME if short == flip.SHORT else BY_SHORT[short].name


def _row(found: Measurement) -> Row:
    return Row(
        group=f"{found.facet} {found.group}",
        against=found.against,
        metric=f"{metric_name(found.metric)} ({found.metric})",
        value="" if found.value is None else told(found.value),
        interval=_range(found.low, found.high),
        tolerated=_range(found.tolerated_low, found.tolerated_high),
        baseline="" if found.baseline is None else told(found.baseline),
        verdict=f"{found.verdict}, drifted" if found.drifted else str(found.verdict),
        words=found.summary,
    )


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{told(low)} to {told(high)}"
