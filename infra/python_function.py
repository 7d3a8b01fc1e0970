"""One way to define a Lambda function: arm64, pinned Python, layers, a role and a log group of its own, traced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import grants
from infra.nag import acknowledge
from infra.shared import RUNTIME, ModelContext
from watchkeeper import naming


def log_group(scope: Construct, context: ModelContext, name: str, *, group_name: str | None = None) -> logs.LogGroup:
    """A log group of the model, encrypted, kept as long as its YAML file says."""
    return logs.LogGroup(
        scope,
        "Log",
        log_group_name=group_name or f"/watchkeeper/{context.name}/{name}",
        encryption_key=context.platform.key,
        retention=retention(context.config.retention.logs.days),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


_RETENTIONS = {
    1: "ONE_DAY",
    3: "THREE_DAYS",
    5: "FIVE_DAYS",
    7: "ONE_WEEK",
    14: "TWO_WEEKS",
    30: "ONE_MONTH",
    60: "TWO_MONTHS",
    90: "THREE_MONTHS",
    120: "FOUR_MONTHS",
    150: "FIVE_MONTHS",
    180: "SIX_MONTHS",
    365: "ONE_YEAR",
    400: "THIRTEEN_MONTHS",
    545: "EIGHTEEN_MONTHS",
    731: "TWO_YEARS",
    1827: "FIVE_YEARS",
    3653: "TEN_YEARS",
}


def retention(days: int) -> logs.RetentionDays:
    """The shortest retention that CloudWatch offers and that keeps logs at least `days` days (at most ten years)."""
    chosen = min((offered for offered in _RETENTIONS if offered >= days), default=max(_RETENTIONS))
    return logs.RetentionDays[_RETENTIONS[chosen]]


class PythonFunction(Construct):
    """A function whose handler is `lambdas/<name>/handler.py` in the model's archive.

    Parameters
    ----------
    name : folder of the handler
    description : what it does, shown in the console
    layers : of the platform
    environment : beside what every function gets (the bucket, the service name, the metrics namespace)
    dead_letters : where an asynchronous invocation goes that failed three times
    """

    def __init__(
        self,
        scope: Construct,
        context: ModelContext,
        name: str,
        *,
        description: str,
        timeout: cdk.Duration,
        memory_mb: int = 256,
        layers: Sequence[str] = ("core",),
        environment: Mapping[str, str] | None = None,
        dead_letters: sqs.IQueue | None = None,
    ) -> None:
        super().__init__(scope, "".join(word.title() for word in name.split("_")))
        self._context = context
        resource_name = naming.function(context.name, name)
        group = log_group(self, context, name.replace("_", "-"))
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Watchkeeper: {name} of {context.name}",
        )
        grants.allow(
            self.role,
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [group.log_group_arn],
            "Streams of the function's own log group.",
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=resource_name,
            description=description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"lambdas.{name}.handler.handler",
            code=lambda_.Code.from_asset(str(context.archive)),
            layers=[context.platform.layers[layer] for layer in layers],
            role=self.role,
            timeout=timeout,
            memory_size=memory_mb,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=group,
            dead_letter_queue=dead_letters,
            environment={
                "BUCKET": context.platform.bucket.bucket_name,
                "POWERTOOLS_SERVICE_NAME": name,
                "POWERTOOLS_METRICS_NAMESPACE": naming.NAMESPACE,
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "OPENBLAS_NUM_THREADS": "1",  # a second thread spins, at twice the CPU for 100 features
                **(environment or {}),
            },
        )
        if dead_letters is not None:
            grants.use_key(context, self.role)
        grants.trace(self.role)
        acknowledge(self.function, {"AwsSolutions-L1": "The layers are built for this Python, from one lock."})

    @property
    def name(self) -> str:
        """Name of the function."""
        return self.function.function_name

    @property
    def arn(self) -> str:
        """ARN of the function."""
        return self.function.function_arn

    def reads(self, *prefixes: str) -> None:
        """Let it read and list prefixes of the data bucket."""
        grants.read(self._context, self.role, *prefixes)

    def lists(self, *prefixes: str) -> None:
        """Let it list prefixes of the data bucket, without reading what is there."""
        grants.find(self._context, self.role, *prefixes)

    def writes(self, *prefixes: str) -> None:
        """Let it write under prefixes of the data bucket."""
        grants.write(self._context, self.role, *prefixes)
