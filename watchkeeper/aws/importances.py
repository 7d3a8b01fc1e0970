"""What versions go by on their baselines, as it is kept."""

from __future__ import annotations

from watchkeeper import naming
from watchkeeper.attribution import Importance
from watchkeeper.aws.store import Store
from watchkeeper.spec import AttributionMethod, ModelSpec


def on_baseline(store: Store, spec: ModelSpec, version: str, baseline: str) -> Importance | None:
    """Exact where that is wanted and known, else sampled; None while nobody has asked."""
    wanted = (True, False) if spec.attribution.method is AttributionMethod.EXACT else (False,)
    for exact in wanted:
        stored = store.get(naming.importance_key(spec.name, version, baseline, exact=exact))
        if stored is not None:
            return Importance.from_json(stored)
    return None
