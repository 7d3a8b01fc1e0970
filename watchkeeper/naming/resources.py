"""Metrics, alarms, stacks and whatever else AWS knows by a name."""

from __future__ import annotations

import hashlib
from enum import StrEnum

NAMESPACE = "Watchkeeper"
"""CloudWatch namespace of every metric emitted here; the one dimension is `Model`."""
MODEL_DIMENSION = "Model"
VARIANT = "AllTraffic"
"""SageMaker refuses to update an endpoint whose variant changes its name, so it never changes."""
FIRST_VERSION = "v1"
"""The version that the template makes, or that an attached endpoint serves when it is attached."""
PLATFORM_STACK = "Watchkeeper-Platform"


class Metric(StrEnum):
    """The bounded list of metrics a model publishes, however many features it has."""

    ROWS_PROFILED = "RowsProfiled"
    UNREADABLE_RECORDS = "UnreadableRecords"
    PREDICTIONS_WITHOUT_ID = "PredictionsWithoutId"
    WINDOW_ROWS = "WindowRows"
    DRIFTED_FEATURES = "DriftedFeatures"
    DRIFT_SCORE = "DriftScore"
    PREDICTION_DRIFT = "PredictionDrift"
    SUSPECT_VERSION = "SuspectVersion"
    QUALITY_VIOLATIONS = "QualityViolations"
    COMPLETENESS = "Completeness"
    SKEWED_FEATURES = "SkewedFeatures"
    CAPTURE_LAG = "CaptureLag"
    CAPTURE_GAP = "CaptureGap"
    LABELS_JOINED = "LabelsJoined"
    UNUSABLE_LABELS = "UnusableLabels"
    LABEL_LAG = "LabelLag"
    LABEL_COVERAGE = "LabelCoverage"
    PERFORMANCE = "Performance"
    PERFORMANCE_FALL = "PerformanceFall"
    CONCEPT_DRIFT = "ConceptDrift"
    ESTIMATED_PERFORMANCE = "EstimatedPerformance"
    ESTIMATED_FALL = "EstimatedFall"
    ESTIMATE_ERROR = "EstimateError"
    ATTRIBUTION_NDCG = "AttributionNdcg"
    ATTRIBUTION_DRIFT = "AttributionDrift"
    BIASED_GROUPS = "BiasedGroups"
    BIAS_SCORE = "BiasScore"
    BIAS_DRIFT = "BiasDrift"


class AlarmKind(StrEnum):
    """One alarm a model for each kind; the alarm's name is `<model>--<kind>`."""

    DRIFT = "drift"
    PREDICTION_DRIFT = "prediction-drift"
    SUSPECT_VERSION = "suspect-version"
    DATA_QUALITY = "data-quality"
    TRAIN_SERVE_SKEW = "train-serve-skew"
    UNREADABLE_CAPTURE = "unreadable-capture"
    MISSING_CAPTURE = "missing-capture"
    PERFORMANCE = "performance"
    CONCEPT_DRIFT = "concept-drift"
    ESTIMATED_PERFORMANCE = "estimated-performance"
    BIAS = "bias"
    BIAS_DRIFT = "bias-drift"
    UNUSABLE_LABELS = "unusable-labels"
    ATTRIBUTION_DRIFT = "attribution-drift"
    DEAD_LETTERS = "dead-letters"
    FUNCTION_ERRORS = "function-errors"
    MONITOR_ERRORS = "monitor-errors"
    AUTOMATION_FAILED = "automation-failed"
    SERVER_ERRORS = "server-errors"
    ATTENTION = "attention"


def model_stack(model: str) -> str:
    """Name of the CloudFormation stack of one model."""
    return f"Watchkeeper-{model}"


def alarm(model: str, kind: AlarmKind) -> str:
    """CloudWatch alarm name of one kind for one model."""
    return f"{model}--{kind}"


def canary_alarm(endpoint_config: str) -> str:
    """Alarm over one endpoint config's own errors, made for the time of its rollout."""
    return f"{endpoint_config}--canary"


def function(model: str, name: str) -> str:
    """Lambda function name of `lambdas/<name>/`."""
    return f"{model}--{name.replace('_', '-')}"


def first_version_resource(model: str) -> str:
    """SageMaker model and endpoint config name of the version that the template deploys."""
    return f"{model}--v1"


def endpoint_config(model: str, version: str, settings: str) -> str:
    """Endpoint config name of a version under the serving settings `settings` (their canonical JSON)."""
    return f"{model}--{version}-{hashlib.sha256(settings.encode()).hexdigest()[:8]}"


def serving_parameter(model: str) -> str:
    """SSM parameter that holds the serving settings of the YAML file last deployed."""
    return f"/watchkeeper/{model}/serving"


def layer_parameter(layer: str) -> str:
    """SSM parameter that holds the ARN of the newest version of a Lambda layer."""
    return f"/watchkeeper/platform/layers/{layer}"


def predictions_table(model: str) -> str:
    """Name of the Glue table of the curated predictions."""
    return f"{model.replace('-', '_')}_predictions"


def model_card(model: str, version: str) -> str:
    """Name of a version's card among SageMaker's model cards."""
    return f"{model}--{version}"
