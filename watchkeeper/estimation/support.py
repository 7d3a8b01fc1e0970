"""When an estimate must not be trusted: rows where the baseline has nothing to teach.

An estimate assumes that P(y | x) is as it was, and that the baseline had rows like the window's. The first cannot be
seen without labels. The second can: a score or a prediction beyond the baseline's, and a cell of a feature that holds
several times the share of rows it had, if it has no end (other categories, the outermost eighths of a number), or if
the baseline had too few rows in it to learn from (a category, missing values).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import PREDICTED_VALUE
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.settings import EstimateSettings
from watchkeeper.outcomes import Outcomes, grid
from watchkeeper.outcomes.partition import CategoryPartition, NumberPartition, Partition
from watchkeeper.outcomes.regression import PREDICTED
from watchkeeper.outcomes.scored import YES
from watchkeeper.spec import Task

SCORE = "score"
_MOST_MISPLACED = 0.005
"""Share of rows expected positive by which the decisions may differ from those of a threshold on the score."""


class Unsupported(NamedTuple):
    """Share of the rows that the baseline says nothing of, as one feature (or the score) has it."""

    feature: str
    share: float


def unsupported(window: Outcomes, estimator: Estimator, settings: EstimateSettings) -> tuple[Unsupported, ...]:
    """Features with rows in unknown land, the most first."""
    total, learnt = max(window.rows, 1), max(estimator.labelled, 1)
    shares = window.sections["segment rows"] / total
    usual = settings.crowded * (estimator.cells + 1) / learnt
    segments = window.binning.segments
    endless = np.concatenate([_endless(each) for each in segments.partitions.values()] or [np.zeros(0, np.bool_)])
    beyond = np.where((shares > usual) & (endless | (estimator.cells < settings.few)), shares - usual, 0.0)
    found = {name: float(beyond[part].sum()) for name, part in zip(segments.partitions, segments.parts, strict=True)}
    if window.binning.task is Task.REGRESSION:
        counts = window.errors.histograms[PREDICTED].counts
        outside = int(counts[0] + counts[-1]) if len(counts) > 1 else 0
        found[PREDICTED_VALUE] = max(found.get(PREDICTED_VALUE, 0.0), outside / total - 2 / learnt)
    else:
        found[SCORE] = _scores_beyond(window, estimator) / total
    return tuple(
        Unsupported(name, min(share, 1.0)) for name, share in sorted(found.items(), key=lambda e: -e[1]) if share > 0
    )


def _endless(cells: Partition) -> NDArray[np.bool_]:
    """Which cells of a partition hold whatever comes."""
    found = np.zeros(cells.cells, np.bool_)
    if isinstance(cells, NumberPartition):
        found[[0, len(cells.edges)]] = True
    elif isinstance(cells, CategoryPartition):
        found[len(cells.levels)] = True
    return found


def _scores_beyond(window: Outcomes, estimator: Estimator) -> int:
    """Rows whose score lies below or above all of the baseline's."""
    held = np.flatnonzero(estimator.places[: grid.CELLS])
    rows = window.scores.histogram[:, : grid.CELLS].sum(axis=0)
    return int(rows[: held[0]].sum() + rows[held[-1] + 1 :].sum())


def warnings(
    window: Outcomes, beyond: tuple[Unsupported, ...], misplaced: float, settings: EstimateSettings
) -> tuple[str, ...]:
    """Why an estimate is not to be trusted, in words."""
    found = [
        f"{share:.0%} of the rows are where the baseline has few or none by {feature!r}: nothing is known of them"
        for feature, share in beyond
        if share > settings.most_unsupported
    ]
    if window.binning.task is not Task.REGRESSION:
        counted = window.scores.histogram.sum(axis=0)
        unscored = float(counted[grid.UNSCORED]) / max(window.rows, 1)
        if unscored > settings.most_unsupported:
            found.append(f"{unscored:.0%} of the rows have no score: the estimate is of the others")
        if misplaced > _MOST_MISPLACED:
            found.append("predicted labels do not follow a threshold on the score: metrics of decisions are rough")
    return tuple(found)


def misplaced(window: Outcomes, expected_positive: float) -> float:
    """How far the rows expected among the predicted positives are from those above a threshold, as a share of all."""
    counted = window.scores.expected[:, YES].sum()
    return abs(float(counted) - expected_positive) / max(window.rows, 1)
