"""Explanation: what each feature contributed to predictions, what a model goes by as a whole, whether that drifts.

`shapley.plan(features, rows, background)` says which perturbed rows to ask a model, `shapley.attributions(plan,
answers)` reads the answers: no model is imported. `Importance.of(attributions)` sums up what a model goes by, any
window is a merge, and `drift.examine(baseline, window)` gives `AttributionFindings`.
"""

from __future__ import annotations

from watchkeeper.attribution.attributed import Attributions, Scale
from watchkeeper.attribution.drift import DriftSettings, examine, ndcg
from watchkeeper.attribution.findings import AttributionFindings, Move, Verdict
from watchkeeper.attribution.importance import Importance, Ranked
from watchkeeper.attribution.shapley import Plan, PlanSettings, attributions, plan, requests_at_most, rows_within

__all__ = [
    "AttributionFindings",
    "Attributions",
    "DriftSettings",
    "Importance",
    "Move",
    "Plan",
    "PlanSettings",
    "Ranked",
    "Scale",
    "Verdict",
    "attributions",
    "examine",
    "ndcg",
    "plan",
    "requests_at_most",
    "rows_within",
]
