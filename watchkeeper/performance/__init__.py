"""Performance: metrics with intervals from the counts of labelled predictions, and what fell against the baseline.

`measure(outcomes) → Performance`: `decisions` has the metrics of the confusion matrix, `ranking` and `probabilities`
those of scores; `metric` is one number with its interval, beside the best constant prediction.
`compare(baseline, window) → PerformanceFindings`: what fell, by evidence and size; `segments` names the worst, and
`concept` tells whether P(y | x) changed, over `strata` of the predictions. `dispersion(hours)` says how many dependent
rows count as one.
"""

from watchkeeper.performance.compare import compare
from watchkeeper.performance.dispersion import dispersion
from watchkeeper.performance.findings import PerformanceFindings, Verdict
from watchkeeper.performance.look import PerformanceLook
from watchkeeper.performance.measure import MeasureSettings, measure
from watchkeeper.performance.measured import Performance
from watchkeeper.performance.metric import Metric, Name
from watchkeeper.performance.settings import CompareSettings

__all__ = [
    "CompareSettings",
    "MeasureSettings",
    "Metric",
    "Name",
    "Performance",
    "PerformanceFindings",
    "PerformanceLook",
    "Verdict",
    "compare",
    "dispersion",
    "measure",
]
