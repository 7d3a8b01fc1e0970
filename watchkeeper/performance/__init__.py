"""Performance: metrics with intervals from the counts of labelled predictions, and what fell against the baseline.

`measure(outcomes) → Performance`. `decisions` has the metrics of the confusion matrix, `ranking` and `probabilities`
those of scores; `metric` is one number with its interval, beside the best constant prediction.
"""

from watchkeeper.performance.measure import MeasureSettings, measure
from watchkeeper.performance.measured import Performance
from watchkeeper.performance.metric import Metric, Name

__all__ = ["MeasureSettings", "Metric", "Name", "Performance", "measure"]
