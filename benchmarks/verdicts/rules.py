"""Two rules that are used without a tool: Model Monitor's robust distance, and PSI at its customary limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.peers.detector import Columns, Detector, Judgement

DISTANCE_LIMIT, PSI_LIMIT = 0.1, 0.2
_TINY = 1e-4


class ModelMonitor(Detector):
    """max(0, D − 1.8 √((n + m) / nm)) > .1 in any column; D between distributions (numbers) or shares (categories)."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def fit(self, reference: Any, rows: int) -> None:
        self._sorted = {name: np.sort(reference[name].dropna().to_numpy()) for name in self._columns.numbers}
        self._counts = {name: reference[name].value_counts() for name in self._columns.categories}

    def judge(self, window: Any) -> Judgement:
        distances = {}
        for name in self._columns.all:
            values = window[name].dropna()
            if name in self._sorted:
                before, after = self._sorted[name], np.sort(values.to_numpy())
                places = np.concatenate([before, after])
                below = [np.searchsorted(side, places, "right") / len(side) for side in (before, after)]
                simple, rows = np.abs(below[0] - below[1]).max(), len(before)
            else:
                counts = self._counts[name]
                rows = int(counts.sum())
                shares = (counts / rows).sub(values.value_counts() / len(values), fill_value=0)
                simple = shares.abs().max()
            noise = 1.8 * np.sqrt((rows + len(values)) / (rows * len(values)))
            distances[name] = float(max(0.0, simple - noise))
        return Judgement(distances, frozenset(name for name, value in distances.items() if value > DISTANCE_LIMIT))


class Psi(Detector):
    """PSI over the reference's deciles or the levels, missing values left out."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def fit(self, reference: Any, rows: int) -> None:
        tenths = np.linspace(0, 1, 11)[1:-1]
        self._cuts = {name: np.unique(np.nanquantile(reference[name], tenths)) for name in self._columns.numbers}
        self._shares = {name: self._share(name, reference[name].dropna()) for name in self._columns.all}

    def judge(self, window: Any) -> Judgement:
        distances = {name: self._distance(name, window[name].dropna()) for name in self._columns.all}
        return Judgement(distances, frozenset(name for name, value in distances.items() if value >= PSI_LIMIT))

    def _share(self, name: str, values: Any) -> Any:
        if name in self._cuts:
            values = pd.Series(np.searchsorted(self._cuts[name], values.to_numpy()))
        return values.value_counts(normalize=True)

    def _distance(self, name: str, values: Any) -> float:
        before, after = self._shares[name].align(self._share(name, values), fill_value=0.0)
        before, after = before.clip(lower=_TINY), after.clip(lower=_TINY)
        return float(((after - before) * np.log(after / before)).sum())
