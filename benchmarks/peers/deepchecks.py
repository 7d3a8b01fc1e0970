"""deepchecks: `FeatureDrift` with its default condition. It looks at a sample of 100,000 rows at most."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.detector import Columns, Detector, Judgement

THRESHOLD = 0.2
"""Of the drift score (KS, or Cramér's V), by the check's default condition."""


class FeatureDrift(Detector):
    """Every column's drift score."""

    def __init__(self, columns: Columns) -> None:
        from deepchecks.tabular import Dataset
        from deepchecks.tabular.checks import FeatureDrift as Check

        self._check, self._columns = Check(), columns
        self._dataset = lambda table: Dataset(table, cat_features=list(columns.categories))

    def fit(self, reference: Any, rows: int) -> None:
        self._reference = self._dataset(reference)

    def judge(self, window: Any) -> Judgement:
        found = self._check.run(self._reference, self._dataset(window), with_display=False).value
        distances = {name: float(value["Drift score"] or 0.0) for name, value in found.items()}
        return Judgement(distances, frozenset(name for name, value in distances.items() if value >= THRESHOLD))
