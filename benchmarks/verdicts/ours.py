"""Watchkeeper as one of the detectors: a baseline from the reference, a profile of each window, `compare`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import model
from benchmarks.peers.detector import JOINT, Columns, Detector, Judgement, surprise
from benchmarks.speed.tables import predictions
from benchmarks.verdicts.windows import SCORE
from watchkeeper.capture import Block
from watchkeeper.drift import compare
from watchkeeper.profile import Baseline, Binning
from watchkeeper.table import Column, NumberColumn, coded_column

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Watchkeeper(Detector):
    """One window at a time: no calibration from history, no sequential view."""

    def __init__(self, columns: Columns) -> None:
        self._spec = model.spec()

    def fit(self, reference: Any, rows: int) -> None:
        block = self._block(reference)
        binning = Binning.fit(block.features, block.predictions)
        self._baseline = Baseline.build(self._spec.name, "v1", NOW, binning, [block])

    def judge(self, window: Any) -> Judgement:
        profile = self._baseline.observe(self._block(window))
        found = compare(self._baseline, profile, self._spec.drift, start=NOW, end=NOW + timedelta(hours=1))
        columns = [*found.features, *found.predictions]
        alerts = {finding.feature for finding in columns if finding.drifted}
        if any(finding.drifted for finding in found.joint):
            alerts.add(JOINT)
        return Judgement({finding.feature: surprise(finding.p_value) for finding in columns}, frozenset(alerts))

    def _block(self, table: Any) -> Block:
        features: dict[str, Column] = {}
        for feature in self._spec.features:
            values = table[feature.name]
            if values.dtype.kind == "f":
                features[feature.name] = NumberColumn(values.to_numpy())
            else:
                codes, levels = values.factorize()
                features[feature.name] = coded_column(feature.kind, list(levels), codes)
        return Block(len(table), features, predictions(table[SCORE].to_numpy(), self._spec.output.threshold))
