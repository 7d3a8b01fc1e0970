"""What is known of a bias metric beside its formula: its neutral value, the scale it is judged on, its words.

A metric is one pure function of `Sides`, made a `Metric` by the decorator `metric`; the first line of its docstring is
its formula. Each is judged on the scale on which random draws of it look normal, with its neutral value at 0 there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import TypeAlias

import numpy as np

from watchkeeper.bias.sides import Floats, Side, Sides

Formula: TypeAlias = Callable[[Sides], Floats]


class Stage(StrEnum):
    """Whether a metric is about the data or about what the model makes of them."""

    DATA = "before training"
    MODEL = "after training"


class Basis(StrEnum):
    """Which rows a metric is about."""

    ROWS = "rows"
    LABELS = "rows with a label"
    PREDICTIONS = "rows with a prediction"
    BOTH = "rows with a label and a prediction"

    def rows(self, side: Side) -> Floats:
        """How many a group has."""
        return {
            Basis.ROWS: side.rows,
            Basis.LABELS: side.labelled,
            Basis.PREDICTIONS: side.predicted,
            Basis.BOTH: side.judged,
        }[self]


class Unit(StrEnum):
    """What a metric is measured in: each has a tolerance of its own."""

    SHARE = "difference of shares"
    RATIO = "ratio of shares"
    COUNTS = "difference of ratios of counts"


class Scale(StrEnum):
    """How a value is brought to the scale on which it is judged; its neutral value becomes 0."""

    PLAIN = "plain"
    LOGARITHM = "logarithm"
    ROOT = "root"

    def forward(self, values: Floats) -> Floats:
        """Onto the scale; a root keeps its sign."""
        if self is Scale.LOGARITHM:
            with np.errstate(divide="ignore"):
                logs: Floats = np.log(values)
            return logs
        return np.sign(values) * np.sqrt(np.abs(values)) if self is Scale.ROOT else values

    def back(self, values: Floats) -> Floats:
        """From the scale to values."""
        if self is Scale.LOGARITHM:
            return np.exp(values)
        return np.sign(values) * np.square(values) if self is Scale.ROOT else values


@dataclass(frozen=True)
class Metric:
    """One bias metric.

    Attributes
    ----------
    short, name : "DPL", "difference in proportions of labels"
    formula : as published, a: favoured, d: disfavoured
    basis : the rows it is about, which tells whether it needs labels or predictions
    above, below : what a value above or below neutral says of group d, between its name and that of group a
    needs : the least of the counts that it divides by, besides all rows of its basis
    per_share : its value on its scale, in the limit, for each unit by which two shares differ
    distance : it has no sign of its own; draws of it take that of qₐ − q_d, or they would never come near 0
    tolerated : whether there is a value that it ought to have; the others are told, and compared with the baseline
    stratified : it compares within strata
    """

    short: str
    name: str
    formula: str
    stage: Stage
    basis: Basis
    above: str
    below: str
    compute: Formula
    unit: Unit = Unit.SHARE
    scale: Scale = Scale.PLAIN
    needs: Formula | None = None
    per_share: float = 1.0
    distance: bool = False
    tolerated: bool = True
    stratified: bool = False

    @property
    def neutral(self) -> float:
        """The value where both groups are alike."""
        return 1.0 if self.scale is Scale.LOGARITHM else 0.0

    def rows(self, sides: Sides) -> int:
        """Rows of its basis in the smaller group."""
        return int(min(self.basis.rows(sides.a), self.basis.rows(sides.d)))

    def value(self, sides: Sides) -> float:
        """Of counts without further dimensions."""
        return float(self.compute(sides))

    def on_scale(self, sides: Sides) -> Floats:
        """Of any number of draws, on the scale on which they are judged."""
        values = self.compute(sides)
        if self.distance:
            values = values * np.sign(sides.a.label_share - sides.d.label_share)
        return self.scale.forward(values)

    def from_scale(self, low: float, high: float) -> tuple[float, float]:
        """The values of an interval on the scale; a distance whose sign is not sure goes down to 0."""
        ends = self.scale.back(np.array([low, high]))
        if not self.distance:
            return float(ends[0]), float(ends[1])
        sizes: Floats = np.abs(ends)
        return (0.0 if low <= 0 <= high else float(np.min(sizes))), float(np.max(sizes))


def in_both(*counts: Callable[[Side], Floats]) -> Formula:
    """The least of some counts in either group."""

    def least(sides: Sides) -> Floats:
        smallest: Floats = reduce(np.minimum, (count(side) for count in counts for side in (sides.a, sides.d)))
        return smallest

    return least


def metric(
    short: str,
    name: str,
    stage: Stage,
    basis: Basis,
    words: tuple[str, str],
    *,
    unit: Unit = Unit.SHARE,
    scale: Scale = Scale.PLAIN,
    needs: Formula | None = None,
    per_share: float = 1.0,
    distance: bool = False,
    tolerated: bool = True,
    stratified: bool = False,
) -> Callable[[Formula], Metric]:
    """Make a metric of its formula, whose docstring's first line says it; `words` are `Metric.above` and `below`."""

    def made(compute: Formula) -> Metric:
        formula = (compute.__doc__ or "").split("\n", 1)[0]
        return Metric(
            short,
            name,
            formula,
            stage,
            basis,
            *words,
            compute,
            unit=unit,
            scale=scale,
            needs=needs,
            per_share=per_share,
            distance=distance,
            tolerated=tolerated,
            stratified=stratified,
        )

    return made
