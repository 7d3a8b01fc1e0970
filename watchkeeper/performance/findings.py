"""What the performance monitor found in one window, typed: stored as JSON, told in messages, drawn in reports.

As everywhere, a finding needs both evidence, corrected over all that was looked at, and a size that matters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.performance.metric import Name
from watchkeeper.spec import Task

FORMAT = 1


class Verdict(StrEnum):
    """What a look came to."""

    GOOD = "good"
    WORSE = "worse"
    CONCEPT_DRIFT = "concept drift"
    """Labels no longer follow scores as they did, while no metric has fallen enough to matter."""
    INSUFFICIENT_DATA = "insufficient data"


class Direction(StrEnum):
    """How labels differ from what the baseline lets expect of the same predictions."""

    HIGHER = "higher"
    LOWER = "lower"
    MIXED = "mixed"


@dataclass(frozen=True)
class MetricFinding:
    """One metric of the window beside the baseline's.

    Attributes
    ----------
    fall : how much worse it is, in the metric's unit; negative where it is better
    floor : the fall that matters, in the same unit
    p_value : one-sided, of this metric alone
    corrected_p : corrected over everything the look tests: evidence when below the look's alpha
    """

    name: Name
    before: float
    after: float
    fall: float
    floor: float
    n: int
    p_value: float
    corrected_p: float
    fell: bool
    summary: str


@dataclass(frozen=True)
class SegmentFinding:
    """One cell of a feature in which predictions are worse.

    Attributes
    ----------
    n, share : its labelled rows in the window, and their share of all labelled
    loss, reference : its mean loss, and the one it is compared with
    harm : share × (loss - reference): how much of the window's mean loss it accounts for
    corrected_p : Holm's, over all cells tested
    """

    feature: str
    cell: str
    n: int
    share: float
    loss: float
    reference: float
    harm: float
    p_value: float
    corrected_p: float
    worse: bool
    summary: str

    @property
    def excess(self) -> float:
        """How much larger its loss is."""
        return self.loss - self.reference


@dataclass(frozen=True)
class ConceptCell:
    """Where labels differ from what is to be expected: a range of scores, or a cell of a feature.

    Attributes
    ----------
    expected, observed : mean label, or mean error of a regression
    effect : the difference in standard deviations of a label given its prediction, debiased; signed
    """

    feature: str
    cell: str
    n: int
    expected: float
    observed: float
    effect: float
    p_value: float


@dataclass(frozen=True)
class ConceptFinding:
    """Whether P(y | x) changed, given P(x).

    Attributes
    ----------
    p_value, corrected_p : of all its tests together; corrected over everything the look tests
    level, form : effects: of all labels together being higher or lower, and of the relation of label and prediction
    floor : what either must exceed, or a cell of a feature twice of it
    cells : those that changed most, most first
    unsupported : share of the labelled rows whose scores the baseline has no labels for: nothing is known of them
    """

    p_value: float
    corrected_p: float
    level: float
    form: float
    floor: float
    direction: Direction
    changed: bool
    cells: tuple[ConceptCell, ...]
    unsupported: float
    summary: str


@dataclass(frozen=True)
class PerformanceFindings:
    """The outcome of one look of the performance monitor.

    Attributes
    ----------
    binning : id of the cells that baseline and window were counted over
    alpha : chance of any false alarm that the look had
    metrics : all that both sides have
    fallen : segments that are worse than in the baseline, the most harmful first
    weakest : segments that are worse than the rest of the window, likewise; no alarm, for they may always have been
    tested_segments : cells with enough labelled rows
    """

    task: Task
    binning: str
    rows: int
    labelled: int
    alpha: float
    verdict: Verdict
    metrics: tuple[MetricFinding, ...] = ()
    fallen: tuple[SegmentFinding, ...] = ()
    weakest: tuple[SegmentFinding, ...] = ()
    concept: ConceptFinding | None = None
    tested_segments: int = 0

    @property
    def fell(self) -> tuple[MetricFinding, ...]:
        """The metrics that fell, most in terms of their floors first."""
        found = (each for each in self.metrics if each.fell)
        return tuple(sorted(found, key=lambda each: -each.fall / (each.floor or each.fall)))

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> PerformanceFindings:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no findings of this format.
        """
        try:
            document = jsonio.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            document |= {"task": Task(document["task"]), "verdict": Verdict(document["verdict"])}
            document["metrics"] = tuple(
                MetricFinding(**{**each, "name": Name(each["name"])}) for each in document["metrics"]
            )
            for name in ("fallen", "weakest"):
                document[name] = tuple(SegmentFinding(**each) for each in document[name])
            document["concept"] = document["concept"] and _concept(document["concept"])
            return cls(**document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is no outcome of the performance monitor ({error!r}): it is written anew at its next look."
            ) from error


def _concept(document: Mapping[str, Any]) -> ConceptFinding:
    cells = tuple(ConceptCell(**each) for each in document["cells"])
    return ConceptFinding(**{**document, "direction": Direction(document["direction"]), "cells": cells})
