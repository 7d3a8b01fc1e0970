"""A version's model card as a page: how it looks is in `card.html.j2`."""

from __future__ import annotations

from watchkeeper.card import Facts, limits
from watchkeeper.performance.metric import Metric
from watchkeeper.report.page import filled


def render(facts: Facts) -> str:
    """The card as HTML: one file, no external request, readable in light and dark and on paper."""
    return filled("card.html.j2", facts=facts, limits=limits(facts), name=_name, number=_number)


def _name(metric: Metric) -> str:
    return metric.name.replace("_", " ")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
