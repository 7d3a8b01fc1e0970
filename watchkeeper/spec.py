"""What the running system needs to know of one model: the YAML file, validated and resolved.

`watchkeeper.config` reads and validates the YAML with pydantic when the stack is synthesized. Functions and Spark jobs
read the result, a JSON file deployed beside their code, with the standard library alone: a cold start pays nothing.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from watchkeeper import naming
from watchkeeper.errors import ConfigError

DEPLOYED_PACKAGE = "watchkeeper_model"
"""Package that a deployed archive holds beside the library; it has one file, `model.json`."""


class Task(StrEnum):
    """What the model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


class Kind(StrEnum):
    """How a feature's values are read and profiled.

    Of a text only its length in characters is kept. A timestamp is ISO 8601 text, or (milli)seconds since 1970.
    """

    NUMBER = "number"
    INTEGER = "integer"
    CATEGORY = "category"
    TEXT = "text"
    TIMESTAMP = "timestamp"


class InputFormat(StrEnum):
    """How a request holds its rows."""

    CSV = "csv"
    JSON = "json"


class Strategy(StrEnum):
    """How traffic moves to a new version."""

    ALL_AT_ONCE = "all_at_once"
    CANARY = "canary"
    LINEAR = "linear"


class AttributionMethod(StrEnum):
    """How what a model goes by is found out."""

    SAMPLING = "sampling"
    """The model answers perturbed rows: that takes any model."""
    EXACT = "exact"
    """The fitted estimator is read: linear models and trees alone."""


@dataclass(frozen=True)
class Feature:
    """One column of a request, in the order in which the model takes them.

    A personal field never leaves the capture prefix: it is in no profile, finding, training set, log or report.
    """

    name: str
    kind: Kind
    sensitive: bool = False
    personal: bool = False


@dataclass(frozen=True)
class Output:
    """Where an answer holds the predicted label and the score; `None` reads the usual forms by their shape.

    `label` and `score` are a column's position in CSV or list answers, or a name in JSON answers. A score is the
    probability of the positive class (binary), of the predicted class (multiclass) or the predicted value (regression).

    `classes` are those of a multiclass model that answers a probability for each, in the order in which it does.
    """

    label: int | str | None = None
    score: int | str | None = None
    threshold: float = 0.5
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Label:
    """The ground truth: its column's name in data files, and the value that counts as positive (binary)."""

    name: str
    positive: str = "1"


@dataclass(frozen=True)
class Labelling:
    """How labels are joined with predictions.

    Attributes
    ----------
    horizon_days : how late labels and captures may come
    patience_hours : how long a label waits for a prediction that is captured later than it
    """

    schedule: str = "rate(1 hour)"
    horizon_days: int = 30
    patience_hours: int = 48


@dataclass(frozen=True)
class DriftMonitor:
    """The drift monitor: `window_hours` before each look; at most `false_alarms_per_month` on healthy traffic."""

    schedule: str
    looks_per_month: float
    window_hours: int
    false_alarms_per_month: float
    minimum_rows: int


@dataclass(frozen=True)
class QualityMonitor:
    """The data-quality monitor: the shares of a window's rows that pass without a word, and when captures are late.

    Attributes
    ----------
    missing : rise of a column's share of missing values over the baseline's
    wrong_type, out_of_range, unknown_category, infinite : share of a column's values
    unreadable : share of the captured records
    unknown_key : share of the rows of JSON requests
    gap_hours : hours without captures between others; 0 never minds
    lag_hours : hours without captures at the window's end, and hours after which a capture is late; 0 never minds
    alarms : whether a fault raises the alarm; it is always stored
    constraints : the text of a Model Monitor `constraints.json` that windows must satisfy as well
    """

    missing: float = 0.05
    wrong_type: float = 0.001
    out_of_range: float = 0.01
    unknown_category: float = 0.01
    infinite: float = 0.0
    unreadable: float = 0.01
    unknown_key: float = 0.01
    gap_hours: int = 6
    lag_hours: int = 3
    alarms: bool = True
    constraints: str | None = None


@dataclass(frozen=True)
class PerformanceMonitor:
    """The performance monitor: the predictions of `window_hours` before each look, with the labels known by then."""

    schedule: str = "rate(6 hours)"
    looks_per_month: float = 730 / 6
    window_hours: int = 168
    false_alarms_per_month: float = 1.0
    minimum_labels: int = 200


@dataclass(frozen=True)
class EstimateMonitor:
    """The monitor of estimated performance: the predictions of `window_hours` before each look, labelled or not."""

    schedule: str = "rate(1 hour)"
    looks_per_month: float = 730.0
    window_hours: int = 24
    false_alarms_per_month: float = 1.0
    minimum_rows: int = 200


