"""The table as a model that Watchkeeper watches."""

from __future__ import annotations

from benchmarks.data import CATEGORIES, FEATURES, INTEGERS, THRESHOLD
from watchkeeper.config.loader import parse
from watchkeeper.spec import ModelSpec

LOOKS_PER_MONTH = 730
ALPHA = 0.01
"""Share of healthy windows that may raise an alarm."""


def spec() -> ModelSpec:
    """The model, with a budget of `ALPHA` a look."""
    features = "\n".join(f"    {name}: {_kind(name)}" for name in FEATURES)
    text = f"""
name: loans
task: binary
endpoint:
  attach: {{name: loans, capture: s3://captures/loans}}
input:
  features:
{features}
output: {{threshold: {THRESHOLD}}}
label: label
monitors:
  drift: {{every: 1 hour, false_alarms_per_month: {ALPHA * LOOKS_PER_MONTH}}}
retraining: {{triggers: []}}
"""
    return parse(text, "benchmarks/model.py").spec()


def _kind(name: str) -> str:
    if name in CATEGORIES:
        return "category"
    return "integer" if name in INTEGERS else "number"
