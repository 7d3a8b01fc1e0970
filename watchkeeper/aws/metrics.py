"""Metrics in CloudWatch's embedded format: lines in the function's log that CloudWatch turns into metrics.

The time of a metric is that of the event it came from, not of the clock, so that a late or repeated event counts where
it belongs. CloudWatch takes metrics up to 14 days old; older ones are written all the same, and stay in the log.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import datetime

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from watchkeeper.naming import MODEL_DIMENSION, NAMESPACE, Metric

_UNITS = {
    Metric.DRIFT_SCORE: "None",
    Metric.COMPLETENESS: "Percent",
    Metric.CAPTURE_LAG: "Seconds",
    Metric.CAPTURE_GAP: "Seconds",
    Metric.LABEL_LAG: "Seconds",
    Metric.LABEL_COVERAGE: "Percent",
    Metric.PERFORMANCE: "None",
    Metric.PERFORMANCE_FALL: "None",
    Metric.ESTIMATED_PERFORMANCE: "None",
    Metric.ESTIMATED_FALL: "None",
    Metric.ESTIMATE_ERROR: "None",
    Metric.ATTRIBUTION_NDCG: "None",
}


def emit(model: str, at: datetime, values: Mapping[Metric, float]) -> None:
    """Publish metrics of one model; the model is their only dimension."""
    if not values:
        return
    metrics = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service="")
    metrics.add_dimension(name=MODEL_DIMENSION, value=model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This metric doesn't meet the requirements")
        metrics.set_timestamp(int(at.timestamp() * 1000))
    for metric, value in values.items():
        metrics.add_metric(name=metric.value, unit=_UNITS.get(metric, "Count"), value=value)
    metrics.flush_metrics()