@dataclass(frozen=True)
class AttributionMonitor:
    """The attribution monitor: what the version goes by in the `window_hours` before each look.

    Attributes
    ----------
    rows : rows that are explained, of a window and of a baseline
    requests : rows that the model may be asked for one look
    limit : NDCG below which the model goes by other features
    method : the one that is tried first; what refuses to be explained exactly is sampled
    """

    enabled: bool = True
    schedule: str = "rate(1 day)"
    window_hours: int = 24
    rows: int = 200
    requests: int = 200_000
    limit: float = 0.90
    method: AttributionMethod = AttributionMethod.SAMPLING


@dataclass(frozen=True)
class SensitiveAttribute:
    """A feature whose groups must be treated alike: see `watchkeeper.bias.Sensitive`."""

    name: str
    cuts: tuple[float, ...] = ()
    favoured: tuple[str, ...] = ()


@dataclass(frozen=True)
class BiasLimits:
    """How far a bias metric may be from a value, by its unit: see `watchkeeper.bias.Tolerance`."""

    share: float
    ratio: float
    counts: float


@dataclass(frozen=True)
class BiasMonitor:
    """The bias monitor: the predictions of `window_hours` before each look, by groups of people.

    Attributes
    ----------
    favourable : the labels that people would wish for; "positive" or "negative" of a binary model
    favourable_from : of a regression: values from here on are favourable
    intersections : pairs of attributes that are looked at together
    conditioned_on : the feature within whose values conditional metrics compare
    minimum_rows : of a group, for a verdict
    tolerated : around the value where groups are alike
    change : from the baseline's value
    """

    attributes: tuple[SensitiveAttribute, ...]
    tolerated: BiasLimits
    change: BiasLimits
    favourable: tuple[str, ...] = ("positive",)
    favourable_from: float | None = None
    intersections: tuple[tuple[str, str], ...] = ()
    conditioned_on: str | None = None
    minimum_rows: int = 100
    schedule: str = "rate(1 day)"
    looks_per_month: float = 730 / 24
    window_hours: int = 168
    false_alarms_per_month: float = 1.0


class FairnessOf(StrEnum):
    """What a candidate must not treat groups of people worse in."""

    ERRORS = "errors"
    """Of those alike in what became of them: no change of the world can be held against the candidate."""
    ALL = "all"
    """Also in how often they are predicted the favourable outcome, whatever became of them."""
    NOTHING = "nothing"


@dataclass(frozen=True)
class Gate:
    """What a candidate must show against the champion on the same labelled holdout.

    `metric` is better when higher for roc_auc and accuracy, when lower for rmse. The candidate passes when its gain is
    at least `minimum_gain` and the paired bootstrap's lower bound of it (at `confidence`) at least `-maximum_loss`.

    Attributes
    ----------
    segment_loss : how much larger the loss may be in any segment with `segment_rows`: a share of its rows, or of the
        champion's mean error; None: any
    calibration_loss : how much further off probabilities may be; None: any
    fairness : in what groups of people may not be treated worse than before
    """

    metric: str
    minimum_gain: float
    maximum_loss: float
    confidence: float
    segment_loss: float | None = None
    segment_rows: int = 100
    calibration_loss: float | None = None
    fairness: FairnessOf = FairnessOf.NOTHING


class Trigger(StrEnum):
    """What may start a retraining: alarms, labels, a schedule; a person always may."""

    DRIFT = "drift"
    PERFORMANCE = "performance"
    CONCEPT_DRIFT = "concept_drift"
    ESTIMATED_PERFORMANCE = "estimated_performance"
    BIAS = "bias"
    LABELS = "labels"
    SCHEDULE = "schedule"
    PERSON = "person"


@dataclass(frozen=True)
class Retraining:
    """When and on what a model is trained anew.

    Attributes
    ----------
    cooldown_hours : how long after a run's start no trigger starts another; a person may
    new_labels : labelled rows since the last run that start one; of the trigger `labels`
    schedule : when one is started in any case; of the trigger `schedule`
    """

    triggers: tuple[Trigger, ...]
    cooldown_hours: float
    new_labels: int
    schedule: str | None
    minimum_labels: int
    window_days: int
    holdout_share: float
    label_wait_minutes: int
    label_wait_limit: int
    hyperparameters: Mapping[str, str]
    gate: Gate
    approval: str


@dataclass(frozen=True)
class Rollout:
    """How a version gets its traffic, and when that is undone. Times in seconds, sizes in percent of capacity."""

    strategy: Strategy
    size_percent: int
    wait_seconds: int
    termination_wait_seconds: int
    timeout_seconds: int
    error_rate: float
    probation_hours: int


