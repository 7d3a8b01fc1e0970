"""How a quantity of the rows moves with the shares of features' cells: what a window's cell counts alone can tell.

A row's quantity t is taken as its mean plus one effect for each feature, that of the cell the row is in. The mean over
any window is then the baseline's plus Σ (share of a cell in the window - in the baseline) × effect, and needs no rows.
Effects are a ridge regression on the cells' indicators, all features together, so that correlated features do not count
twice. How much they are shrunk is the maximum of the marginal likelihood (effects normal around 0): where features tell
nothing, that is all the way to 0.

Each replicate is one draw of what the effects may be. It resamples the rows, and adds the spread that shrinking hides:
the solution of (X'X + λ)b = X't* + √λ σz, with t* resampled and z standard normal, has the posterior's covariance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers

_PENALTIES = np.logspace(0, 9, 55)
"""In rows: a cell of so many rows is drawn half-way to 0."""
_WORTH = 2.0
"""What effects must add to the log-likelihood to be there at all: as much as Akaike asks of their variance, twice."""


@dataclass(frozen=True, eq=False)
class Additive:
    """Means and effects; the first of each array is the estimate, the others are replicates.

    Attributes
    ----------
    cells : the cells that have effects, places among all cells of the segments, shape (m,)
    shares : of the baseline's rows in each, shape (m,)
    means : of the quantities over the baseline, shape (1 + replicates, quantities)
    effects : shape (1 + replicates, quantities, m)
    """

    cells: Integers
    shares: Floats
    means: Floats
    effects: Floats

    @property
    def corrects(self) -> bool:
        """Whether features were found to tell anything."""
        return bool(self.effects.any())

    def shift(self, shares: Floats) -> Floats:
        """By how much the means move for these shares of all cells: shape (1 + replicates, quantities)."""
        moved: Floats = self.effects @ (shares[self.cells] - self.shares)
        return moved

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "cells": codec.pack(self.cells),
            "shares": codec.pack_floats(self.shares),
            "shape": self.means.shape,
            "means": codec.pack_floats(self.means.ravel()),
            "effects": codec.pack_floats(self.effects.ravel()),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Additive:
        """Read what `to_json` wrote."""
        draws, quantities = document["shape"]
        cells, shares, means, effects = (codec.unpack(document[k]) for k in ("cells", "shares", "means", "effects"))
        return cls(cells, shares, means.reshape(draws, quantities), effects.reshape(draws, quantities, len(cells)))


@dataclass(frozen=True)
class Design:
    """The rows' cells: of each feature where its cells begin, how many they are, and the place of each row."""

    starts: Sequence[int]
    widths: Sequence[int]
    places: Sequence[Integers]

    @property
    def cells(self) -> Integers:
        """Places of all cells among those of the segments."""
        parts = [np.arange(a, a + width) for a, width in zip(self.starts, self.widths, strict=True)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.places[0]) if self.places else 0

    def sums(self, weights: Floats) -> Floats:
        """Sum of the weights by cell."""
        found = [np.bincount(p, weights, width) for p, width in zip(self.places, self.widths, strict=True)]
        return np.concatenate(found) if found else np.zeros(0)

    def products(self) -> Floats:
        """Rows by pair of cells."""
        ends = np.cumsum([0, *self.widths])
        table = np.zeros((ends[-1], ends[-1]))
        for i, (one, width) in enumerate(zip(self.places, self.widths, strict=True)):
            for j, (other, breadth) in enumerate(zip(self.places[: i + 1], self.widths, strict=False)):
                found = np.bincount(one * breadth + other, minlength=width * breadth).reshape(width, breadth)
                table[ends[i] : ends[i + 1], ends[j] : ends[j + 1]] = found
                table[ends[j] : ends[j + 1], ends[i] : ends[i + 1]] = found.T
        return table

    def telling(self, targets: Floats, most: int) -> Design:
        """The features whose cells differ most in their mean target, measured by what chance alone would do."""
        if len(self.places) <= most:
            return self
        deviations = (targets - targets.mean(axis=1, keepdims=True)) / np.maximum(targets.std(axis=1), 1e-300)[:, None]
        scores = [_evidence(p, width, deviations) for p, width in zip(self.places, self.widths, strict=True)]
        kept = sorted(np.argsort(-np.array(scores), kind="stable")[:most].tolist())
        return Design(*([column[place] for place in kept] for column in (self.starts, self.widths, self.places)))


def _evidence(places: Integers, width: int, deviations: Floats) -> float:
    """The largest χ² over its degrees of freedom, in standard deviations."""
    rows = np.maximum(np.bincount(places, minlength=width), 1)
    squares = [float((np.square(np.bincount(places, each, width)) / rows).sum()) for each in deviations]
    return (max(squares) - width) / np.sqrt(2 * width)  # type: ignore[no-any-return]


def fit(design: Design, targets: Floats, resampled: Iterable[Floats], random: np.random.Generator) -> Additive:
    """Learn from rows.

    Parameters
    ----------
    targets : the quantities of each row, shape (quantities, n)
    resampled : for each replicate, the same times how often a row was drawn
    """
    n = max(targets.shape[1], 1)
    shares = design.sums(np.ones(design.rows)) / n
    products = design.products() - n * np.outer(shares, shares)
    found, axes = np.linalg.eigh(products) if len(shares) else (np.zeros(0), np.zeros((0, 0)))
    scales = np.maximum(found, 0.0)
    projected = _projected(design, shares, axes, targets)
    chosen = [_penalty(scales, u, t, n) for u, t in zip(projected, targets, strict=True)]
    means, effects = [targets.mean(axis=1)], [_solved(axes, scales, projected, chosen, None)]
    for drawn in resampled:
        means.append(drawn.mean(axis=1))
        projected = _projected(design, shares, axes, drawn)
        effects.append(_solved(axes, scales, projected, chosen, random))
    return Additive(design.cells, shares, np.array(means), np.array(effects))


def _projected(design: Design, shares: Floats, axes: Floats, targets: Floats) -> Floats:
    """X't for the centred indicators X, in the axes of X'X: shape (quantities, cells)."""
    crossed = np.array([design.sums(each) - shares * each.sum() for each in targets])
    turned: Floats = crossed @ axes
    return turned


def _penalty(scales: Floats, projected: Floats, target: Floats, n: int) -> tuple[float, float]:
    """The penalty of the largest marginal likelihood, and the residual deviation with it; infinite for no effects."""
    total = float(np.square(target - target.mean()).sum())
    best, chosen, left = _WORTH - n / 2 * np.log(total or 1.0), np.inf, total
    for penalty in _PENALTIES.tolist() if total else ():
        residual = total - float((np.square(projected) / (scales + penalty)).sum())
        if residual <= 0:
            continue
        likelihood = -n / 2 * np.log(residual) - 0.5 * float(np.log1p(scales / penalty).sum())
        if likelihood > best:
            best, chosen, left = likelihood, penalty, residual
    return chosen, float(np.sqrt(left / n))


def _solved(
    axes: Floats,
    scales: Floats,
    projected: Floats,
    chosen: Sequence[tuple[float, float]],
    random: np.random.Generator | None,
) -> Floats:
    """Effects of each quantity; with a generator, those of a replicate."""
    effects: list[NDArray[np.float64]] = []
    for side, (penalty, deviation) in zip(projected, chosen, strict=True):
        if np.isinf(penalty):
            effects.append(np.zeros(len(side)))
            continue
        hidden = np.sqrt(penalty) * deviation * random.standard_normal(len(side)) if random else 0.0
        effects.append(axes @ ((side + hidden) / (scales + penalty)))
    return np.array(effects)
