"""A bounded number of alarms a model, whatever the number of features, and one composite over all of them.

Three jobs, kept apart: `ModelMetrics` says what is measured, `definitions` when it is too much and what to do, and the
construct turns both into alarms. Alarms send nothing themselves: `notify` makes a readable message of a state change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.shared import ModelContext
from watchkeeper import naming
from watchkeeper.errors import ConfigError
from watchkeeper.message import SEVERITIES
from watchkeeper.naming import AlarmKind, Metric

SAGEMAKER_NAMESPACE = "AWS/SageMaker"
METRICS_IN_ONE_EXPRESSION = 10
"""CloudWatch's limit for an alarm."""
UNREADABLE_PERCENT = 1.0
FUNCTION_ERRORS_IN_PERIOD = 3
"""One failed asynchronous invocation is tried three times: so many errors are a failure that no retry cured."""


@dataclass(frozen=True)
class Watched:
    """What the alarms look at, beside the model's own metrics.

    Attributes
    ----------
    functions : that run by themselves; when one fails that a machine calls, the machine fails
    monitors : that look at windows on a schedule
    deciders : that machines call
    """

    functions: Sequence[str]
    monitors: Sequence[str]
    deciders: Sequence[str]
    machines: Mapping[str, str]
    dead_letter_queues: Sequence[str]

    @property
    def all_functions(self) -> list[str]:
        """All of them."""
        return [*self.functions, *self.monitors, *self.deciders]


@dataclass(frozen=True)
class Definition:
    """When a metric is too much, and what a person does about it.

    Attributes
    ----------
    points, of : how many of how many periods must breach
    missing : what no data means
    todo : one sentence, in the alarm's description
    """

    metric: cloudwatch.IMetric
    threshold: float
    todo: str
    inclusive: bool = False
    points: int = 1
    of: int = 1
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING

    def check(self, name: str) -> None:
        """Refuse what CloudWatch refuses.

        Raises
        ------
        ConfigError
            More points must breach than are looked at.
        """
        if not 1 <= self.points <= self.of:
            raise ConfigError(f"Alarm {name}: {self.points} of {self.of} periods must breach. Use M of N with M ≤ N.")


class ModelMetrics:
    """What is measured of one model."""

    def __init__(self, context: ModelContext) -> None:
        self._context = context
        self.reckoning = cdk.Duration.seconds(int(context.config.monitors.performance.every.total_seconds()))
        self.estimating = cdk.Duration.seconds(int(context.config.monitors.estimated_performance.every.total_seconds()))
        self.join = cdk.Duration.seconds(int(context.config.labels.every.total_seconds()))
        self.attribution = cdk.Duration.seconds(int(context.config.monitors.attribution.every.total_seconds()))
        self.look = cdk.Duration.seconds(int(context.config.monitors.drift.every.total_seconds()))

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


def definitions(context: ModelContext, watched: Watched) -> dict[AlarmKind, Definition]:
    """All metric alarms of a model."""
    metrics = ModelMetrics(context)
    return {
        **_of_findings(metrics),
        **(_of_quality(metrics) if context.spec.quality.alarms else {}),
        **_of_captures(metrics, missed=_captures(context)),
        **_of_labels(metrics),
        **_of_estimates(metrics),
        **(_of_attribution(metrics) if context.spec.attribution.enabled else {}),
        **_of_workings(metrics, watched),
        **_of_endpoint(metrics, context.spec.rollout.error_rate),
    }


