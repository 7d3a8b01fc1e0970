"""A replayed history as an HTML page: the score over time with its alarms, and which columns drifted when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from watchkeeper.backtest import Look, Replay, drifted
from watchkeeper.findings import Findings
from watchkeeper.report.page import filled

WIDTH, LEFT, RIGHT = 1040, 180, 8
PLOT_HEIGHT, TOP, BOTTOM = 170, 10, 24
ROW_HEIGHT = 18
MOST_COLUMNS = 15
MOST_SCORE = 5.0
"""Scores above this are drawn as this: a change five times its threshold is plain."""
MOST_POINTS = 1000
"""More looks than this share a stroke, the strongest of which is drawn."""


@dataclass(frozen=True)
class Page:
    """What the page says; `shown` reads the windows' clock as real time."""

    title: str
    replay: Replay
    shown: Callable[[datetime], datetime]
    lines: Sequence[str]


@dataclass(frozen=True)
class _Row:
    """One column of an alarm."""

    start: datetime
    end: datetime
    since: datetime | None
    column: str
    statistic: str
    summary: str


def render_backtest(page: Page) -> str:
    """The page as HTML: one file, no external request, readable in light and dark and on paper."""
    looks = page.replay.looks
    span = f"{page.shown(looks[0].increment.start):%d %b %Y} to {page.shown(looks[-1].end):%d %b %Y}"
    return filled(
        "backtest.html.j2",
        title=page.title,
        subtitle=f"Backtest of the drift monitor, {span}",
        lines=page.lines,
        score=score_plot(page),
        heat=heat_map(page),
        rows=_rows(page),
    )


def score_plot(page: Page) -> str:
    """A stroke a look as high as its score, red where the monitor was in alarm; below, the alarms of windows alone."""
    groups = _grouped(page.replay.looks)
    top = max(1.5, *(min(_score(look.findings), MOST_SCORE) for look in page.replay.looks))
    base = PLOT_HEIGHT - BOTTOM
    width = (WIDTH - LEFT - RIGHT) / len(groups)
    strokes = []
    for place, group in enumerate(groups):
        score = max(min(_score(look.findings), top) for look in group)
        height = max(score / top * (base - TOP), 1.0)
        style = "alarm" if any(look.alarm for look in group) else "quiet"
        strokes.append(_rect(style, LEFT + place * width, base - height, width, height))
        if any(look.alarm_alone for look in group):
            strokes.append(_rect("alone", LEFT + place * width, base + 2, width, 4))
    level = base - (base - TOP) / top
    line = f'<line class="threshold" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>'
    words = [
        _text(LEFT - 8, level + 4, "end", "threshold"),
        _text(LEFT - 8, base + 8, "end", "single windows"),
        _text(LEFT - 8, TOP + 8, "end", f"score {top:.1f}" + (" or more" if top == MOST_SCORE else "")),
    ]
    return _svg(PLOT_HEIGHT, "".join([*strokes, line, *words, _change(page, base), _dates(page, PLOT_HEIGHT - 6)]))


def heat_map(page: Page) -> str:
    """A row for each column that drifted most, a cell a look, as dark as its score; empty when nothing drifted."""
    totals: dict[str, float] = {}
    for look in page.replay.looks:
        for name, score in _scores(look.findings).items():
            totals[name] = totals.get(name, 0.0) + score
    names = sorted(totals, key=lambda name: (-totals[name], name))[:MOST_COLUMNS]
    if not names:
        return ""
    groups = _grouped(page.replay.looks)
    width = (WIDTH - LEFT - RIGHT) / len(groups)
    cells = [_text(LEFT - 8, TOP + row * ROW_HEIGHT + 13, "end", _short(name)) for row, name in enumerate(names)]
    for place, group in enumerate(groups):
        found = [_scores(look.findings) for look in group]
        for row, name in enumerate(names):
            score = max(scores.get(name, 0.0) for scores in found)
            if score > 0:
                shade = f' fill-opacity="{0.25 + 0.75 * min(score, MOST_SCORE) / MOST_SCORE:.2f}"'
                y = TOP + row * ROW_HEIGHT
                cells.append(_rect("alarm", LEFT + place * width, y, width, ROW_HEIGHT - 2, shade))
    height = TOP + len(names) * ROW_HEIGHT + BOTTOM
    return _svg(height, "".join([*cells, _change(page, height - BOTTOM), _dates(page, height - 6)]))


def _scores(findings: Findings) -> dict[str, float]:
    scores: dict[str, float] = {}
    for finding in drifted(findings):
        scores[finding.feature] = max(scores.get(finding.feature, 0.0), finding.score)
    return scores


def _score(findings: Findings) -> float:
    return max(findings.feature_score, findings.prediction_score)


def _grouped(looks: Sequence[Look]) -> list[Sequence[Look]]:
    size = -(-len(looks) // MOST_POINTS)
    return [looks[start : start + size] for start in range(0, len(looks), size)]


def _rows(page: Page) -> list[_Row]:
    looks, shown = page.replay.looks, page.shown
    return [
        _Row(
            shown(looks[episode.first].end),
            shown(looks[episode.last].end),
            finding.since and shown(finding.since),
            finding.feature,
            finding.statistic,
            finding.summary,
        )
        for episode in page.replay.together.episodes
        for finding in drifted(looks[episode.first].findings)
    ]


def _change(page: Page, bottom: float) -> str:
    """A line at the known change."""
    at, looks = page.replay.changed_at, page.replay.looks
    start, end = looks[0].increment.start, looks[-1].end
    if at is None or not start <= at <= end:
        return ""
    x = LEFT + (at - start) / (end - start) * (WIDTH - LEFT - RIGHT)
    return f'<line class="change" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom:.1f}"/>'


def _dates(page: Page, y: float) -> str:
    looks = page.replay.looks
    middle = looks[len(looks) // 2].increment.start
    places = ((LEFT, "start", looks[0].increment.start), (WIDTH - RIGHT, "end", looks[-1].end))
    x = LEFT + (WIDTH - LEFT - RIGHT) * (len(looks) // 2) / len(looks)
    return "".join(_text(at, y, anchor, f"{page.shown(when):%d %b %Y}") for at, anchor, when in places) + _text(
        x, y, "middle", f"{page.shown(middle):%d %b %Y}"
    )


def _rect(style: str, x: float, y: float, width: float, height: float, more: str = "") -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}"{more}/>'


def _text(x: float, y: float, anchor: str, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _svg(height: float, body: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-hidden="true">{body}</svg>'


def _short(text: str, most: int = 26) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
