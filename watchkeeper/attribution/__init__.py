"""Explanation: what each feature contributed to predictions, what a model goes by as a whole, whether that drifts.

`shapley.plan(features, rows, background)` says which perturbed rows to ask a model, `shapley.attributions(plan,
answers)` reads the answers: no model is imported. Of one row, they make an `explanation`. Of many, `Importance.of` sums
up what the model goes by, any window is a merge, and `drift.examine(baseline, window)` gives `AttributionFindings`.
`weigh(findings, importance)` says which drifted feature matters.

How it is to be wired, each a thin caller that does the I/O. Plans are answered by a batch transform of the version's
model, as gates and baselines are: what an endpoint is asked is captured, and would be profiled as traffic.

- `watchkeeper explain MODEL ID`: find the captured request by its id; `plan` it against rows of its version's baseline;
  have the requests answered; print `text(explanation(…))`, or store its JSON.
- The batch job (training side or Glue, at a new baseline and on a schedule): take `rows_within(budget, …)` rows of the
  window at 4 pairs each, in the order in which they were served; write `plan(…).requests()` as the transform's input;
  read its output as `attributions` of the same plan, made anew; store `Importance.of(…).to_json()` with the window.
  With the estimator at hand, `exact.exact_attributions` instead, and sampling where it refuses.
- The monitor: merge the window's importances, `examine` them against the baseline's, store the findings, emit the NDCG.
- Messages and reports: `sentence(weigh(findings, baseline's importance))`.
"""

from __future__ import annotations

from watchkeeper.attribution.attributed import Attributions, Scale
from watchkeeper.attribution.drift import DriftSettings, examine, ndcg
from watchkeeper.attribution.explain import Contribution, Explanation, bars, explanation, text
from watchkeeper.attribution.findings import AttributionFindings, Move, Verdict
from watchkeeper.attribution.importance import Importance, Ranked
from watchkeeper.attribution.shapley import Plan, PlanSettings, attributions, plan, requests_at_most, rows_within
from watchkeeper.attribution.weight import Role, Weighted, WeightSettings, sentence, weigh

__all__ = [
    "AttributionFindings",
    "Attributions",
    "Contribution",
    "DriftSettings",
    "Explanation",
    "Importance",
    "Move",
    "Plan",
    "PlanSettings",
    "Ranked",
    "Role",
    "Scale",
    "Verdict",
    "WeightSettings",
    "Weighted",
    "attributions",
    "bars",
    "examine",
    "explanation",
    "ndcg",
    "plan",
    "requests_at_most",
    "rows_within",
    "sentence",
    "text",
    "weigh",
]
