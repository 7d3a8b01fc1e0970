"""Counts of rows with scores and yes-or-no labels: what a binary model's metrics are made of (see `scored`).

| section | what it counts |
|---|---|
| decisions | rows by label and prediction, each absent, no or yes: the confusion matrix |
| expected | the calibrated probability of these rows, added up |
| scores, margins, unscored | rows by label and cell of the score: probabilities, what lies outside of 0–1, none |
| score sums | scores of the labelled rows of each probability cell, added up |
| losses | log losses and squared errors of the labelled rows with a probability, added up |
| segment … | for each cell of each feature, see `SegmentCounts` |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from watchkeeper.outcomes import fixed, grid
from watchkeeper.outcomes.calibration import Calibration
from watchkeeper.outcomes.scored import KINDS, NO, NONE, YES, Scored
from watchkeeper.outcomes.segments import Segments
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.table import Column

_PROBABLE = grid.PROBABILITIES.stop - grid.PROBABILITIES.start
_BEYOND = grid.CELLS - _PROBABLE
_SEGMENT_COUNTS = ("rows", "labelled", "scored", "positive", "true positive", "false positive")
_SEGMENT_SUMS = ("calibrated", "variance", "log loss", "squared error")
_KNOWN = 2
"""Whether a row has a probability: the last digit of its kind in `_count_segments`."""


def lengths(segments: Segments) -> dict[str, int]:
    """The sections of the vector, and how many integers each has."""
    parts = {f"segment {name}": segments.cells for name in (*_SEGMENT_COUNTS, *_SEGMENT_SUMS)}
    return {
        "decisions": KINDS * KINDS,
        "expected": KINDS * KINDS,
        "scores": KINDS * _PROBABLE,
        "margins": KINDS * _BEYOND,
        "unscored": KINDS,
        "score sums": _PROBABLE,
        "losses": 2,
        **parts,
    }


def count(
    rows: Scored,
    columns: Mapping[str, Column],
    calibration: Calibration,
    segments: Segments,
    into: Mapping[str, Integers],
) -> None:
    """Add at most `fixed.ROWS_AT_ONCE` rows to the sections."""
    decisions = rows.labels * KINDS + rows.predicted
    calibrated = calibration.weights[rows.places]
    into["decisions"][:] += np.bincount(decisions, minlength=KINDS * KINDS)
    into["expected"][:] += fixed.summed(decisions, calibrated, KINDS * KINDS)
    histogram = np.bincount(rows.labels * grid.PLACES + rows.places, minlength=KINDS * grid.PLACES)
    _add_histogram(histogram.reshape(KINDS, grid.PLACES), into)
    log_loss, squares = rows.losses()
    counted = rows.known & (rows.labels != NONE)
    sums = fixed.summed(rows.places[counted], fixed.units(rows.scores[counted]), grid.PLACES)
    into["score sums"][:] += sums[grid.PROBABILITIES]
    into["losses"][:] += np.array([log_loss.sum(), squares.sum()]).astype(np.int64)
    _count_segments(rows, columns, calibrated, (log_loss, squares), segments, into)


def _add_histogram(histogram: Integers, into: Mapping[str, Integers]) -> None:
    into["scores"][:] += histogram[:, grid.PROBABILITIES].ravel()
    beyond = histogram[:, : grid.PROBABILITIES.start], histogram[:, grid.PROBABILITIES.stop : grid.CELLS]
    into["margins"][:] += np.concatenate(beyond, axis=1).ravel()
    into["unscored"][:] += histogram[:, grid.UNSCORED]


def _count_segments(
    rows: Scored,
    columns: Mapping[str, Column],
    calibrated: Floats,
    losses: tuple[Floats, Floats],
    segments: Segments,
    into: Mapping[str, Integers],
) -> None:
    judged = (rows.labels != NONE) & (rows.predicted != NONE)
    variance = fixed.units(calibrated / fixed.UNITS * (1 - calibrated / fixed.UNITS))
    weights = (calibrated, variance, *losses)
    kinds = (rows.labels * KINDS + rows.predicted) * _KNOWN + rows.known
    found, sums = segments.count(
        columns, kinds, KINDS * KINDS * _KNOWN, (np.where(judged, weight, 0.0) for weight in weights)
    )
    cube = found.reshape(-1, KINDS, KINDS, _KNOWN)
    known = cube[:, NO:, NO:, :]
    counts = (
        cube.sum(axis=(1, 2, 3)),
        known.sum(axis=(1, 2, 3)),
        known[..., 1].sum(axis=(1, 2)),
        cube[:, YES, NO:, :].sum(axis=(1, 2)),
        cube[:, YES, YES, :].sum(axis=1),
        cube[:, NO, YES, :].sum(axis=1),
    )
    for name, values in zip((*_SEGMENT_COUNTS, *_SEGMENT_SUMS), (*counts, *sums), strict=True):
        into[f"segment {name}"][:] += values


@dataclass(frozen=True)
class SegmentCounts:
    """Each cell of each feature, all of shape (cells,); from `labelled` on, of rows with label and prediction.

    Attributes
    ----------
    rows, labelled : all rows of the cell; those with label and prediction
    scored : of these, with a probability
    positive, true_positive, false_positive : by label, and by label and prediction
    calibrated : sum of what the baseline's calibration makes of the scores
    variance : sum of c(1 - c) for the calibrated probability c: variance of the number of positive rows, if it holds
    log_loss, squared_error : sums over the `scored`
    """

    segments: Segments
    rows: Integers
    labelled: Integers
    scored: Integers
    positive: Integers
    true_positive: Integers
    false_positive: Integers
    calibrated: Floats
    variance: Floats
    log_loss: Floats
    squared_error: Floats

    @property
    def false_negative(self) -> Integers:
        """Positive rows that were predicted negative."""
        return self.positive - self.true_positive

    @property
    def true_negative(self) -> Integers:
        """Negative rows that were predicted negative."""
        return self.labelled - self.positive - self.false_positive

    @property
    def errors(self) -> Integers:
        """Rows predicted other than they turned out."""
        return self.false_negative + self.false_positive


@dataclass(frozen=True)
class ScoreCounts:
    """A view of the sections, in the units that metrics take."""

    sections: Mapping[str, Integers]
    segments: Segments

    @cached_property
    def decisions(self) -> Integers:
        """Rows by label and prediction, of shape (3, 3), each in the order NONE, NO, YES."""
        return self.sections["decisions"].reshape(KINDS, KINDS)

    @cached_property
    def expected(self) -> Floats:
        """Calibrated probability of the same rows, added up: how many of them are to be expected positive."""
        return self.sections["expected"].reshape(KINDS, KINDS) / fixed.UNITS

    @cached_property
    def histogram(self) -> Integers:
        """Rows by label and place of the score, of shape (3, PLACES)."""
        margins = self.sections["margins"].reshape(KINDS, _BEYOND)
        split = grid.PROBABILITIES.start
        parts = (
            margins[:, :split],
            self.sections["scores"].reshape(KINDS, _PROBABLE),
            margins[:, split:],
            self.sections["unscored"][:, None],
        )
        return np.concatenate(parts, axis=1)

    @property
    def confusion(self) -> Integers:
        """Rows with label and prediction: [[TN, FP], [FN, TP]]."""
        return self.decisions[NO:, NO:]

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return int(self.decisions[NO:].sum())

    @property
    def probable(self) -> Integers:
        """Labelled rows of each cell of probabilities, negative and positive: shape (2, cells)."""
        return self.histogram[NO:, grid.PROBABILITIES]

    @property
    def beyond(self) -> int:
        """Labelled rows with a score that is no probability."""
        return int(self.sections["margins"].reshape(KINDS, _BEYOND)[NO:].sum())

    @property
    def unscored(self) -> int:
        """Labelled rows without a score."""
        return int(self.sections["unscored"][NO:].sum())

    @property
    def score_sums(self) -> Floats:
        """Scores of the labelled rows of each probability cell, added up."""
        return self.sections["score sums"] / fixed.UNITS

    @property
    def log_loss(self) -> float:
        """Log losses of the labelled rows with a probability, added up."""
        return float(self.sections["losses"][0] / fixed.UNITS)

    @property
    def squared_error(self) -> float:
        """Squared differences of their scores and labels, added up."""
        return float(self.sections["losses"][1] / fixed.UNITS)

    def by_segment(self) -> SegmentCounts:
        """Each cell of each feature."""
        sections = self.sections
        rows, labelled, scored, positive, hits, false = (sections[f"segment {name}"] for name in _SEGMENT_COUNTS)
        calibrated, variance, log_loss, squares = (sections[f"segment {name}"] / fixed.UNITS for name in _SEGMENT_SUMS)
        return SegmentCounts(
            self.segments, rows, labelled, scored, positive, hits, false, calibrated, variance, log_loss, squares
        )
