"""Outcomes into metrics."""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.outcomes import Outcomes
from watchkeeper.outcomes.classes import OTHER
from watchkeeper.outcomes.scored import NO, YES
from watchkeeper.performance import decisions, multiclass, probabilities, regression
from watchkeeper.performance.measured import Confusion, Performance
from watchkeeper.spec import Task


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
    if outcomes.binning.task is Task.REGRESSION:
        return _regression(outcomes, settings)
    if outcomes.binning.task is Task.MULTICLASS:
        return _multiclass(outcomes, settings)
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


def _multiclass(outcomes: Outcomes, settings: MeasureSettings) -> Performance:
    counts, classes = outcomes.scores, outcomes.classes
    confusion = classes.confusion
    undecided = counts.labelled - int(counts.decisions[NO:, YES].sum())
    notes = [*_notes(undecided, counts.unscored, counts.beyond)]
    if classes.binning.shares and classes.rows < counts.labelled:
        rows = counts.labelled - classes.rows
        notes.append(f"{rows} labelled row(s) without probabilities of every class that add up to 1: in none of theirs")
    if OTHER in classes.names:
        notes.append(f"classes beyond the baseline's {len(classes.binning.names)} are taken as one, {OTHER!r}")
    return Performance(
        task=outcomes.binning.task,
        rows=outcomes.rows,
        labelled=counts.labelled,
        metrics=tuple(multiclass.metrics(counts, classes, settings.calibration_bins, settings.confidence)),
        confusion=Confusion(classes.names, tuple(tuple(row) for row in confusion.tolist())),
        notes=tuple(notes),
    )


def _regression(outcomes: Outcomes, settings: MeasureSettings) -> Performance:
    counts = outcomes.errors
    ratios, _, _ = counts.ratios
    found = (
        (counts.labelled - counts.n, "labelled row(s) without a prediction: in no metric"),
        (counts.n - ratios, "row(s) with a label of 0: not in MAPE"),
        (counts.cut, "value(s) too far out to be added up as they are: cut to the limits that the documentation names"),
    )
    return Performance(
        task=outcomes.binning.task,
        rows=outcomes.rows,
        labelled=counts.labelled,
        metrics=tuple(regression.metrics(counts, settings.confidence)),
        errors=regression.quantiles(counts),
        notes=tuple(f"{rows} {what}" for rows, what in found if rows),
    )


def _notes(undecided: int, unscored: int, beyond: int) -> tuple[str, ...]:
    """What labelled rows some metrics leave out."""
    found = (
        (undecided, "without a prediction: in no metric of decisions"),
        (unscored, "without a score: in no metric of scores"),
        (beyond, "with a score outside 0–1: in no metric of probabilities"),
    )
    return tuple(f"{rows} labelled row(s) {what}" for rows, what in found if rows)
