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
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

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
    """

    label: int | str | None = None
    score: int | str | None = None
    threshold: float = 0.5


@dataclass(frozen=True)
class Label:
    """The ground truth: its column's name in data files, and the value that counts as positive (binary)."""

    name: str
    positive: str = "1"


@dataclass(frozen=True)
class DriftMonitor:
    """The drift monitor: `window_hours` before each look; at most `false_alarms_per_month` on healthy traffic."""

    schedule: str
    looks_per_month: float
    window_hours: int
    false_alarms_per_month: float
    minimum_rows: int


@dataclass(frozen=True)
class Gate:
    """What a candidate must show against the champion on the same labelled holdout.

    `metric` is better when higher for roc_auc and accuracy, when lower for rmse. The candidate passes when its gain is
    at least `minimum_gain` and the paired bootstrap's lower bound of it (at `confidence`) at least `-maximum_loss`.
    """

    metric: str
    minimum_gain: float
    maximum_loss: float
    confidence: float


@dataclass(frozen=True)
class Retraining:
    """When and on what a model is trained anew."""

    on_drift: bool
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
    attached_capture_prefix: str | None = None

    @property
    def profiled_features(self) -> tuple[Feature, ...]:
        """The features that profiles, findings and training sets may hold."""
        return tuple(feature for feature in self.features if not feature.personal)

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
        return value
    if origin is tuple:
        return tuple(_read(arguments[0], item) for item in value)
    if origin is not None:
        return dict(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(value)
    return value
