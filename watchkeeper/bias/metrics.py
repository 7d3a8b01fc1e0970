"""All metrics that follow from counts, in the order of Clarify's reports, and then the literature's names."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.bias import of_errors, of_labels, of_predictions
from watchkeeper.bias.metric import Metric

METRICS: tuple[Metric, ...] = (
    of_labels.class_imbalance,
    of_labels.label_difference,
    of_labels.kullback_leibler,
    of_labels.jensen_shannon,
    of_labels.euclidean,
    of_labels.total_variation,
    of_labels.kolmogorov_smirnov,
    of_labels.conditional_disparity,
    of_predictions.predicted_difference,
    of_predictions.disparate_impact,
    of_errors.conditional_acceptance,
    of_errors.conditional_rejection,
    of_errors.specificity_difference,
    of_errors.recall_difference,
    of_errors.acceptance_rates,
    of_errors.rejection_rates,
    of_errors.accuracy_difference,
    of_errors.treatment_equality,
    of_predictions.conditional_predicted_disparity,
    of_errors.generalised_entropy,
    of_predictions.statistical_parity,
    of_errors.equal_opportunity,
    of_errors.average_odds,
)
BY_SHORT: Mapping[str, Metric] = {metric.short: metric for metric in METRICS}
