"""One dashboard a model: its state at a glance, the evidence below, and what to do beside it."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.alarm_definitions import Watched
from infra.alarms import Alarms
from infra.model_metrics import ModelMetrics
from infra.shared import ModelContext
from watchkeeper.naming import Metric

WIDE, HALF = 24, 12
_HELP = """\
# {name}
{description}

**Drift**: findings are under `findings/{name}/` in the data bucket. **Errors**: logs are under `/watchkeeper/{name}/`.
**Machines**: `{name}--retraining`, `--rollout`, `--rollback`, `--onboarding` in Step Functions; start *rollback* to go
back to the last good version at once, *retraining* to train anew.
"""


class Dashboard(Construct):
    """The dashboard `<model>`."""

    def __init__(self, scope: Construct, context: ModelContext, alarms: Alarms, watched: Watched) -> None:
        super().__init__(scope, "Dashboard")
        metrics = ModelMetrics(context)
        help_text = _HELP.format(name=context.name, description=context.config.description)
        self.dashboard = cloudwatch.Dashboard(
            self,
            "Resource",
            dashboard_name=f"Watchkeeper-{context.name}",
            default_interval=cdk.Duration.days(7),
            widgets=[
                [cloudwatch.TextWidget(markdown=help_text, width=WIDE, height=4)],
                [
                    cloudwatch.AlarmStatusWidget(
                        title="Now", alarms=[*alarms.by_kind.values(), alarms.attention], width=WIDE, height=3
                    )
                ],
                *_watched(metrics, context),
                [
                    _graph(
                        "Errors of functions",
                        *_each("AWS/Lambda", "FunctionName", "Errors", watched.all_functions),
                    ),
                    _graph(
                        "Executions that failed",
                        *_each("AWS/States", "StateMachineArn", "ExecutionsFailed", watched.machines.values()),
                    ),
                ],
            ],
        )


def _watched(metrics: ModelMetrics, context: ModelContext) -> list[list[cloudwatch.GraphWidget]]:
    """Rows of graphs of what the monitors and the endpoint tell."""
    return [
        _drift(metrics),
        _quality(metrics),
        _performance(metrics),
        *([_bias(metrics)] if context.spec.bias else []),
        _labels(metrics),
        *([_attribution(metrics)] if context.spec.attribution.enabled else []),
        _traffic(metrics),
    ]


def _drift(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph("Drifted features", metrics.of(Metric.DRIFTED_FEATURES, "Maximum", metrics.look)),
        _graph(
            "Strongest drift (1 is the threshold)",
            metrics.of(Metric.DRIFT_SCORE, "Maximum", metrics.look),
            metrics.of(Metric.PREDICTION_DRIFT, "Maximum", metrics.look),
        ),
    ]


def _quality(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph(
            "Faults of the data",
            metrics.of(Metric.QUALITY_VIOLATIONS, "Maximum", metrics.look),
            metrics.of(Metric.SKEWED_FEATURES, "Maximum", metrics.look),
            right=[metrics.of(Metric.COMPLETENESS, "Minimum", metrics.look)],
        ),
        _graph(
            "Captures: lag of 99 %, longest gap (seconds)",
            metrics.of(Metric.CAPTURE_LAG, "Maximum", metrics.look),
            metrics.of(Metric.CAPTURE_GAP, "Maximum", metrics.look),
        ),
    ]


def _performance(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph(
            "Performance by labels, and as estimated before they come; share of predictions with a label (%)",
            metrics.of(Metric.PERFORMANCE, "Average", metrics.reckoning),
            metrics.of(Metric.ESTIMATED_PERFORMANCE, "Average", metrics.estimating),
            right=[metrics.of(Metric.LABEL_COVERAGE, "Average", metrics.reckoning)],
        ),
        _graph(
            "Fall of performance, estimated fall, error of estimates (1 is what matters), concept drift",
            metrics.of(Metric.PERFORMANCE_FALL, "Maximum", metrics.reckoning),
            metrics.of(Metric.ESTIMATED_FALL, "Maximum", metrics.estimating),
            metrics.of(Metric.ESTIMATE_ERROR, "Maximum", metrics.estimating),
            metrics.of(Metric.CONCEPT_DRIFT, "Maximum", metrics.reckoning),
        ),
    ]


def _bias(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph(
            "Groups of people that the model treats worse", metrics.of(Metric.BIASED_GROUPS, "Maximum", metrics.bias)
        ),
        _graph(
            "Worst bias (1 is what is tolerated), change of bias (1 is what matters)",
            metrics.of(Metric.BIAS_SCORE, "Maximum", metrics.bias),
            metrics.of(Metric.BIAS_DRIFT, "Maximum", metrics.bias),
        ),
    ]


def _labels(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph(
            "Labels, and predictions that none can be of",
            metrics.of(Metric.LABELS_JOINED, "Sum", metrics.join),
            metrics.of(Metric.UNUSABLE_LABELS, "Sum", metrics.join),
            metrics.of(Metric.PREDICTIONS_WITHOUT_ID, "Sum", metrics.join),
        ),
        _graph(
            "Median of the time from prediction to label (seconds)",
            metrics.of(Metric.LABEL_LAG, "Maximum", metrics.join),
        ),
    ]


def _attribution(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    return [
        _graph(
            "Ranking of what the model goes by (NDCG; 1 is the baseline's)",
            metrics.of(Metric.ATTRIBUTION_NDCG, "Minimum", metrics.attribution),
        ),
        _graph(
            "Goes by other features (1), drifted features",
            metrics.of(Metric.ATTRIBUTION_DRIFT, "Maximum", metrics.attribution),
            right=[metrics.of(Metric.DRIFTED_FEATURES, "Maximum", metrics.look)],
        ),
    ]


def _traffic(metrics: ModelMetrics) -> list[cloudwatch.GraphWidget]:
    hour = cdk.Duration.hours(1)
    return [
        _graph(
            "Rows",
            metrics.of(Metric.ROWS_PROFILED, "Sum", hour),
            metrics.of(Metric.WINDOW_ROWS, "Maximum", metrics.look),
            metrics.of(Metric.UNREADABLE_RECORDS, "Sum", hour),
        ),
        _graph(
            "Endpoint",
            metrics.endpoint("Invocations", "Sum", hour),
            metrics.endpoint("Invocation5XXErrors", "Sum", hour),
            right=[metrics.endpoint("ModelLatency", "p99", hour)],
        ),
    ]


def _graph(
    title: str, *left: cloudwatch.IMetric, right: list[cloudwatch.IMetric] | None = None
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(left), right=right or [], width=HALF, height=6)


def _each(namespace: str, dimension: str, name: str, values: Iterable[str]) -> list[cloudwatch.IMetric]:
    return [
        cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map={dimension: value},
            statistic="Sum",
            period=cdk.Duration.hours(1),
        )
        for value in values
    ]
