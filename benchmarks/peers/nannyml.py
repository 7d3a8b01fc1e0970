"""NannyML: univariate drift (Jensen–Shannon), and the error of a PCA reconstruction for all columns together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.peers.detector import JOINT, Columns, Detector, Judgement


class Univariate(Detector):
    """Each column's distance against three deviations of the reference's own chunks."""

    def __init__(self, columns: Columns) -> None:
        import nannyml

        self._columns, self._make = columns, nannyml.UnivariateDriftCalculator

    def fit(self, reference: Any, rows: int) -> None:
        self._calculator = self._make(column_names=self._columns.all, chunk_size=rows or None)
        self._calculator.fit(reference)

    def judge(self, window: Any) -> Judgement:
        return _merged(self.judge_all([window]))

    def judge_all(self, windows: Sequence[Any]) -> list[Judgement]:
        found = self._calculator.calculate(_joined(windows)).filter(period="analysis").to_df()
        values, alerts = found.xs("value", axis=1, level=2), found.xs("alert", axis=1, level=2)
        names = [name for name, _ in values.columns]
        return [
            Judgement(
                dict(zip(names, map(float, distances), strict=True)),
                frozenset(name for name, alert in zip(names, raised, strict=True) if alert),
            )
            for distances, raised in zip(values.to_numpy(), alerts.to_numpy(), strict=True)
        ]


class Multivariate(Detector):
    """The reconstruction error's distance from its mean over the reference's chunks."""

    def __init__(self, columns: Columns) -> None:
        import nannyml

        self._columns, self._make = columns, nannyml.DataReconstructionDriftCalculator

    def fit(self, reference: Any, rows: int) -> None:
        self._calculator = self._make(column_names=self._columns.all, chunk_size=rows or None)
        self._calculator.fit(reference)

    def judge(self, window: Any) -> Judgement:
        return _merged(self.judge_all([window]))

    def judge_all(self, windows: Sequence[Any]) -> list[Judgement]:
        found = self._calculator.calculate(_joined(windows)).filter(period="analysis").to_df()["reconstruction_error"]
        usual = (found["upper_threshold"] + found["lower_threshold"]) / 2
        distances = (found["value"] - usual).abs()
        return [
            Judgement({JOINT: float(distance)}, frozenset([JOINT] if alert else []))
            for distance, alert in zip(distances, found["alert"], strict=True)
        ]


def _merged(chunks: Sequence[Judgement]) -> Judgement:
    """Of a window that was judged in chunks: the largest distances, and every alert."""
    names = chunks[0].distances
    return Judgement(
        {name: max(chunk.distances[name] for chunk in chunks) for name in names},
        frozenset().union(*(chunk.alerts for chunk in chunks)),
    )


def _joined(windows: Sequence[Any]) -> Any:
    import pandas as pd

    return pd.concat(windows, ignore_index=True) if len(windows) > 1 else windows[0]
