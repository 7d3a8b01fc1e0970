"""Concept drift: did P(y | x) change, given P(x)? Marginals cannot show it, and a fallen metric does not prove it.

Three questions, each with its part of the evidence. Level: are labels as a whole higher or lower than the predictions
of the window let expect? Form: does the relation of prediction and label differ over the range of predictions, as when
a slope flips while all means stay? Segments: do labels differ in a cell of a feature from what its predictions let
expect, by other amounts than they did in the baseline, where a model may have been off as well?

All three look at P(y | prediction) and P(y | prediction, cell), for the counts hold no more of x. Where a model leaves
out what its features tell, covariate shift within a cell moves them too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from watchkeeper.drift import budget, tails
from watchkeeper.drift.evidence import two_sided
from watchkeeper.outcomes import Outcomes
from watchkeeper.outcomes.regression import ErrorSegments
from watchkeeper.performance import strata
from watchkeeper.performance.findings import ConceptCell, ConceptFinding, Direction
from watchkeeper.performance.settings import CompareSettings
from watchkeeper.performance.strata import Strata
from watchkeeper.profile.layout import Floats

LEVEL, FORM, SEGMENTS = 0.35, 0.35, 0.3
"""Shares of the evidence; that of segments is divided over the cells tested."""
SEGMENT_TIMES = 2.0
"""A cell of a feature must exceed so many times the floor: of many cells, some are off by more."""
PREDICTIONS = "prediction"


@dataclass(frozen=True)
class Residuals:
    """Mean of label less expected label in each cell of each feature; all of shape (cells,).

    Attributes
    ----------
    n : labelled rows
    mean : of their residuals
    variance : of a single residual
    expected : mean of what was to be expected
    """

    n: Floats
    mean: Floats
    variance: Floats
    expected: Floats

    @classmethod
    def of(cls, outcomes: Outcomes) -> Residuals:
        """Labels against predictions: calibrated scores of a classifier, the values of a regression.

        A segment whose share of positives is nearer to one half than its scores say has residuals of more variance than
        these say, and gets it.
        """
        if outcomes.binning.errors is not None:
            return cls._of_numbers(outcomes.errors.by_segment())
        cells = outcomes.scores.by_segment()
        n = cells.labelled.astype(np.float64)
        rows = np.maximum(n, 1.0)
        share, expected = cells.positive / rows, cells.calibrated / rows
        said = np.maximum(expected * (1 - expected), 1e-12)
        factor = np.maximum(share * (1 - share) / said, 1.0)
        return cls(n, share - expected, cells.variance / rows * factor, expected)

    @classmethod
    def _of_numbers(cls, cells: ErrorSegments) -> Residuals:
        n = cells.labelled.astype(np.float64)
        rows = np.maximum(n, 1.0)
        mean = -cells.error / rows
        return cls(n, mean, np.maximum(cells.squares / rows - np.square(mean), 0.0), np.zeros(len(n)))


def changed(baseline: Outcomes, window: Outcomes, settings: CompareSettings, share: float) -> ConceptFinding:
    """Whether labels follow predictions as they did; `share` is the part of alpha that the question has."""
    found = strata.of_predictions(baseline, window)
    segments = _segments(baseline, window, found, settings)
    p_level, p_form = found.p_values(settings.overdispersion)
    p_segments = np.array([cell.p_value for cell in segments])
    p_value = _together(p_level, p_form, p_segments)
    corrected = min(1.0, p_value / share)
    level, form = found.effects()
    floor = settings.concept_floor
    alone = settings.alpha * share
    sure_cells = [cell for cell in segments if cell.p_value * len(segments) < alone]
    matters = (
        (p_level < alone and abs(level) > floor)
        or (p_form < alone and form > floor)
        or any(abs(cell.effect) > SEGMENT_TIMES * floor for cell in sure_cells)
    )
    cells = _most_changed(_of_strata(found), sure_cells, settings.most_cells)
    direction = _direction(level, form, cells)
    is_changed = corrected < settings.alpha and matters
    return ConceptFinding(
        p_value=p_value,
        corrected_p=corrected,
        level=level,
        form=form,
        floor=floor,
        direction=direction,
        changed=is_changed,
        cells=cells,
        unsupported=found.unsupported,
        summary=_summary(_nouns(window), is_changed, direction, cells, found.unsupported),
    )


def _together(p_level: float, p_form: float, p_segments: Floats) -> float:
    """All tests by the Cauchy combination."""
    parts = [(LEVEL, np.array([p_level])), (FORM, np.array([p_form])), (SEGMENTS, p_segments)]
    held = [(weight, p) for weight, p in parts if len(p)]
    total = sum(weight * float(budget.tangent(p).mean()) for weight, p in held)
    return budget.p_value(total / sum(weight for weight, _ in held))


def _segments(
    baseline: Outcomes, window: Outcomes, found: Strata, settings: CompareSettings
) -> tuple[ConceptCell, ...]:
    """Each cell of a feature with enough labelled rows on both sides."""
    before, after = Residuals.of(baseline), Residuals.of(window)
    cells = []
    for place, name in enumerate(window.binning.segments.names()):
        n, m = float(after.n[place]), float(before.n[place])
        if min(n, m) < max(settings.minimum_segment, 2):
            continue
        difference = float(after.mean[place] - before.mean[place])
        sampling = float(after.variance[place] / n + before.variance[place] / m)
        spread = (sampling + found.slack) * settings.overdispersion
        z = difference / math.sqrt(spread) if spread > 0 else 0.0
        effect = math.sqrt(max(z * z - 1, 0.0) * (1 / n + 1 / m))
        expected = float(after.expected[place] + before.mean[place])
        cells.append(
            ConceptCell(
                feature=name.feature,
                cell=name.cell,
                n=int(n),
                expected=expected,
                observed=expected + difference,
                effect=math.copysign(effect, z),
                p_value=float(tails.student(abs(z), min(n, m) - 1)[0]) * 2,
            )
        )
    return tuple(cells)


def _of_strata(found: Strata) -> list[ConceptCell]:
    p = two_sided(found.z)
    size = np.sqrt(np.maximum(np.square(found.z) - 1, 0.0) / np.maximum(found.size, 1e-9))
    effects = np.copysign(size, found.z)
    return [
        ConceptCell(
            feature=PREDICTIONS,
            cell=found.labels[place],
            n=int(found.n[place]),
            expected=float(found.expected[place]),
            observed=float(found.observed[place]),
            effect=float(effects[place]),
            p_value=float(p[place]),
        )
        for place in range(len(found.labels))
    ]


def _most_changed(scores: list[ConceptCell], segments: list[ConceptCell], most: int) -> tuple[ConceptCell, ...]:
    """The ranges of scores and the cells of features that changed most, half of each where there are enough."""
    ranked = [sorted(cells, key=lambda cell: (cell.p_value, -abs(cell.effect))) for cells in (scores, segments)]
    from_segments = ranked[1][: max(most // 2, most - len(scores))]
    kept = ranked[0][: most - len(from_segments)]
    return (*(cell for cell in kept if cell.effect), *from_segments)


def _direction(level: float, form: float, cells: tuple[ConceptCell, ...]) -> Direction:
    """Where labels went; mixed when the form changed more than the level, and cells differ in sign."""
    signs = {cell.effect > 0 for cell in cells if cell.effect}
    if len(signs) > 1 and form > abs(level):
        return Direction.MIXED
    return Direction.HIGHER if level > 0 or signs == {True} else Direction.LOWER


def _nouns(window: Outcomes) -> str:
    """What is counted: of a multiclass model, rows that are right, and their scores are confidences."""
    return "labels" if window.binning.classes is None else "shares of right answers"


def _summary(
    nouns: str, is_changed: bool, direction: Direction, cells: tuple[ConceptCell, ...], unsupported: float
) -> str:
    beyond = (
        f"; {unsupported:.0%} of the labelled rows have scores that the baseline has not" if unsupported > 0.05 else ""
    )
    if not is_changed or not cells:
        return f"{nouns} follow predictions as they did{beyond}"
    where = ", ".join(f"{cell.feature} {cell.cell}: {cell.expected:.3g} → {cell.observed:.3g}" for cell in cells[:3])
    what = "differ both ways from" if direction is Direction.MIXED else f"are {direction} than"
    return f"{nouns} {what} what the same predictions meant before (most: {where}){beyond}"
