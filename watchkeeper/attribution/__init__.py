"""Explanation: what each feature contributed to predictions, what a model goes by as a whole, whether that drifts.

`shapley.plan(features, rows, background)` says which perturbed rows to ask a model, `shapley.attributions(plan,
answers)` reads the answers: no model is imported. Of one row, they make an `explanation`. Of many, `Importance.of` sums
up what the model goes by, any window is a merge, and `drift.examine(baseline, window)` gives `AttributionFindings`.
`weigh(findings, importance)` says which drifted feature matters.

Plans are answered by a batch transform of the version's model, as gates and baselines are: what an endpoint is asked is
captured, and would be profiled as traffic. The state machine `<model>--attribution` asks one `Question` at a time:
`lambdas/plan_attribution` keeps it and writes the requests, the transform answers, and `lambdas/read_attribution` makes
the same plan anew and keeps what the answers say.

With an estimator at hand, `exact.exact_attributions` needs no sampling where it takes the model. In the stack
`training_jobs/explain.py` has it at hand: it explains a `served.ServedModel`, and hands over an `ExactOutcome`.
"""

from __future__ import annotations

from watchkeeper.attribution.answers import explained, scores
from watchkeeper.attribution.attributed import Attributions, Scale
from watchkeeper.attribution.drift import DriftSettings, examine, ndcg
from watchkeeper.attribution.explain import Contribution, Explanation, bars, explanation, text
from watchkeeper.attribution.findings import AttributionFindings, Move, Verdict
from watchkeeper.attribution.importance import Importance, Ranked
from watchkeeper.attribution.look import AttributionLook
from watchkeeper.attribution.outcome import ExactOutcome
from watchkeeper.attribution.question import Purpose, Question, RequestSample, explained_rows
from watchkeeper.attribution.shapley import Plan, PlanSettings, attributions, plan, requests_at_most, rows_within
from watchkeeper.attribution.weight import Role, Weighted, WeightSettings, sentence, weigh

__all__ = [
    "AttributionFindings",
    "AttributionLook",
    "Attributions",
    "Contribution",
    "DriftSettings",
    "ExactOutcome",
    "Explanation",
    "Importance",
    "Move",
    "Plan",
    "PlanSettings",
    "Purpose",
    "Question",
    "Ranked",
    "RequestSample",
    "Role",
    "Scale",
    "Verdict",
    "WeightSettings",
    "Weighted",
    "attributions",
    "bars",
    "examine",
    "explained",
    "explained_rows",
    "explanation",
    "ndcg",
    "plan",
    "requests_at_most",
    "rows_within",
    "scores",
    "sentence",
    "text",
    "weigh",
]
