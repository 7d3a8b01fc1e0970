"""Alibi Detect's TabularDrift: KS and chi-squared tests, Bonferroni over the columns at p < .05."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.detector import Columns, Detector, Judgement, surprise


class TabularDrift(Detector):
    """It asks for one array of numbers without holes: medians fill them, categories become codes."""

    def __init__(self, columns: Columns) -> None:
        from alibi_detect.cd import TabularDrift as Drift

        self._columns, self._make = columns, Drift

    def fit(self, reference: Any, rows: int) -> None:
        names = self._columns.categories
        self._medians = reference[list(self._columns.numbers)].median()
        self._levels = {name: {level: code for code, level in enumerate(reference[name].unique())} for name in names}
        places = range(len(self._columns.numbers), len(self._columns.all))
        self._detector = self._make(self._coded(reference), p_val=0.05, categories_per_feature=dict.fromkeys(places))

    def judge(self, window: Any) -> Judgement:
        found = self._detector.predict(self._coded(window))["data"]
        p_values = dict(zip(self._columns.all, map(float, found["p_val"]), strict=True))
        alerts = frozenset(name for name, p in p_values.items() if p < found["threshold"])
        return Judgement({name: surprise(p) for name, p in p_values.items()}, alerts)

    def _coded(self, table: Any) -> Any:
        import numpy as np

        arrays = [table[name].fillna(self._medians[name]).to_numpy(float) for name in self._columns.numbers]
        for name in self._columns.categories:
            levels = self._levels[name]
            arrays.append(table[name].map(levels).fillna(len(levels)).to_numpy(float))  # all new levels are one code
        return np.column_stack(arrays)
