"""Labelled predictions as counts: what performance, bias and concept drift have in common.

`OutcomeBinning.fit(spec, rows)` fixes cells and calibration by a version's labelled baseline rows, `observe(binning,
rows) → Outcomes` counts, `Outcomes.merge` adds up: any window is a merge. `classification` says what is counted of
binary and multiclass models over the fixed `grid` of scores, `classes` what of the latter beside, `regression` what of
numbers, `segments` what of every feature's cells, `calibration` what probability a score means, and `fixed` in which
units sums are whole.
"""

from watchkeeper.outcomes.baseline import OutcomeBaseline
from watchkeeper.outcomes.binning import OutcomeBinning
from watchkeeper.outcomes.calibration import Calibration
from watchkeeper.outcomes.observer import observe
from watchkeeper.outcomes.outcomes import Outcomes, merge_all
from watchkeeper.outcomes.rows import Labelled

__all__ = ["Calibration", "Labelled", "OutcomeBaseline", "OutcomeBinning", "Outcomes", "merge_all", "observe"]
