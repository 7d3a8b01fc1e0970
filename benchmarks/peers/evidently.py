"""Evidently: the tests that `DataDriftPreset` chooses by the reference's size and each column's type."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.detector import Columns, Detector, Judgement, surprise


class Report(Detector):
    """The preset's report, as a user makes it."""

    def __init__(self, columns: Columns) -> None:
        from evidently import DataDefinition, Dataset
        from evidently import Report as EvidentlyReport
        from evidently.presets import DataDriftPreset

        self._definition = DataDefinition(
            numerical_columns=list(columns.numbers), categorical_columns=list(columns.categories)
        )
        self._dataset, self._report = Dataset.from_pandas, lambda: EvidentlyReport([DataDriftPreset()])

    def fit(self, reference: Any, rows: int) -> None:
        self._reference = self._dataset(reference, data_definition=self._definition)

    def judge(self, window: Any) -> Judgement:
        current = self._dataset(window, data_definition=self._definition)
        found = self._report().run(current, self._reference).dict()["metrics"]
        distances, alerts = {}, set()
        for metric in found[1:]:
            settings = metric["config"]
            value, threshold = float(metric["value"]), settings["threshold"]
            by_p_value = "p_value" in settings["method"]
            distances[settings["column"]] = surprise(value) if by_p_value else value
            if value < threshold if by_p_value else value >= threshold:
                alerts.add(settings["column"])
        return Judgement(distances, frozenset(alerts))


class Tests(Detector):
    """The same tests called directly: the report around them costs seconds a window."""

    def __init__(self, columns: Columns) -> None:
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

        self._columns, self._choose = columns, get_stattest
        self._kinds = dict.fromkeys(columns.numbers, ColumnType.Numerical)
        self._kinds |= dict.fromkeys(columns.categories, ColumnType.Categorical)

    def fit(self, reference: Any, rows: int) -> None:
        self._reference = {name: reference[name].dropna() for name in self._columns.all}

    def judge(self, window: Any) -> Judgement:
        distances, alerts = {}, set()
        for name in self._columns.all:
            before, after, kind = self._reference[name], window[name].dropna(), self._kinds[name]
            test = self._choose(before, after, kind, None)
            found = test(before, after, kind, None)
            distances[name] = surprise(found.drift_score) if "p_value" in test.display_name else found.drift_score
            if found.drifted:
                alerts.add(name)
        return Judgement(distances, frozenset(alerts))
