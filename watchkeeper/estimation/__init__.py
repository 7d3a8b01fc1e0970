"""Estimated performance: how good predictions are to be expected to be, before any of their labels has come.

`Estimator.fit(binning, rows)` learns from a baseline's labelled rows, `estimate(estimator, outcomes) → Estimate` needs
a window's counts alone: `classification` has the metrics of scores, `regression` the sizes of errors, `additive` how
both move with features, `within` what coarse cells hide of that, and `support` when not to trust them.
`examine(estimate, baseline)` says what fell, and `assess(estimates, realised)` whether estimates came true once labels
had come: of a model's past windows, `track_record` does. `EstimateLook` is all of it, as the monitor keeps it.
"""

from watchkeeper.estimation.assess import Assessment, AssessSettings, Trust, assess
from watchkeeper.estimation.estimate import estimate
from watchkeeper.estimation.estimator import Estimator
from watchkeeper.estimation.examine import EstimateFindings, EstimateVerdict, ExamineSettings, examine
from watchkeeper.estimation.look import EstimateLook
from watchkeeper.estimation.result import Estimate
from watchkeeper.estimation.settings import EstimateSettings, FitSettings
from watchkeeper.estimation.track_record import past_windows, track_record

__all__ = [
    "AssessSettings",
    "Assessment",
    "Estimate",
    "EstimateFindings",
    "EstimateLook",
    "EstimateSettings",
    "EstimateVerdict",
    "Estimator",
    "ExamineSettings",
    "FitSettings",
    "Trust",
    "assess",
    "estimate",
    "examine",
    "past_windows",
    "track_record",
]
