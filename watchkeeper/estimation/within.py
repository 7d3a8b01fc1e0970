"""Shares of cells as if rows had not moved within them: what a shift does to coarse cells that counts do not show.

When a number grows, the rows of its uppermost eighth grow as well, and effects that rise from cell to cell go on rising
within it. How far rows moved within cells follows from how they moved between them. On the scale on which the baseline
is standard normal, the window is taken as normal too: its edges, as its own quantiles, lie on a line. The rows of a
cell then have another mean there than the baseline's, and count in part for the cells on either side: an effect that is
linear on that scale is carried exactly, beyond the last edge too.

Errors of regressions are estimated so: their size goes on rising. Labels of classifiers are not, for which it measured
no better: most of what moves within a cell the score knows.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.drift import tails
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.outcomes import Outcomes
from watchkeeper.outcomes.partition import NumberPartition
from watchkeeper.profile.layout import Floats

_FEWEST_CELLS = 4
_STRETCH = 3.0
"""Spreads of a window, as multiples of the baseline's or its inverse, beyond which nothing is carried on."""
_FARTHEST = 1.0
"""Distances between cells by which the rows of a cell are taken to have moved at most."""


def shares(window: Outcomes, estimator: Estimator) -> Floats:
    """Shares of the window's rows by cell, with what moved within cells of numbers; they still add up to 1."""
    found: Floats = window.sections["segment rows"] / max(window.rows, 1)
    usual = estimator.cells / max(estimator.labelled, 1)
    segments = window.binning.segments
    for partition, part in zip(segments.partitions.values(), segments.parts, strict=True):
        if isinstance(partition, NumberPartition) and not partition.single:
            inner = slice(part.start, part.stop - 1)  # the last is of missing values
            found[inner] = carried(usual[inner], found[inner])
    return found


def carried(usual: Floats, now: Floats) -> Floats:
    """The shares of ordered cells, moved by what their rows moved within them; `usual` are the baseline's."""
    if len(now) < _FEWEST_CELLS or not usual.all() or not now.sum():
        return now
    edges, moved = (np.cumsum(each / each.sum())[:-1] for each in (usual, now))
    inside = (moved > 0) & (moved < 1)
    if np.count_nonzero(inside) < 2:
        return now
    at, own = tails.normal_quantile(edges), tails.normal_quantile(np.where(inside, moved, 0.5))
    weights = inside * moved * (1 - moved)
    spread, centre = _line(own, at, weights)
    if not 1 / _STRETCH < spread < _STRETCH:
        return now
    middles = _means(at)
    shift = centre + spread * _means((at - centre) / spread) - middles
    steps = np.gradient(middles)
    moves = now * np.clip(shift / steps, -_FARTHEST, _FARTHEST)
    return _carry(now, moves)


def _line(own: Floats, at: Floats, weights: Floats) -> tuple[float, float]:
    """Slope and intercept of the weighted line at = intercept + slope × own."""
    total = weights.sum()
    x, y = weights @ own / total, weights @ at / total
    slope = float(weights @ ((own - x) * (at - y)) / (weights @ np.square(own - x)))
    return slope, float(y - slope * x)


def _means(edges: Floats) -> Floats:
    """Mean of a standard normal within each cell between the edges."""
    bounds = np.clip(np.concatenate([[-8.0], edges, [8.0]]), -8.0, 8.0)
    density = np.exp(-np.square(bounds) / 2) / np.sqrt(2 * np.pi)
    mass = -np.diff(tails.normal(bounds))
    means: Floats = np.where(mass > 1e-9, -np.diff(density) / np.maximum(mass, 1e-9), (bounds[1:] + bounds[:-1]) / 2)
    return means


def _carry(shares: Floats, moves: Floats) -> Floats:
    """Let moved rows count for the neighbours: half a step for each side, at the ends a whole one for the last two."""
    result = shares.copy()
    result[2:] += moves[1:-1] / 2
    result[:-2] -= moves[1:-1] / 2
    result[0] -= moves[0]
    result[1] += moves[0]
    result[-1] += moves[-1]
    result[-2] -= moves[-1]
    return result
