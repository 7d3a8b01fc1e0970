"""Bias: whether groups of people are treated alike, before training and after, from mergeable counts.

`GroupBinning.fit(settings, baseline rows)` fixes the groups (`attribute`: one column; `facet`: all rows divided by one
or two; `positive`: which outcomes count), `observe(binning, rows)` counts them (`counts`), any window is a merge. A
metric is a function of two groups' counts (`sides`): those `of_labels`, `of_predictions` and `of_errors` are listed in
`metrics`.
"""

from __future__ import annotations

from watchkeeper.bias.attribute import MISSING, OTHER, Sensitive
from watchkeeper.bias.binning import GroupBinning, GroupSettings
from watchkeeper.bias.counts import GroupCounts, merge_all, observe
from watchkeeper.bias.facet import ALL_OTHERS
from watchkeeper.bias.metrics import METRICS
from watchkeeper.bias.positive import Positive

__all__ = [
    "ALL_OTHERS",
    "METRICS",
    "MISSING",
    "OTHER",
    "GroupBinning",
    "GroupCounts",
    "GroupSettings",
    "Positive",
    "Sensitive",
    "merge_all",
    "observe",
]
