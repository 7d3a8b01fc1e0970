"""Bias: whether groups of people are treated alike, before training and after, from mergeable counts.

`GroupBinning.fit(settings, baseline rows)` fixes the groups (`attribute`: one column; `facet`: all rows divided by one
or two; `positive`: which outcomes count), `observe(binning, rows)` counts them (`counts`), any window is a merge, and
`examine(baseline, window)` gives `BiasFindings` (`result`). A metric is a function of two groups' counts (`sides`):
those `of_labels`, `of_predictions` and `of_errors` are listed in `metrics`; `draws` gives intervals, `trials` corrects
them for looking at many; `dispersion` tells how much rows in bursts vary. `flip` is the one metric that needs rows;
`flips` are a version's, made when it is judged.
`table` is all of it as plain rows. `monitor` makes settings of a model's file, a `baseline` is a version's, a `look` is
what the function that watches keeps.
"""

from __future__ import annotations

from watchkeeper.bias.attribute import MISSING, OTHER, Attribute, Sensitive
from watchkeeper.bias.baseline import GroupBaseline
from watchkeeper.bias.binning import GroupBinning, GroupSettings
from watchkeeper.bias.counts import GroupCounts, merge_all, observe
from watchkeeper.bias.dispersion import dispersion
from watchkeeper.bias.examine import examine
from watchkeeper.bias.facet import ALL_OTHERS, Comparison
from watchkeeper.bias.flip import FlipSettings, FlipTest, flip_test
from watchkeeper.bias.flips import Flips
from watchkeeper.bias.look import BiasLook
from watchkeeper.bias.metrics import METRICS
from watchkeeper.bias.monitor import bias_settings, favourable, group_settings
from watchkeeper.bias.positive import BINARY, BINARY_REVERSED, Positive
from watchkeeper.bias.result import BiasFindings, Measurement, Outcome, Verdict
from watchkeeper.bias.settings import BiasSettings, Tolerance
from watchkeeper.bias.table import HEADINGS, Row, table

__all__ = [
    "ALL_OTHERS",
    "BINARY",
    "BINARY_REVERSED",
    "HEADINGS",
    "METRICS",
    "MISSING",
    "OTHER",
    "Attribute",
    "BiasFindings",
    "BiasLook",
    "BiasSettings",
    "Comparison",
    "FlipSettings",
    "FlipTest",
    "Flips",
    "GroupBaseline",
    "GroupBinning",
    "GroupCounts",
    "GroupSettings",
    "Measurement",
    "Outcome",
    "Positive",
    "Row",
    "Sensitive",
    "Tolerance",
    "Verdict",
    "bias_settings",
    "dispersion",
    "examine",
    "favourable",
    "flip_test",
    "group_settings",
    "merge_all",
    "observe",
    "table",
]
