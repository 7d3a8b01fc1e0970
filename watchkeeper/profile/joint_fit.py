"""The scores of the joint part, and which columns it looks at when there are many.

A number's score is its bin's mean normal score under the baseline: what a standard normal variable is on average
within the same quantiles. A category's levels are first put in order by name (numbers by size), then they get scores in
the same way. An order found in the rows themselves, by frequency or mean prediction, would fit their noise: with 200
levels the baseline's correlations then are too large, and every healthy window seems to have lost some.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from watchkeeper.profile.category import CategoryBinning
from watchkeeper.profile.column import ColumnBinning, count, counter, observe_column
from watchkeeper.profile.joint import HIGHEST_SCORE, SCORE_UNIT, JointBinning
from watchkeeper.profile.layout import Floats
from watchkeeper.profile.number import NumberBinning
from watchkeeper.table import CategoryColumn, Column, NumberColumn

MOST_COLUMNS = 100
"""Products grow with the square of the columns: 100 have 5,050."""
MOST_SAMPLED = 20_000
"""Rows on which columns are compared when there are more."""
_NORMAL = NormalDist()


def fit_joint(
    features: Mapping[str, Column],
    binnings: Mapping[str, ColumnBinning],
    prediction: str | None,
    predictions: Mapping[str, Column],
    prediction_binnings: Mapping[str, ColumnBinning],
) -> JointBinning | None:
    """Scores of the columns that vary; None when fewer than two do."""
    kept: dict[str, tuple[int, ...]] = {}
    for name, column in features.items():
        scores = _scores(binnings[name], column)
        if scores:
            kept[name] = scores
    predicted = None
    if prediction is not None:
        scores = _scores(prediction_binnings[prediction], predictions[prediction])
        predicted = (prediction, scores) if scores else None
    room = MOST_COLUMNS - (predicted is not None)
    if len(kept) > room:
        kept = {name: kept[name] for name in _most_correlated(features, binnings, kept, room)}
    columns = [*kept.items(), *([predicted] if predicted else [])]
    if len(columns) < 2:
        return None
    return JointBinning(
        columns=tuple(name for name, _ in columns),
        predicted=predicted is not None,
        scores=tuple(scores for _, scores in columns),
    )


def _scores(binning: ColumnBinning, column: Column) -> tuple[int, ...]:
    """A column's scores; none when all its rows are alike."""
    if isinstance(binning, NumberBinning):
        profile = observe_column(binning, column)
        return _normal_scores(np.asarray(profile.counts, np.float64))  # type: ignore[union-attr]  # a number's
    if isinstance(binning, CategoryBinning) and isinstance(column, CategoryColumn):
        return _level_scores(binning, column)
    return ()


def _normal_scores(rows: Floats) -> tuple[int, ...]:
    """Mean normal score of each bin, in whole score units; an empty bin has that of its edge."""
    if np.count_nonzero(rows) < 2:
        return ()
    shares = rows / rows.sum()
    upper = np.minimum(np.cumsum(shares), 1.0)
    edges = [_quantile(share) for share in (0.0, *upper.tolist())]
    density = np.array([_NORMAL.pdf(edge) for edge in edges])
    means = np.array(edges[:-1])
    np.divide(density[:-1] - density[1:], shares, out=means, where=shares > 0)
    whole = np.clip(np.rint(means * SCORE_UNIT), -HIGHEST_SCORE, HIGHEST_SCORE)
    return tuple(int(score) for score in whole)


def _quantile(share: float) -> float:
    """Normal quantile; four standard deviations out where there is none."""
    return min(max(_NORMAL.inv_cdf(share), -4.0), 4.0) if 1e-12 < share < 1 - 1e-12 else (4.0 if share > 0.5 else -4.0)


def _level_scores(binning: CategoryBinning, column: CategoryColumn) -> tuple[int, ...]:
    """Scores of the levels and, last, of the rarer categories together.

    A column with more categories than are counted one by one has none, and so is left out: which of them are counted is
    partly luck, their shares in the baseline are too large, and fall in every healthy window.
    """
    if binning.rare or not binning.complete:
        return (0,) * binning.slots
    slot_of = {name: slot for slot, name in enumerate(binning.levels)}
    slots = np.array([slot_of.get(level, binning.slots - 1) for level in column.levels], np.int64)
    of_levels = np.bincount(column.codes[column.codes >= 0], minlength=len(slots))
    rows = np.bincount(slots, weights=of_levels, minlength=binning.slots)
    by_name = sorted(range(len(binning.levels)), key=lambda slot: _natural(binning.levels[slot]))
    ordered = np.array([*by_name, binning.slots - 1])
    scores = dict(zip(ordered.tolist(), _normal_scores(rows[ordered]), strict=False))
    return tuple(scores[slot] if rows[slot] else 0 for slot in range(binning.slots)) if scores else ()


def _natural(name: str) -> tuple[float, str]:
    """Numbers by size, before all other names."""
    try:
        value = float(name)
    except ValueError:
        return math.inf, name
    return (value, name) if math.isfinite(value) else (math.inf, name)


def _most_correlated(
    features: Mapping[str, Column],
    binnings: Mapping[str, ColumnBinning],
    scores: Mapping[str, tuple[int, ...]],
    room: int,
) -> list[str]:
    """Those whose strongest correlation with another is the strongest, in their own order."""
    names = list(scores)
    rows = min(MOST_SAMPLED, len(features[names[0]]))
    matrix = np.empty((len(names), rows))
    for place, name in enumerate(names):
        counting = counter(binnings[name], np.asarray(scores[name], np.float64))
        count(counting, _head(features[name], rows), matrix[place])
    with np.errstate(invalid="ignore", divide="ignore"):
        strength = np.nan_to_num(np.abs(np.corrcoef(matrix)))
    np.fill_diagonal(strength, 0.0)
    strongest = sorted(range(len(names)), key=lambda place: (-round(float(strength[place].max()), 6), place))[:room]
    return [names[place] for place in sorted(strongest)]


def _head(column: Column, rows: int) -> Column:
    """The first rows of a column."""
    if isinstance(column, NumberColumn):
        return replace(column, values=column.values[:rows])
    return replace(column, codes=column.codes[:rows]) if isinstance(column, CategoryColumn) else column
