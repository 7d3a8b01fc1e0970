"""The page: what it says, as data; how it looks is in `page.html.j2`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class Event:
    """One line of what happened and when; `tone` is plain, bad, act or good."""

    at: datetime
    what: str
    who: str
    tone: str = "plain"


@dataclass(frozen=True)
class Card:
    """One column's distributions, before and after, and what the drift monitor said of it."""

    name: str
    summary: str
    drifted: bool
    effect: float
    p_value: float
    plot: str


@dataclass(frozen=True)
class Mail:
    """A message that was sent."""

    at: datetime
    subject: str
    body: str


@dataclass(frozen=True)
class Line:
    """One line of a sheet; `tone` is plain, act or bad."""

    cells: tuple[str, ...]
    tone: str = "plain"


@dataclass(frozen=True)
class Sheet:
    """A table of texts, with a word on how to read it."""

    title: str
    headings: tuple[str, ...]
    lines: tuple[Line, ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that the page says."""

    model: str
    subtitle: str
    verdict: Sequence[str]
    events: Sequence[Event]
    cards: Sequence[Card]
    legend: Sequence[tuple[str, str]]
    mails: Sequence[Mail]
    sheets: Sequence[Sheet] = ()


def render(report: Report) -> str:
    """The page as HTML: one file, no external request, readable in light and dark and on paper."""
    return filled("page.html.j2", report=report)


def filled(template: str, **values: object) -> str:
    """A template of this package with these values, all texts escaped."""
    templates = Environment(
        loader=PackageLoader("watchkeeper.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return templates.get_template(template).render(**values)
