"""What a user may write in `models/<name>.yaml`, with every default and every limit.

The limits are those of the services behind a setting (see each field); they are checked here, before anything is
deployed. `ModelConfig.spec()` gives the running parts their view of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from watchkeeper import spec
from watchkeeper.config.bias import Columns
from watchkeeper.config.card import Card
from watchkeeper.config.classes import Classes
from watchkeeper.config.durations import Duration, render_duration
from watchkeeper.config.labels import Label, Labels
from watchkeeper.config.monitors import Monitors
from watchkeeper.config.parts import INSTANCE_TYPE, Percent, S3Uri, Section, Severity, Text
from watchkeeper.config.retraining import Retraining
from watchkeeper.spec import AttributionMethod, BiasMonitor, InputFormat, Kind, Strategy, Task

NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
"""Lower case, digits and single hyphens: `--` is the separator of resource names (see `watchkeeper.naming`)."""
EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
SQS_ARN = r"^arn:[^:]+:sqs:[^:]+:\d{12}:.+$"
LAMBDA_ARN = r"^arn:[^:]+:lambda:[^:]+:\d{12}:function:.+$"
HTTPS_URL = r"^https://.+$"
KMS_ARN = r"^arn:[^:]+:kms:[^:]+:\d{12}:key/.+$"


class Code(Section):
    """A folder with `train.py` and `inference.py` (SageMaker script mode) and the container that runs them."""

    framework: Literal["sklearn", "xgboost"] = Field("sklearn", description="SageMaker framework container.")
    framework_version: str | None = Field(None, description="Its version; default: sklearn 1.9-0, xgboost 3.2-0.")
    image: str | None = Field(None, description="A container image of your own, instead of the framework's.")

    @property
    def version(self) -> str:
        """The framework version, with its default."""
        return self.framework_version or {"sklearn": "1.9-0", "xgboost": "3.2-0"}[self.framework]


class Autoscaling(Section):
    """Scales the endpoint's instances to hold a number of invocations an instance and minute."""

    minimum: int = Field(1, ge=1, le=100)
    maximum: int = Field(4, ge=1, le=100)
    invocations_per_instance: int = Field(1000, ge=1, description="Target invocations an instance and minute.")

    @model_validator(mode="after")
    def _ordered(self) -> Autoscaling:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is above maximum ({self.maximum}): raise the maximum")
        return self


class CreateEndpoint(Code):
    """A new endpoint, made and owned by the model's stack."""

    source: Path = Field(description="Folder with train.py and inference.py, relative to the project's root.")
    instance_type: str = Field("ml.m5.large", pattern=INSTANCE_TYPE)
    instance_count: int = Field(1, ge=1, le=100)
    autoscaling: Autoscaling | None = None
    capture_percent: Percent = Field(100, description="Share of requests that data capture keeps.")
    environment: Mapping[str, Text] = Field(default_factory=dict, description="Environment of the serving container.")


class AttachEndpoint(Code):
    """An endpoint that exists already and has data capture switched on."""

    name: str = Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", description="The endpoint's name.")
    capture: S3Uri = Field(description="Its data capture destination (the bucket must send events to EventBridge).")
    artefacts: tuple[S3Uri, ...] = Field(
        (), description="What its model loads (archive, code): objects, or prefixes that end with a slash."
    )
    kms_keys: tuple[Annotated[str, Field(pattern=KMS_ARN)], ...] = Field(
        (), description="ARNs of its owner's keys that encrypt captures or artefacts."
    )
    source: Path | None = Field(None, description="Folder with train.py and inference.py, if it shall be retrained.")


class Endpoint(Section):
    """The endpoint to watch: exactly one of `create` and `attach`."""

    create: CreateEndpoint | None = None
    attach: AttachEndpoint | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Endpoint:
        if (self.create is None) == (self.attach is None):
            raise ValueError("give exactly one of 'create' (a new endpoint) and 'attach' (one that exists)")
        return self


class Input(Section):
    """What a request holds: the features in the order in which the model takes them."""

    format: InputFormat = InputFormat.CSV
    features: Mapping[str, Kind] = Field(min_length=1, max_length=2000, description="Name and type, in order.")
    sensitive: tuple[str, ...] = Field((), description="Features whose groups must be treated alike.")
    personal: tuple[str, ...] = Field((), description="Fields that never leave the capture prefix.")

    @model_validator(mode="after")
    def _flags_name_features(self) -> Input:
        for flag in ("sensitive", "personal"):
            unknown = [name for name in getattr(self, flag) if name not in self.features]
            if unknown:
                raise ValueError(f"{flag} names {unknown[0]!r}, which is not a feature: add it or correct the name")
        if set(self.personal) >= set(self.features):
            raise ValueError("every feature is personal, so nothing could be monitored: leave at least one out")
        return self


class Output(Section):
    """Where an answer holds label and score. Leave out to read the usual forms by their shape."""

    label: int | str | None = Field(None, description="Column position (CSV, lists) or name (JSON) of the label.")
    score: int | str | None = Field(None, description="Column position or name of the score.")
    threshold: float = Field(0.5, ge=0, le=1, description="Binary: scores from here on mean positive.")
    classes: Classes = ()


