"""Rows into outcomes, so many at a time that float64 adds their whole units up exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from watchkeeper.outcomes import classes, classification, fixed, regression
from watchkeeper.outcomes.binning import OutcomeBinning
from watchkeeper.outcomes.outcomes import Outcomes
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.outcomes.scored import Scored
from watchkeeper.table import CategoryColumn, Column, NumberColumn, TimeColumn


def observe(binning: OutcomeBinning, rows: Labelled) -> Outcomes:
    """The outcomes of some rows.

    Raises
    ------
    ProfileError
        The rows lack a column that the bins need, or hold it as another kind.
    """
    outcomes = Outcomes.empty(binning)
    for part in _parts(rows):
        sections = outcomes.sections
        sections["rows"][0] += part.rows
        if binning.errors is not None:
            regression.count(part, binning.errors, binning.segments, sections)
            continue
        assert binning.calibration is not None  # every classifier's bins have one
        scored = Scored.binary(part) if binning.classes is None else Scored.multiclass(part)
        classification.count(scored, part.features, binning.calibration, binning.segments, sections)
        if binning.classes is not None:
            classes.count(part, binning.classes, sections)
    return outcomes


def _parts(rows: Labelled) -> Iterator[Labelled]:
    for start in range(0, rows.rows, fixed.ROWS_AT_ONCE):
        part = slice(start, min(start + fixed.ROWS_AT_ONCE, rows.rows))
        truth = _cut(rows.truth, part)
        assert not isinstance(truth, TimeColumn)
        yield Labelled(
            rows=part.stop - part.start,
            features={name: _cut(column, part) for name, column in rows.features.items()},
            predictions={name: _cut(column, part) for name, column in rows.predictions.items()},
            truth=truth,
            shares={name: np.asarray(values)[part] for name, values in rows.shares.items()},
        )


def _cut(column: Column, part: slice) -> Column:
    """Some rows of a column. Which of the values were invalid does not matter to outcomes."""
    if isinstance(column, NumberColumn):
        return NumberColumn(column.values[part])
    if isinstance(column, TimeColumn):
        return TimeColumn(column.seconds[part])
    return CategoryColumn(column.codes[part], column.levels)