def _of_findings(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """Alarms over verdicts: between two of them, and while there are too few rows, the last one holds."""
    keep = cloudwatch.TreatMissingData.IGNORE
    return {
        AlarmKind.DRIFT: Definition(
            metrics.of(Metric.DRIFTED_FEATURES, "Maximum", metrics.look),
            1,
            "Look at the newest findings: which features changed, and did the data or the world? Retraining starts by "
            "itself if the model's file says so.",
            inclusive=True,
            missing=keep,
        ),
        AlarmKind.PREDICTION_DRIFT: Definition(
            metrics.of(Metric.PREDICTION_DRIFT, "Maximum", metrics.look),
            0,
            "Look at the newest findings: if no feature changed with the predictions, suspect the model.",
            missing=keep,
        ),
        AlarmKind.SUSPECT_VERSION: Definition(
            metrics.of(Metric.SUSPECT_VERSION, "Maximum", metrics.look),
            1,
            "The new version's predictions changed while its inputs did not. It is rolled back by itself if the "
            "model's file says so.",
            inclusive=True,
            missing=keep,
        ),
    }


def _of_quality(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """Alarms over the data-quality monitor; skew is told once, at a version's first look."""
    return {
        AlarmKind.DATA_QUALITY: Definition(
            metrics.of(Metric.QUALITY_VIOLATIONS, "Maximum", metrics.look),
            1,
            "Look at the newest outcome of the data-quality monitor under findings/: which columns are faulty? Mend "
            "their source.",
            inclusive=True,
            missing=cloudwatch.TreatMissingData.IGNORE,
        ),
        AlarmKind.TRAIN_SERVE_SKEW: Definition(
            metrics.of(Metric.SKEWED_FEATURES, "Maximum", metrics.look),
            1,
            "The first requests to a version differ from its training data: compare how training and serving compute "
            "the named features.",
            inclusive=True,
        ),
    }


def _of_labels(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """Alarms over labels, and over what they say of predictions; while there are too few, the last verdict holds."""
    keep = cloudwatch.TreatMissingData.IGNORE
    return {
        AlarmKind.PERFORMANCE: Definition(
            metrics.of(Metric.PERFORMANCE_FALL, "Maximum", metrics.reckoning),
            0,
            "Look at the newest look of the performance monitor under findings/: which metrics and segments fell? If "
            "the labels are right, retrain.",
            missing=keep,
        ),
        AlarmKind.CONCEPT_DRIFT: Definition(
            metrics.of(Metric.CONCEPT_DRIFT, "Maximum", metrics.reckoning),
            1,
            "Look at the newest look of the performance monitor under findings/: where do labels differ from what was "
            "to be expected? If they are right, retrain on recent labels.",
            inclusive=True,
            missing=keep,
        ),
        AlarmKind.UNUSABLE_LABELS: Definition(
            metrics.of(Metric.UNUSABLE_LABELS, "Sum", metrics.join),
            1,
            "Some labels cannot be used. The log of the function join_labels says which, by file and line, and why: "
            "mend what writes them, and write the file again.",
            inclusive=True,
        ),
    }


def _of_estimates(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """An alarm over what is to be expected before labels come; while nothing can be said, the last verdict holds."""
    return {
        AlarmKind.ESTIMATED_PERFORMANCE: Definition(
            metrics.of(Metric.ESTIMATED_FALL, "Maximum", metrics.estimating),
            0,
            "Look at the newest look at estimated performance under findings/: which metrics are estimated to have "
            "fallen, and which features moved? Ask for labels of some of these rows first.",
            missing=cloudwatch.TreatMissingData.IGNORE,
        ),
    }


def _of_attribution(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """The alarm over what the model goes by; between two looks, and while rows are too few, the last verdict holds."""
    return {
        AlarmKind.ATTRIBUTION_DRIFT: Definition(
            metrics.of(Metric.ATTRIBUTION_DRIFT, "Maximum", metrics.attribution),
            1,
            "Look at the newest look of the attribution monitor under findings/: which features rose or fell? Has "
            "their source changed, or the container?",
            inclusive=True,
            missing=cloudwatch.TreatMissingData.IGNORE,
        ),
    }


def _of_captures(metrics: ModelMetrics, *, missed: bool) -> dict[AlarmKind, Definition]:
    quarter = cdk.Duration.minutes(15)
    unreadable = Definition(
        _unreadable_percent(metrics, quarter),
        UNREADABLE_PERCENT,
        "Read the reasons under quarantine/ in the data bucket: requests no longer look as the model's file says.",
    )
    missing = Definition(
        _missing(metrics, quarter),
        1,
        "The endpoint is used but no capture is profiled: was the model onboarded? Check the disk of its instances "
        "(capture stops above 75 %), its role and its capture settings; of an attached endpoint also whether its "
        "owner's bucket still sends events to EventBridge.",
        inclusive=True,
        points=4,
        of=4,
    )
    return {AlarmKind.UNREADABLE_CAPTURE: unreadable} | ({AlarmKind.MISSING_CAPTURE: missing} if missed else {})


def _of_workings(metrics: ModelMetrics, watched: Watched) -> dict[AlarmKind, Definition]:
    """Alarms over what watches the model: nobody would miss a message that never came."""
    machines = list(watched.machines.values())
    return {
        AlarmKind.DEAD_LETTERS: Definition(
            metrics.total(
                "AWS/SQS",
                "QueueName",
                ["ApproximateNumberOfMessagesVisible"],
                watched.dead_letter_queues,
                "Maximum",
            ),
            0,
            "Read the function's log for the reason, mend it, and move the messages back to their queue (redrive).",
        ),
        AlarmKind.FUNCTION_ERRORS: Definition(
            metrics.total("AWS/Lambda", "FunctionName", ["Errors"], watched.functions, "Sum"),
            FUNCTION_ERRORS_IN_PERIOD,
            "Read the logs under /watchkeeper/ of the function that fails.",
            inclusive=True,
        ),
        AlarmKind.MONITOR_ERRORS: Definition(
            metrics.total("AWS/Lambda", "FunctionName", ["Errors"], watched.monitors, "Sum"),
            FUNCTION_ERRORS_IN_PERIOD,
            "Read the logs under /watchkeeper/ of the monitor that fails: until it is mended, its last verdict stands.",
            inclusive=True,
        ),
        AlarmKind.AUTOMATION_FAILED: Definition(
            metrics.total("AWS/States", "StateMachineArn", ["ExecutionsFailed", "ExecutionsTimedOut"], machines, "Sum"),
            0,
            "Open the failed execution in the Step Functions console: its last step says why. The version that served "
            "before goes on serving.",
        ),
    }


def _of_endpoint(metrics: ModelMetrics, error_rate: float) -> dict[AlarmKind, Definition]:
    return {
        AlarmKind.SERVER_ERRORS: Definition(
            metrics.endpoint("Invocation5XXErrors", "Average", cdk.Duration.minutes(1)),
            error_rate,
            "Read the endpoint's log. If a new version is to blame, start the rollback machine.",
            points=3,
            of=5,
        ),
    }


def _unreadable_percent(metrics: ModelMetrics, period: cdk.Duration) -> cloudwatch.MathExpression:
    used = {
        "unreadable": metrics.of(Metric.UNREADABLE_RECORDS, "Sum", period),
        "rows": metrics.of(Metric.ROWS_PROFILED, "Sum", period),
    }
    return cloudwatch.MathExpression(
        expression="IF(rows + unreadable > 0, 100 * unreadable / (rows + unreadable), 0)",
        using_metrics=used,
        period=period,
        label="unreadable records, percent",
    )


def _missing(metrics: ModelMetrics, period: cdk.Duration) -> cloudwatch.MathExpression:
    used = {
        "invocations": metrics.endpoint("Invocations", "Sum", period),
        "rows": metrics.of(Metric.ROWS_PROFILED, "Sum", period),
    }
    return cloudwatch.MathExpression(
        expression="IF(FILL(invocations, 0) > 0, IF(FILL(rows, 0) < 1, 1, 0), 0)",
        using_metrics=used,
        period=period,
        label="invocations without captures",
    )


class Alarms(Construct):
    """All alarms of a model.

    Attributes
    ----------
    by_kind : the metric alarms
    attention : the composite, in alarm while any of them is
    """

    def __init__(self, scope: Construct, context: ModelContext, watched: Watched) -> None:
        super().__init__(scope, "Alarms")
        self.by_kind: dict[AlarmKind, cloudwatch.Alarm] = {}
        for kind, definition in definitions(context, watched).items():
            self.by_kind[kind] = self._alarm(context, kind, definition)
        self.attention = cloudwatch.CompositeAlarm(
            self,
            "Attention",
            composite_alarm_name=naming.alarm(context.name, AlarmKind.ATTENTION),
            alarm_description=f"{context.name} needs a look: at least one of its alarms is in alarm.",
            alarm_rule=cloudwatch.AlarmRule.any_of(*self.by_kind.values()),
        )

    def _alarm(self, context: ModelContext, kind: AlarmKind, definition: Definition) -> cloudwatch.Alarm:
        name = naming.alarm(context.name, kind)
        definition.check(name)
        operators = cloudwatch.ComparisonOperator
        return cloudwatch.Alarm(
            self,
            "".join(word.title() for word in kind.value.split("-")),
            alarm_name=name,
            alarm_description=f"[{SEVERITIES[kind]}] {definition.todo}",
            metric=definition.metric,
            threshold=definition.threshold,
            comparison_operator=(
                operators.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
                if definition.inclusive
                else operators.GREATER_THAN_THRESHOLD
            ),
            evaluation_periods=definition.of,
            datapoints_to_alarm=definition.points,
            treat_missing_data=definition.missing,
        )


def _captures(context: ModelContext) -> bool:
    """Whether the endpoint captures anything; one that is not ours is watched because it does."""
    create = context.config.endpoint.create
    return create is None or create.capture_percent > 0
