"""When a metric is too much, and what a person does about it: every metric alarm of a model, by what it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.model_metrics import ModelMetrics
from infra.shared import ModelContext
from watchkeeper.errors import ConfigError
from watchkeeper.naming import AlarmKind, Metric

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
        **(_of_bias(metrics) if context.spec.bias else {}),
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


def _of_bias(metrics: ModelMetrics) -> dict[AlarmKind, Definition]:
    """Alarms over how groups of people fare; while groups have too few rows, the last verdict holds."""
    keep = cloudwatch.TreatMissingData.IGNORE
    return {
        AlarmKind.BIAS: Definition(
            metrics.of(Metric.BIASED_GROUPS, "Maximum", metrics.bias),
            1,
            "Look at the newest look of the bias monitor under findings/: which group fares worse, by which metric, "
            "and was it so when the version was judged? If not, go back to the last good version.",
            inclusive=True,
            missing=keep,
        ),
        AlarmKind.BIAS_DRIFT: Definition(
            metrics.of(Metric.BIAS_DRIFT, "Maximum", metrics.bias),
            1,
            "Look at the newest look of the bias monitor under findings/: which group fares otherwise than when the "
            "version was judged? Look at the drift monitor's findings for the same time first.",
            missing=keep,
        ),
    }


def _of_captures(metrics: ModelMetrics, *, missed: bool) -> dict[AlarmKind, Definition]:
    quarter = cdk.Duration.minutes(15)
    unreadable = Definition(
        metrics.unreadable_percent(quarter),
        UNREADABLE_PERCENT,
        "Read the reasons under quarantine/ in the data bucket: requests no longer look as the model's file says.",
    )
    missing = Definition(
        metrics.invocations_without_captures(quarter),
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


def _captures(context: ModelContext) -> bool:
    """Whether the endpoint captures anything; one that is not ours is watched because it does."""
    create = context.config.endpoint.create
    return create is None or create.capture_percent > 0
