"""What probability a score means: learnt from the baseline's labelled rows, over the cells of the grid.

Isotonic regression (pool adjacent violators; Ayer et al. 1955) finds the runs of cells between which the share of
positives rises. A run's share is drawn towards the overall one with the weight of one row, so that none is 0 or 1, and
cells between the middles of two runs are interpolated in log-odds: a staircase would be wrong on every step, and cells
that the baseline left empty get what lies around them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from watchkeeper.outcomes import fixed, grid
from watchkeeper.profile import codec
from watchkeeper.profile.layout import Floats, Integers


@dataclass(frozen=True)
class Calibration:
    """Probability of the positive label for each place of the grid, the last for rows without a score.

    Attributes
    ----------
    units : in whole units (see `fixed`), of length `grid.PLACES`
    """

    units: tuple[int, ...]

    @cached_property
    def weights(self) -> Floats:
        """The units as floats, for adding up."""
        return np.asarray(self.units, np.float64)

    @cached_property
    def probabilities(self) -> Floats:
        """Probability of each place, float64 of shape (PLACES,)."""
        return self.weights / fixed.UNITS

    @classmethod
    def fit(cls, negatives: Integers, positives: Integers) -> Calibration:
        """Learn from the counts of both labels over the grid's places."""
        rows = (negatives + positives).astype(np.float64)
        hits = positives.astype(np.float64)
        overall = (hits.sum() + 0.5) / (rows.sum() + 1)
        curve = np.full(grid.PLACES, overall)
        held = np.flatnonzero(rows[: grid.CELLS])
        if len(held):
            middles, values = _runs(held, rows[held], hits[held], overall)
            logits = np.interp(np.arange(grid.CELLS), middles, np.log(values) - np.log1p(-values))
            curve[: grid.CELLS] = 1 / (1 + np.exp(-logits))
        curve[grid.UNSCORED] = (hits[grid.UNSCORED] + overall) / (rows[grid.UNSCORED] + 1)
        whole = np.clip(fixed.units(curve), 1, fixed.UNITS - 1)
        return cls(tuple(whole.astype(np.int64).tolist()))

    def to_json(self) -> list[str]:
        """JSON form."""
        return codec.pack(np.asarray(self.units, np.int64))

    @classmethod
    def from_json(cls, document: list[str]) -> Calibration:
        """Read what `to_json` wrote."""
        return cls(tuple(codec.unpack(document).tolist()))


def _runs(cells: Integers, rows: Floats, hits: Floats, overall: float) -> tuple[Floats, Floats]:
    """Middle and share of each run of cells of the isotonic fit, ascending in both.

    Drawing a run of few rows towards the overall share may carry it past its neighbours, so runs are pooled once more,
    by their rows: a lone row at the low end must not lift all that lies above it.
    """
    n, k, moment = _pooled(rows, hits, rows * cells)
    n, k, moment = _pooled(n + 1, k + overall, moment / n * (n + 1))
    return moment / n, k / n


def _pooled(rows: Floats, hits: Floats, moments: Floats) -> Floats:
    """Runs of an isotonic fit: rows, positives, and rows times cells of each, of shape (3, runs)."""
    runs: list[tuple[float, float, float]] = []
    for run in zip(rows.tolist(), hits.tolist(), moments.tolist(), strict=True):
        while runs and runs[-1][1] * run[0] >= run[1] * runs[-1][0]:
            last = runs.pop()
            run = last[0] + run[0], last[1] + run[1], last[2] + run[2]
        runs.append(run)
    pooled: Floats = np.array(runs).T
    return pooled
