"""Metrics of what the model answers, whatever turned out to be true: they need no labels.

Definitions are Clarify's, but for SPD, the literature's name for −DPPL.
"""

from __future__ import annotations

from watchkeeper.bias.metric import Basis, Scale, Stage, Unit, metric
from watchkeeper.bias.of_labels import disparity
from watchkeeper.bias.sides import Floats, Sides, ratio

_MODEL, _PREDICTIONS = Stage.MODEL, Basis.PREDICTIONS
_LESS, _MORE = "is predicted positive {x} less often than", "is predicted positive {x} more often than"


def _accepted_of_favoured(sides: Sides) -> Floats:
    return sides.a.predictions[1, ...]


@metric("DPPL", "difference in positive proportions in predicted labels", _MODEL, _PREDICTIONS, (_LESS, _MORE))
def predicted_difference(sides: Sides) -> Floats:
    """q′ₐ − q′_d"""
    return sides.a.predicted_share - sides.d.predicted_share


@metric(
    "DI",
    "disparate impact",
    _MODEL,
    _PREDICTIONS,
    ("is predicted positive {x} times as often as", "is predicted positive {x} times as often as"),
    unit=Unit.RATIO,
    scale=Scale.LOGARITHM,
    needs=_accepted_of_favoured,
)
def disparate_impact(sides: Sides) -> Floats:
    """q′_d/q′ₐ

    The four-fifths rule (Uniform Guidelines on Employee Selection Procedures, 1978) asks for 0.8 or more.
    """
    return ratio(sides.d.predicted_share, sides.a.predicted_share)


@metric(
    "CDDPL",
    "conditional demographic disparity in predicted labels",
    _MODEL,
    _PREDICTIONS,
    (
        "makes up {x} more of the negative predictions than of the positive ones, within strata, beside",
        "makes up {x} less of the negative predictions than of the positive ones, within strata, beside",
    ),
    stratified=True,
)
def conditional_predicted_disparity(sides: Sides) -> Floats:
    """(1/n) Σᵢ nᵢ·DD′ᵢ over strata i, DD′ = n′_d⁽⁰⁾/n′⁽⁰⁾ − n′_d⁽¹⁾/n′⁽¹⁾"""
    return disparity(sides.a.strata_predictions, sides.d.strata_predictions)


@metric("SPD", "statistical parity difference", _MODEL, _PREDICTIONS, (_MORE, _LESS))
def statistical_parity(sides: Sides) -> Floats:
    """q′_d − q′ₐ, which is −DPPL"""
    return sides.d.predicted_share - sides.a.predicted_share
