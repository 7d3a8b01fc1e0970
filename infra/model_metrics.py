"""What is measured of one model: its own metrics, those of its endpoint, and sums over what works for it."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.errors import ConfigError
from watchkeeper.naming import Metric

SAGEMAKER_NAMESPACE = "AWS/SageMaker"
METRICS_IN_ONE_EXPRESSION = 10
"""CloudWatch's limit for an alarm."""


class ModelMetrics:
    """What is measured of one model."""

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self.reckoning = cdk.Duration.seconds(int(context.config.monitors.performance.every.total_seconds()))
        self.estimating = cdk.Duration.seconds(int(context.config.monitors.estimated_performance.every.total_seconds()))
        self.join = cdk.Duration.seconds(int(context.config.labels.every.total_seconds()))
        self.attribution = cdk.Duration.seconds(int(context.config.monitors.attribution.every.total_seconds()))
        self.look = cdk.Duration.seconds(int(context.config.monitors.drift.every.total_seconds()))
        self.bias = cdk.Duration.seconds(int(context.config.monitors.bias.every.total_seconds()))

    def of(self, metric: Metric, statistic: str, period: cdk.Duration) -> cloudwatch.Metric:
        """One of the model's own metrics."""
        return cloudwatch.Metric(
            namespace=naming.NAMESPACE,
            metric_name=metric.value,
            dimensions_map={naming.MODEL_DIMENSION: self._context.name},
            statistic=statistic,
            period=period,
        )

    def endpoint(self, name: str, statistic: str, period: cdk.Duration) -> cloudwatch.Metric:
        """A metric that SageMaker publishes of the endpoint."""
        return cloudwatch.Metric(
            namespace=SAGEMAKER_NAMESPACE,
            metric_name=name,
            dimensions_map={"EndpointName": self._context.spec.endpoint, "VariantName": naming.VARIANT},
            statistic=statistic,
            period=period,
        )

    @staticmethod
    def total(
        namespace: str, dimension: str, names: Sequence[str], values: Sequence[str], statistic: str
    ) -> cloudwatch.MathExpression:
        """The sum of some metrics over several resources, as one expression.

        Raises
        ------
        ConfigError
            An alarm cannot look at so many metrics.
        """
        used = {
            f"{prefix}{place}": cloudwatch.Metric(
                namespace=namespace,
                metric_name=name,
                dimensions_map={dimension: value},
                statistic=statistic,
                period=cdk.Duration.minutes(5),
            )
            for name, prefix in zip(names, "mnop", strict=False)
            for place, value in enumerate(values)
        }
        if len(used) > METRICS_IN_ONE_EXPRESSION:
            raise ConfigError(f"An alarm takes {METRICS_IN_ONE_EXPRESSION} metrics, not {len(used)}: split it.")
        terms = " + ".join(f"FILL({identity}, 0)" for identity in used)
        return cloudwatch.MathExpression(
            expression=terms,
            using_metrics=used,
            period=cdk.Duration.minutes(5),
            label=f"{namespace} {' + '.join(names)}",
        )

    def unreadable_percent(self, period: cdk.Duration) -> cloudwatch.MathExpression:
        """Captured records that could not be read, in percent of all."""
        used = {
            "unreadable": self.of(Metric.UNREADABLE_RECORDS, "Sum", period),
            "rows": self.of(Metric.ROWS_PROFILED, "Sum", period),
        }
        return cloudwatch.MathExpression(
            expression="IF(rows + unreadable > 0, 100 * unreadable / (rows + unreadable), 0)",
            using_metrics=used,
            period=period,
            label="unreadable records, percent",
        )

    def invocations_without_captures(self, period: cdk.Duration) -> cloudwatch.MathExpression:
        """1 where the endpoint was used and nothing was profiled, else 0."""
        used = {
            "invocations": self.endpoint("Invocations", "Sum", period),
            "rows": self.of(Metric.ROWS_PROFILED, "Sum", period),
        }
        return cloudwatch.MathExpression(
            expression="IF(FILL(invocations, 0) > 0, IF(FILL(rows, 0) < 1, 1, 0), 0)",
            using_metrics=used,
            period=period,
            label="invocations without captures",
        )
