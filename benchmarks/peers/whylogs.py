"""whylogs: sketches of both sides, and its own drift scores with their thresholds."""

from __future__ import annotations

from typing import Any

from benchmarks.peers.detector import Columns, Detector, Judgement, surprise


class Sketches(Detector):
    """Hellinger distance and chi-squared, as `calculate_drift_scores` chooses them."""

    def __init__(self, columns: Columns) -> None:
        import whylogs
        from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

        self._log, self._scores = whylogs.log, calculate_drift_scores

    def fit(self, reference: Any, rows: int) -> None:
        self._reference = self._log(reference).profile().view()

    def judge(self, window: Any) -> Judgement:
        view = self._log(window).profile().view()
        found = self._scores(target_view=view, reference_view=self._reference, with_thresholds=True)
        distances, alerts = {}, set()
        for name, score in found.items():
            if score is None:
                continue
            distances[name] = surprise(score["pvalue"]) if score.get("pvalue") is not None else score["statistic"]
            if score["drift_category"] == "DRIFT":
                alerts.add(name)
        return Judgement(distances, frozenset(alerts))
