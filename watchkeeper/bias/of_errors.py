"""Metrics of how the model errs: predictions beside what turned out to be true, of rows that have both.

Definitions are Clarify's, but for the equal opportunity and average odds differences of the literature.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.bias.metric import Basis, Stage, Unit, in_both, metric
from watchkeeper.bias.sides import Floats, Side, Sides, difference, ratio

_MODEL, _BOTH = Stage.MODEL, Basis.BOTH
_RECOGNISED_LESS = "has its positives recognised {x} less often than"
_RECOGNISED_MORE = "has its positives recognised {x} more often than"


def _positives(side: Side) -> Floats:
    return side.positives


def _negatives(side: Side) -> Floats:
    return side.negatives


def _predicted_positives(side: Side) -> Floats:
    return side.predicted_positives


def _predicted_negatives(side: Side) -> Floats:
    return side.predicted_negatives


def _false_positives(side: Side) -> Floats:
    return side.false_positives


@metric(
    "DCAcc",
    "difference in conditional acceptance",
    _MODEL,
    _BOTH,
    (
        "has {x} fewer positive labels for each positive prediction than",
        "has {x} more positive labels for each positive prediction than",
    ),
    unit=Unit.COUNTS,
    needs=in_both(_predicted_positives),
)
def conditional_acceptance(sides: Sides) -> Floats:
    """nₐ⁽¹⁾/n′ₐ⁽¹⁾ − n_d⁽¹⁾/n′_d⁽¹⁾"""
    a, d = (ratio(side.positives, side.predicted_positives) for side in (sides.a, sides.d))
    return difference(a, d)


@metric(
    "DCR",
    "difference in conditional rejection",
    _MODEL,
    _BOTH,
    (
        "has {x} more negative labels for each negative prediction than",
        "has {x} fewer negative labels for each negative prediction than",
    ),
    unit=Unit.COUNTS,
    needs=in_both(_predicted_negatives),
)
def conditional_rejection(sides: Sides) -> Floats:
    """n_d⁽⁰⁾/n′_d⁽⁰⁾ − nₐ⁽⁰⁾/n′ₐ⁽⁰⁾"""
    a, d = (ratio(side.negatives, side.predicted_negatives) for side in (sides.a, sides.d))
    return difference(d, a)


@metric(
    "SD",
    "specificity difference",
    _MODEL,
    _BOTH,
    ("has its negatives recognised {x} more often than", "has its negatives recognised {x} less often than"),
    needs=in_both(_negatives),
)
def specificity_difference(sides: Sides) -> Floats:
    """TNR_d − TNRₐ"""
    return sides.d.specificity - sides.a.specificity


@metric("RD", "recall difference", _MODEL, _BOTH, (_RECOGNISED_LESS, _RECOGNISED_MORE), needs=in_both(_positives))
def recall_difference(sides: Sides) -> Floats:
    """TPRₐ − TPR_d"""
    return sides.a.recall - sides.d.recall


@metric(
    "DAR",
    "difference in acceptance rates",
    _MODEL,
    _BOTH,
    (
        "has positive predictions come true {x} less often than",
        "has positive predictions come true {x} more often than",
    ),
    needs=in_both(_predicted_positives),
)
def acceptance_rates(sides: Sides) -> Floats:
    """TPₐ/(TPₐ + FPₐ) − TP_d/(TP_d + FP_d)"""
    a, d = (ratio(side.true_positives, side.predicted_positives) for side in (sides.a, sides.d))
    return a - d


@metric(
    "DRR",
    "difference in rejection rates",
    _MODEL,
    _BOTH,
    (
        "has negative predictions come true {x} more often than",
        "has negative predictions come true {x} less often than",
    ),
    needs=in_both(_predicted_negatives),
)
def rejection_rates(sides: Sides) -> Floats:
    """TN_d/(TN_d + FN_d) − TNₐ/(TNₐ + FNₐ)"""
    a, d = (ratio(side.true_negatives, side.predicted_negatives) for side in (sides.a, sides.d))
    return d - a


@metric(
    "AD",
    "accuracy difference",
    _MODEL,
    _BOTH,
    ("is predicted correctly {x} less often than", "is predicted correctly {x} more often than"),
)
def accuracy_difference(sides: Sides) -> Floats:
    """ACCₐ − ACC_d, ACC = (TP + TN)/(TP + TN + FP + FN)"""
    a, d = (ratio(side.true_positives + side.true_negatives, side.judged) for side in (sides.a, sides.d))
    return a - d


@metric(
    "TE",
    "treatment equality",
    _MODEL,
    _BOTH,
    ("has {x} more missed positives for each false one than", "has {x} fewer missed positives for each false one than"),
    unit=Unit.COUNTS,
    needs=in_both(_false_positives),
)
def treatment_equality(sides: Sides) -> Floats:
    """FN_d/FP_d − FNₐ/FPₐ"""
    a, d = (ratio(side.false_negatives, side.false_positives) for side in (sides.a, sides.d))
    return difference(d, a)


@metric(
    "GE",
    "generalised entropy",
    _MODEL,
    _BOTH,
    (
        "gets benefits of which the inequality is {x}, counted together with",
        "gets benefits of which the inequality is {x}, counted together with",
    ),
    per_share=0.5,
    tolerated=False,
)
def generalised_entropy(sides: Sides) -> Floats:
    """Σ[(bᵢ/b̄)² − 1]/(2n), b = y′ − y + 1, over the rows of both groups

    A missed positive has b = 0, a right answer 1, a false positive 2: so n·b̄ = right + 2 FP and Σb² = right + 4 FP.
    It tells how unequally errors treat people, not whom they favour, so no value is demanded; 0 when all are missed.
    """
    right = sum(side.true_positives + side.true_negatives for side in (sides.a, sides.d))
    false = sides.a.false_positives + sides.d.false_positives
    n = sides.a.judged + sides.d.judged
    total = right + 2 * false
    spread = ratio(n * (right + 4 * false), np.square(total))
    return np.where(total > 0, (spread - 1) / 2, 0.0)


@metric(
    "EOD",
    "equal opportunity difference",
    _MODEL,
    _BOTH,
    (_RECOGNISED_MORE, _RECOGNISED_LESS),
    needs=in_both(_positives),
)
def equal_opportunity(sides: Sides) -> Floats:
    """TPR_d − TPRₐ, which is −RD (Hardt, Price & Srebro 2016)"""
    return sides.d.recall - sides.a.recall


@metric(
    "AOD",
    "average odds difference",
    _MODEL,
    _BOTH,
    (
        "is, at equal labels, predicted positive {x} more often than",
        "is, at equal labels, predicted positive {x} less often than",
    ),
    needs=in_both(_positives, _negatives),
)
def average_odds(sides: Sides) -> Floats:
    """½[(FPR_d − FPRₐ) + (TPR_d − TPRₐ)]"""
    return ((sides.d.fall_out - sides.a.fall_out) + (sides.d.recall - sides.a.recall)) / 2
