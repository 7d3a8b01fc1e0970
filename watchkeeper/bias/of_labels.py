"""Metrics of the data, before any model: how groups differ in size and in their labels.

Definitions are Clarify's. With two outcomes LP, TVD, KS, KL and JS are all functions of the two shares of positive
labels that DPL subtracts.
"""

from __future__ import annotations

import math

import numpy as np

from watchkeeper.bias.metric import Basis, Scale, Stage, metric
from watchkeeper.bias.sides import Floats, Sides, ratio

_DATA, _LABELS = Stage.DATA, Basis.LABELS
_APART = "has labels distributed {x} away from those of"


@metric(
    "CI",
    "class imbalance",
    _DATA,
    Basis.ROWS,
    ("has fewer rows, by {x} of both groups' rows, than", "has more rows, by {x} of both groups' rows, than"),
    tolerated=False,
)
def class_imbalance(sides: Sides) -> Floats:
    """(nₐ − n_d)/(nₐ + n_d)

    Groups differ in size as populations do, so no value is demanded.
    """
    return ratio(sides.a.rows - sides.d.rows, sides.a.rows + sides.d.rows)


@metric(
    "DPL",
    "difference in proportions of labels",
    _DATA,
    _LABELS,
    ("has positive labels {x} less often than", "has positive labels {x} more often than"),
)
def label_difference(sides: Sides) -> Floats:
    """qₐ − q_d"""
    return sides.a.label_share - sides.d.label_share


@metric(
    "KL",
    "Kullback–Leibler divergence",
    _DATA,
    _LABELS,
    (_APART, _APART),
    scale=Scale.ROOT,
    per_share=math.sqrt(2),
    distance=True,
)
def kullback_leibler(sides: Sides) -> Floats:
    """Σ Pₐ ln(Pₐ/P_d)"""
    return divergence(sides.a.label_shares, sides.d.label_shares)


@metric(
    "JS",
    "Jensen–Shannon divergence",
    _DATA,
    _LABELS,
    (_APART, _APART),
    scale=Scale.ROOT,
    per_share=math.sqrt(1 / 2),
    distance=True,
)
def jensen_shannon(sides: Sides) -> Floats:
    """½[KL(Pₐ‖P) + KL(P_d‖P)], P = ½(Pₐ + P_d)"""
    a, d = sides.a.label_shares, sides.d.label_shares
    middle = (a + d) / 2
    return (divergence(a, middle) + divergence(d, middle)) / 2


@metric("LP", "Lp-norm (p = 2)", _DATA, _LABELS, (_APART, _APART), per_share=math.sqrt(2), distance=True)
def euclidean(sides: Sides) -> Floats:
    """(Σ|Pₐ − P_d|²)^½"""
    total: Floats = np.sqrt(np.square(sides.a.label_shares - sides.d.label_shares).sum(axis=0))
    return total


@metric("TVD", "total variation distance", _DATA, _LABELS, (_APART, _APART), distance=True)
def total_variation(sides: Sides) -> Floats:
    """½ Σ|Pₐ − P_d|"""
    total: Floats = np.abs(sides.a.label_shares - sides.d.label_shares).sum(axis=0) / 2
    return total


@metric("KS", "Kolmogorov–Smirnov distance", _DATA, _LABELS, (_APART, _APART), distance=True)
def kolmogorov_smirnov(sides: Sides) -> Floats:
    """max|Pₐ(y) − P_d(y)|"""
    largest: Floats = np.abs(sides.a.label_shares - sides.d.label_shares).max(axis=0)
    return largest


@metric(
    "CDDL",
    "conditional demographic disparity of labels",
    _DATA,
    _LABELS,
    (
        "makes up {x} more of the negative labels than of the positive ones, within strata, beside",
        "makes up {x} less of the negative labels than of the positive ones, within strata, beside",
    ),
    stratified=True,
)
def conditional_disparity(sides: Sides) -> Floats:
    """(1/n) Σᵢ nᵢ·DDᵢ over strata i, DD = n_d⁽⁰⁾/n⁽⁰⁾ − n_d⁽¹⁾/n⁽¹⁾"""
    return disparity(sides.a.strata_labels, sides.d.strata_labels)


def disparity(a: Floats, d: Floats) -> Floats:
    """The mean over strata of the demographic disparity; a stratum weighs what it has rows of both groups together.

    Parameters
    ----------
    a, d : rows by stratum and outcome (negative, positive), shape (strata, 2, …)
    """
    both = a + d
    of_outcomes = ratio(d, both)
    rows = both.sum(axis=1)
    weighted = (rows * (of_outcomes[:, 0] - of_outcomes[:, 1])).sum(axis=0)
    return ratio(weighted, rows.sum(axis=0))


def divergence(p: Floats, q: Floats) -> Floats:
    """KL(p‖q) over the first dimension: infinite where q lacks an outcome that p has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / q), 0.0)
    total: Floats = np.maximum(terms.sum(axis=0), 0.0)
    return total