@dataclass(frozen=True)
class Attached:
    """What the model's file says of an endpoint that Watchkeeper did not make.

    Attributes
    ----------
    capture : destination of its data capture, as its endpoint config has it
    artefacts : what its model loads, `s3://` URIs of objects, or of prefixes with a slash at the end
    kms_keys : ARNs of the keys that its owner has encrypted captures and artefacts with
    """

    endpoint: str
    capture: str
    artefacts: tuple[str, ...] = ()
    kms_keys: tuple[str, ...] = ()

    @property
    def bucket(self) -> str:
        """Bucket of its captures."""
        return self.capture.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Prefix of its captures alone, for endpoints may share a destination."""
        return naming.attached_prefix(self.capture.removeprefix("s3://").partition("/")[2], self.endpoint)


@dataclass(frozen=True)
class Card:
    """What a person says of the model, for its model cards; the rest of a card is measured.

    Attributes
    ----------
    risk : High, Medium, Low or Unknown
    """

    description: str = ""
    owner: str = ""
    purpose: str = ""
    intended_uses: str = ""
    risk: str = "Unknown"
    risk_explained: str = ""
    ethical_considerations: str = ""
    caveats: str = ""


@dataclass(frozen=True)
class ModelSpec:
    """One model, as its functions and jobs see it."""

    name: str
    task: Task
    endpoint: str
    features: tuple[Feature, ...]
    input_format: InputFormat
    output: Output
    label: Label
    drift: DriftMonitor
    retraining: Retraining
    rollout: Rollout
    attached: Attached | None = None
    quality: QualityMonitor = QualityMonitor()
    labelling: Labelling = Labelling()
    performance: PerformanceMonitor = PerformanceMonitor()
    attribution: AttributionMonitor = AttributionMonitor()
    card: Card = Card()
    estimated_performance: EstimateMonitor = EstimateMonitor()
    bias: BiasMonitor | None = None

    @property
    def profiled_features(self) -> tuple[Feature, ...]:
        """The features that profiles, findings and training sets may hold."""
        return tuple(feature for feature in self.features if not feature.personal)

    def captures(self, bucket: str, version: str | None = None) -> tuple[tuple[str, str], ...]:
        """Bucket and prefix of every place that holds captures, of one version or of all.

        An attached endpoint writes what its first version is asked to its owner's bucket. As soon as Watchkeeper rolls
        out a version, be it the first one anew, captures go to the data bucket (`bucket`).
        """
        ours = (bucket, naming.capture_prefix(self.name, version))
        if self.attached is None or version not in (None, naming.FIRST_VERSION):
            return (ours,)
        return ((self.attached.bucket, self.attached.prefix), ours)

    def captured_in(self, bucket: str, version: str, hour: datetime) -> tuple[tuple[str, str], ...]:
        """Bucket and prefix of every place that holds what the endpoint captured of a version in a UTC hour."""
        ours = (bucket, naming.captured_hour_prefix(self.name, version, self.endpoint, hour))
        if self.attached is None or version != naming.FIRST_VERSION:
            return (ours,)
        return ((self.attached.bucket, f"{self.attached.prefix}{hour:%Y/%m/%d/%H}/"), ours)

    def parse_capture_key(self, key: str) -> naming.CaptureKey:
        """Read the key of a capture object of this model: see `naming.parse_capture_key`."""
        return naming.parse_capture_key(self.name, key, self.attached.prefix if self.attached else None)

    def to_json(self) -> str:
        """Canonical JSON: the same spec always gives the same bytes."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> ModelSpec:
        """Read what `to_json` wrote.

        Raises
        ------
        ConfigError
            The text is not a spec of this version of the library.
        """
        try:
            spec: ModelSpec = _read(cls, json.loads(text))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"The deployed model description cannot be read ({error!r}). Deploy the model's stack again."
            ) from error
        return spec


@cache
def deployed_spec() -> ModelSpec:
    """The spec of the model whose archive this code was deployed in (Lambda folder or Glue zip)."""
    return ModelSpec.from_json(resources.files(DEPLOYED_PACKAGE).joinpath("model.json").read_bytes())


def _read(kind: Any, value: Any) -> Any:
    """Build `kind` (a dataclass, enum, tuple, mapping, union or scalar) from parsed JSON."""
    if is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        unknown = value.keys() - {field.name for field in fields(kind)}
        if unknown:
            raise KeyError(f"unknown fields {sorted(unknown)} in {kind.__name__}")
        return kind(**{name: _read(hints[name], item) for name, item in value.items()})
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        parts = [part for part in arguments if is_dataclass(part) and isinstance(value, Mapping)]
        return _read(parts[0], value) if parts else value
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in value)
    if origin is not None:
        return dict(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return value
