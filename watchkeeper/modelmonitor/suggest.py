"""Constraints that a baseline suggests, as Model Monitor's baselining job suggests them.

Types come from the model's file instead of a guess. A domain is suggested, by Deequ's rule, for categories of which
there are at most 120, with at most a tenth of them seen only once.
"""

from __future__ import annotations

from watchkeeper.modelmonitor.constraints import Constraints, FeatureConstraints, MonitoringConfig
from watchkeeper.modelmonitor.statistics import FeatureStatistics
from watchkeeper.modelmonitor.summarize import summarize
from watchkeeper.profile import Baseline, CategoryBinning
from watchkeeper.spec import ModelSpec

MOST_IN_DOMAIN = 120
MOST_SEEN_ONCE = 0.1


def suggest(baseline: Baseline, spec: ModelSpec) -> Constraints:
    """Constraints that the baseline's own rows satisfy."""
    statistics = summarize(baseline.binning, baseline.reference, spec)
    return Constraints(tuple(_constraints(baseline, feature) for feature in statistics.features), MonitoringConfig())


def _constraints(baseline: Baseline, feature: FeatureStatistics) -> FeatureConstraints:
    numbers, bins = feature.numerical, baseline.binning.features[feature.name]
    return FeatureConstraints(
        name=feature.name,
        inferred_type=feature.inferred_type,
        completeness=feature.completeness,
        is_non_negative=numbers.min >= 0 if numbers is not None and numbers.min is not None else None,
        domains=_domain(bins) if isinstance(bins, CategoryBinning) else None,
    )


def _domain(bins: CategoryBinning) -> tuple[str, ...] | None:
    known = len(bins.levels) + len(bins.rare)
    if not bins.complete or not 0 < known <= MOST_IN_DOMAIN or bins.once > MOST_SEEN_ONCE * known:
        return None
    return (*bins.levels, *bins.rare)
