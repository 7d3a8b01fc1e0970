"""Frouros: a KS or chi-squared test a column at p < .05, uncorrected: it offers no rule for the whole table."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.detector import Columns, Detector, Judgement, surprise

ALPHA = 0.05


class PerColumn(Detector):
    """Missing values are dropped: a KS test with them gives no p-value at all."""

    def __init__(self, columns: Columns) -> None:
        from frouros.detectors.data_drift import ChiSquareTest, KSTest

        self._tests = {name: KSTest() for name in columns.numbers}
        self._tests |= {name: ChiSquareTest() for name in columns.categories}

    def fit(self, reference: Any, rows: int) -> None:
        for name, test in self._tests.items():
            test.fit(X=reference[name].dropna().to_numpy())

    def judge(self, window: Any) -> Judgement:
        p_values = {}
        for name, test in self._tests.items():
            found, _ = test.compare(X=window[name].dropna().to_numpy())
            p_values[name] = float(found.p_value)
        alerts = frozenset(name for name, p in p_values.items() if p < ALPHA)
        return Judgement({name: surprise(p) for name, p in p_values.items()}, alerts)
