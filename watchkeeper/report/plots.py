"""Distributions as inline SVG: no script, no external request; colours follow the page's light or dark theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from watchkeeper.profile import CategoryBinning, CategoryProfile, NumberBinning, NumberProfile

WIDTH, HEIGHT = 340, 150
LEFT, RIGHT, TOP, BOTTOM = 6, 6, 8, 22
MOST_BARS = 8
MANY_VALUES = 12
"""A numeric column with more bins than this is drawn as a density, with fewer as bars."""

Column = NumberProfile | CategoryProfile


@dataclass(frozen=True)
class Series:
    """One distribution in a plot; `style` is a CSS class of the page: baseline, before or after."""

    style: str
    profile: Column


def distribution(binning: NumberBinning | CategoryBinning, series: Sequence[Series]) -> str:
    """Draw the distributions of one column over each other, as an `<svg>` element."""
    if isinstance(binning, NumberBinning) and binning.bins > MANY_VALUES:
        return _density(binning, series)
    return _bars(binning, series)


def _density(binning: NumberBinning, series: Sequence[Series]) -> str:
    """Step curves of share per unit: quantile bins are narrow where the baseline is dense."""
    low, high = _visible_range(binning)
    edges = [low, *(min(max(edge, low), high) for edge in binning.edges), high]
    curves = []
    for one in series:
        total = max(one.profile.present, 1)
        shares = [count / total for count in one.profile.counts]
        curves.append(_smoothed([(edges[i], edges[i + 1], share) for i, share in enumerate(shares)]))
    top = max((density for curve in curves for _, _, density in curve), default=0) or 1.0
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return LEFT + (value - low) / span * (WIDTH - LEFT - RIGHT)

    def y(density: float) -> float:
        return HEIGHT - BOTTOM - density / top * (HEIGHT - TOP - BOTTOM)

    paths = []
    for one, curve in zip(series, curves, strict=True):
        points = " ".join(f"L{x(a):.1f} {y(d):.1f}L{x(b):.1f} {y(d):.1f}" for a, b, d in curve)
        base = HEIGHT - BOTTOM
        paths.append(f'<path class="{one.style}" d="M{x(low):.1f} {base}{points}L{x(high):.1f} {base}"/>')
    return _frame("".join(paths), [(LEFT, "start", _number(low)), (WIDTH - RIGHT, "end", _number(high))])


def _visible_range(binning: NumberBinning) -> tuple[float, float]:
    """The baseline's range without the outermost tails, which would flatten everything else."""
    central = binning.edges[2:-2] or binning.edges
    reach = 0.5 * (central[-1] - central[0])
    return max(binning.edges[0], central[0] - reach), min(binning.edges[-1], central[-1] + reach)


def _smoothed(steps: Sequence[tuple[float, float, float]], groups: int = 24) -> list[tuple[float, float, float]]:
    """Join neighbouring bins until each group is wide enough to see; (from, to, share) into (from, to, density)."""
    least = (steps[-1][1] - steps[0][0]) / groups
    joined: list[tuple[float, float, float]] = []
    start, share = steps[0][0], 0.0
    for _, end, part in steps:
        share += part
        if end - start >= least:
            joined.append((start, end, share / (end - start)))
            start, share = end, 0.0
    if share and joined:  # what is left is narrower than a group: it would stand out as a spike
        a, b, density = joined.pop()
        end = steps[-1][1]
        joined.append((a, end, (density * (b - a) + share) / (end - a)))
    return joined


def _bars(binning: NumberBinning | CategoryBinning, series: Sequence[Series]) -> str:
    names, shares = _bar_shares(binning, series)
    top = max((share for row in shares for share in row), default=0) or 1.0
    slot = (WIDTH - LEFT - RIGHT) / max(len(names), 1)
    width = slot * 0.8 / len(series)
    parts, labels = [], []
    for place, name in enumerate(names):
        left = LEFT + place * slot + slot * 0.1
        for which, one in enumerate(series):
            height = shares[which][place] / top * (HEIGHT - TOP - BOTTOM)
            parts.append(
                f'<rect class="{one.style}" x="{left + which * width:.1f}" y="{HEIGHT - BOTTOM - height:.1f}" '
                f'width="{width * 0.92:.1f}" height="{height:.1f}"/>'
            )
        labels.append((left + slot * 0.4, "middle", _short(name, int(slot / 6.2))))
    return _frame("".join(parts), labels)


def _bar_shares(
    binning: NumberBinning | CategoryBinning, series: Sequence[Series]
) -> tuple[list[str], list[list[float]]]:
    if isinstance(binning, NumberBinning):
        names = [binning.label(place) for place in range(binning.bins)]
        rows = [[count / max(one.profile.present, 1) for count in one.profile.counts] for one in series]
        held = [place for place in range(len(names)) if any(row[place] for row in rows)] or [0]
        return [names[place] for place in held], [[row[place] for place in held] for row in rows]
    names = [*binning.levels, "other", "new"]
    rows = []
    for one in series:
        assert isinstance(one.profile, CategoryProfile)  # a column is of one kind: see Profile.merge
        total = max(one.profile.present, 1)
        rows.append([count / total for count in (*one.profile.counts, one.profile.rare, one.profile.new)])
    largest = sorted(range(len(names)), key=lambda place: -max(row[place] for row in rows))[:MOST_BARS]
    kept = sorted(place for place in largest if max(row[place] for row in rows) > 0)
    return [names[place] for place in kept], [[row[place] for place in kept] for row in rows]


def _frame(body: str, labels: Sequence[tuple[float, str, str]]) -> str:
    words = "".join(
        f'<text x="{x:.1f}" y="{HEIGHT - 7}" text-anchor="{anchor}">{escape(text)}</text>' for x, anchor, text in labels
    )
    axis = f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-hidden="true">{body}{axis}{words}</svg>'


def _number(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= max(most, 3) else text[: max(most, 3) - 1] + "…"
