"""Outcomes into metrics."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.outcomes import Outcomes
from watchkeeper.performance import decisions, probabilities
from watchkeeper.performance.measured import Confusion, Performance


@dataclass(frozen=True)
class MeasureSettings:
    """How metrics are computed.

    Attributes
    ----------
    confidence : of every interval, two-sided
    beta : weight of recall in F-beta
    top_share : share of the rows that precision at k looks at, the highest scores first
    calibration_bins : of equal mass, for the expected calibration error
    """

    confidence: float = 0.95
    beta: float = 1.0
    top_share: float = 0.1
    calibration_bins: int = 15


DEFAULTS = MeasureSettings()


def measure(outcomes: Outcomes, settings: MeasureSettings = DEFAULTS) -> Performance:
    """Every metric of the labelled rows; one that cannot be computed says why."""
    counts = outcomes.scores
    return Performance(
        task=outcomes.binning.task,
        rows=outcomes.rows,
        labelled=counts.labelled,
        metrics=(
            *decisions.binary(counts.confusion, settings.beta, settings.confidence),
            *probabilities.of_ranking(counts, settings.top_share, settings.confidence),
            *probabilities.of_probabilities(counts, settings.calibration_bins, settings.confidence),
        ),
        confusion=Confusion((NEGATIVE, POSITIVE), tuple(tuple(row) for row in counts.confusion.tolist())),
        notes=_notes(counts.labelled - int(counts.confusion.sum()), counts.unscored, counts.beyond),
    )


def _notes(undecided: int, unscored: int, beyond: int) -> tuple[str, ...]:
    """What labelled rows some metrics leave out."""
    found = (
        (undecided, "without a prediction: in no metric of decisions"),
        (unscored, "without a score: in no metric of scores"),
        (beyond, "with a score outside 0–1: in no metric of probabilities"),
    )
    return tuple(f"{rows} labelled row(s) {what}" for rows, what in found if rows)
