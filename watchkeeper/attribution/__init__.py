"""Explanation: what each feature contributed to predictions, what a model goes by as a whole, whether that drifts.

`shapley.plan(features, rows, background)` says which perturbed rows to ask a model, `shapley.attributions(plan,
answers)` reads the answers: no model is imported.
"""

from __future__ import annotations

from watchkeeper.attribution.attributed import Attributions, Scale
from watchkeeper.attribution.shapley import Plan, PlanSettings, attributions, plan, requests_at_most, rows_within

__all__ = [
    "Attributions",
    "Plan",
    "PlanSettings",
    "Scale",
    "attributions",
    "plan",
    "requests_at_most",
    "rows_within",
]