class Baseline(Section):
    """The data that healthy traffic looks like."""

    data: str | None = Field(
        None, description="CSV or Parquet file with the features and the label; path or s3:// URI."
    )


class Subscriber(Section):
    """One receiver of alerts: exactly one of email, sqs, https and lambda."""

    email: str | None = Field(None, pattern=EMAIL)
    sqs: str | None = Field(None, pattern=SQS_ARN)
    https: str | None = Field(None, pattern=HTTPS_URL)
    lambda_: str | None = Field(None, alias="lambda", pattern=LAMBDA_ARN)
    severity: Severity = Field("warning", description="The least severity that is sent.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Subscriber:
        if sum(value is not None for value in (self.email, self.sqs, self.https, self.lambda_)) != 1:
            raise ValueError("name exactly one of email, sqs, https and lambda for each subscriber")
        return self

    @property
    def protocol(self) -> Literal["email", "sqs", "https", "lambda"]:
        """SNS protocol of the subscription."""
        if self.email:
            return "email"
        if self.sqs:
            return "sqs"
        return "https" if self.https else "lambda"

    @property
    def address(self) -> str:
        """SNS endpoint of the subscription."""
        return self.email or self.sqs or self.https or self.lambda_ or ""


class Rollout(Section):
    """How a version gets its traffic (SageMaker deployment guardrails), and when that is undone."""

    strategy: Strategy = Strategy.CANARY
    size: Percent = Field(10, description="Percent of the new fleet in a canary, or in each linear step.")
    wait: Duration = Field(timedelta(minutes=10), description="How long each step is watched; at most 1 hour.")
    termination_wait: Duration = Field(timedelta(minutes=5), description="How long the old fleet is kept after that.")
    timeout: Duration = Field(timedelta(hours=2), description="10 minutes to 8 hours; more than all waits together.")
    error_rate: float = Field(0.02, gt=0, lt=1, description="Share of 5xx answers of the new fleet that undoes it.")

    @property
    def waits(self) -> timedelta:
        """All waits of a rollout together."""
        steps = {Strategy.ALL_AT_ONCE: 1, Strategy.CANARY: 1, Strategy.LINEAR: -(-100 // max(self.size, 1))}
        return self.wait * steps[self.strategy] + self.termination_wait

    @model_validator(mode="after")
    def _within_guardrails(self) -> Rollout:
        if self.strategy is Strategy.CANARY and not 1 <= self.size <= 50:
            raise ValueError(f"size is {self.size}, but a canary takes 1 to 50 percent of the new fleet")
        if self.strategy is Strategy.LINEAR and not 10 <= self.size <= 50:
            raise ValueError(f"size is {self.size}, but a linear step takes 10 to 50 percent of the new fleet")
        for name in ("wait", "termination_wait"):
            if getattr(self, name) > timedelta(hours=1):
                raise ValueError(
                    f"{name} is {render_duration(getattr(self, name))}, but SageMaker waits at most 1 hour"
                )
        if not timedelta(minutes=10) <= self.timeout <= timedelta(hours=8):
            raise ValueError(f"timeout is {render_duration(self.timeout)}, but must be 10 minutes to 8 hours")
        if self.timeout <= self.waits:
            raise ValueError(
                f"timeout is {render_duration(self.timeout)}, but the waits add up to {render_duration(self.waits)}: "
                "raise the timeout or shorten the waits"
            )
        return self


class Rollback(Section):
    """Going back to the last good version."""

    automatic: bool = Field(True, description="Roll back a new version whose predictions alone have drifted.")
    probation: Duration = Field(timedelta(hours=24), description="How long a new version is under suspicion.")


class Retention(Section):
    """How long each kind of data is kept."""

    captures: Duration = timedelta(days=30)
    labels: Duration = timedelta(days=365)
    predictions: Duration = timedelta(days=400)
    profiles: Duration = timedelta(days=400)
    findings: Duration = timedelta(days=400)
    training: Duration = timedelta(days=365)
    logs: Duration = timedelta(days=90)

    @model_validator(mode="after")
    def _whole_days(self) -> Retention:
        for name, value in self:
            if value < timedelta(days=1) or value.total_seconds() % 86400:
                raise ValueError(f"{name} is {render_duration(value)}, but retention counts in whole days")
        return self


class ModelConfig(Section):
    """One monitored model."""

    name: str = Field(pattern=NAME, max_length=30, description="Lower case, digits and single hyphens.")
    task: Task
    description: str = Field("", max_length=200)
    endpoint: Endpoint
    input: Input
    output: Output = Output()
    label: Label
    labels: Labels = Labels()
    baseline: Baseline = Baseline()
    monitors: Monitors = Monitors()
    card: Card = Card()
    alerts: tuple[Subscriber, ...] = ()
    retraining: Retraining = Retraining()
    rollout: Rollout = Rollout()
    rollback: Rollback = Rollback()
    retention: Retention = Retention()
    tags: Mapping[str, str] = Field(default_factory=dict, max_length=40)

    @field_validator("label", mode="before")
    @classmethod
    def _label_by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _parts_agree(self) -> ModelConfig:
        if self.label.name in self.input.features:
            raise ValueError(f"label {self.label.name!r} is also a feature: remove it from input.features")
        if self.output.classes and self.task is not Task.MULTICLASS:
            raise ValueError(f"output.classes are of multiclass models, but this one is {self.task}: leave them out")
        metric = self.gate_metric
        if (metric == "rmse") != (self.task is Task.REGRESSION) or (
            metric == "roc_auc" and self.task is not Task.BINARY
        ):
            raise ValueError(f"retraining.gate.metric {metric!r} does not suit a {self.task} model: leave it out")
        if self.retraining.triggers and self.code_folder is None:
            raise ValueError("retraining needs a training script: give endpoint.attach.source, or set triggers to []")
        if self.personal_features and self.retraining.triggers:
            raise ValueError(
                f"retraining cannot use the personal field {self.personal_features[0]!r}, which never leaves the "
                "capture prefix: stop sending it to the model, or set retraining.triggers to []"
            )
        if "bias" in self.retraining.triggers and self.monitors.bias is None:
            raise ValueError("retraining.triggers lists bias: name who is watched in monitors.bias, or leave it out")
        self._bias()  # refuses attributes that cannot be watched
        self._check_method()
        return self

    def _check_method(self) -> None:
        """Refuse to read an estimator that is out of reach, or whose answers are of another kind."""
        if self.monitors.attribution.method is not AttributionMethod.EXACT:
            return
        if self.endpoint.create is None:
            raise ValueError(
                "monitors.attribution.method exact reads the fitted model through explain_fn in inference.py, and "
                "of an attached endpoint the artefact is its owner's: leave the method out, or create the endpoint"
            )
        if self.task is Task.MULTICLASS:
            raise ValueError(
                "monitors.attribution.method exact explains a value, or the odds of two classes, and a multiclass "
                "model has neither: leave the method out"
            )

    @property
    def personal_features(self) -> tuple[str, ...]:
        """Fields of a request that never leave the capture prefix."""
        return self.input.personal

    @property
    def code(self) -> CreateEndpoint | AttachEndpoint:
        """The section that names the model's code and container."""
        section = self.endpoint.create or self.endpoint.attach
        assert section is not None  # exactly one is given: see Endpoint
        return section

    @property
    def code_folder(self) -> Path | None:
        """Folder with train.py and inference.py."""
        return self.code.source

    @property
    def endpoint_name(self) -> str:
        """Name of the SageMaker endpoint: the model's own, or the attached one's."""
        return self.endpoint.attach.name if self.endpoint.attach else self.name

    @property
    def gate_metric(self) -> str:
        """The gate's metric, with its default for the task."""
        default = {Task.BINARY: "roc_auc", Task.MULTICLASS: "accuracy", Task.REGRESSION: "rmse"}[self.task]
        return self.retraining.gate.metric or default

    def spec(self) -> spec.ModelSpec:
        """The running parts' view of this model."""
        retraining, rollout = self.retraining, self.rollout
        attach = self.endpoint.attach
        return spec.ModelSpec(
            name=self.name,
            task=self.task,
            endpoint=self.endpoint_name,
            features=tuple(
                spec.Feature(name, kind, sensitive=name in self.input.sensitive, personal=name in self.input.personal)
                for name, kind in self.input.features.items()
            ),
            input_format=self.input.format,
            output=spec.Output(self.output.label, self.output.score, self.output.threshold, self.output.classes),
            label=spec.Label(self.label.name, self.label.positive),
            drift=self.monitors.drift.spec(),
            retraining=retraining.spec(self.gate_metric),
            rollout=spec.Rollout(
                strategy=rollout.strategy,
                size_percent=rollout.size,
                wait_seconds=int(rollout.wait.total_seconds()),
                termination_wait_seconds=int(rollout.termination_wait.total_seconds()),
                timeout_seconds=int(rollout.timeout.total_seconds()),
                error_rate=rollout.error_rate,
                probation_hours=max(1, int(self.rollback.probation.total_seconds() // 3600)),
            ),
            attached=spec.Attached(attach.name, attach.capture, attach.artefacts, attach.kms_keys) if attach else None,
            quality=self.monitors.data_quality.spec(),
            labelling=self.labels.spec(),
            performance=self.monitors.performance.spec(),
            attribution=self.monitors.attribution.spec(),
            card=self.card.spec(self.description),
            estimated_performance=self.monitors.estimated_performance.spec(),
            bias=self._bias(),
        )

    def _bias(self) -> BiasMonitor | None:
        columns = Columns(self.input.features, self.input.sensitive, self.input.personal)
        return self.monitors.bias.spec(self.task, columns)


def json_schema() -> dict[str, Any]:
    """JSON schema of a model's file, for editors."""
    schema = ModelConfig.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Watchkeeper model"
    for place, name in ((schema["properties"], "label"), (schema["$defs"], "Attribute")):  # or just its name
        place[name] = {"anyOf": [{"type": "string"}, place[name]]}
    return schema
