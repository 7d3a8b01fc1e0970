"""`constraints.json`: what a dataset must satisfy, and how strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from watchkeeper.modelmonitor.document import NOTHING, Part, overlay, read, write
from watchkeeper.modelmonitor.statistics import InferredType

FILE = "constraints.json"
ROBUST, SIMPLE = "Robust", "Simple"
L_INFINITY, CHI_SQUARED = "LInfinity", "ChiSquared"

_METHODS = {"Robust": ROBUST, "Simple": SIMPLE, "linf_robust": ROBUST, "linf_simple": SIMPLE}
_CATEGORICAL_METHODS = {"LInfinity": L_INFINITY, "ChiSquared": CHI_SQUARED}
_OVERRIDES = ("monitoringConfigOverrides", "monitoring_config_overrides")
"""Documentation and containers spell it differently."""


@dataclass(frozen=True)
class MonitoringConfig:
    """How constraints are checked. The defaults are those of the files that Model Monitor writes.

    Attributes
    ----------
    datatype_check_threshold : least share of values that must be of the expected type
    domain_content_threshold : least share of values that must be of the domain
    comparison_threshold : distance from the baseline's distribution above which it has drifted
    categorical_comparison_threshold : the same for categories; None: the same number
    """

    evaluate_constraints: bool = True
    emit_metrics: bool = True
    datatype_check_threshold: float = 1.0
    domain_content_threshold: float = 1.0
    perform_comparison: bool = True
    comparison_threshold: float = 0.1
    comparison_method: str = ROBUST
    categorical_comparison_threshold: float | None = None
    categorical_drift_method: str = L_INFINITY

    @property
    def categorical_threshold(self) -> float:
        """The threshold for categories."""
        own = self.categorical_comparison_threshold
        return self.comparison_threshold if own is None else own

    def changed_by(self, part: Part) -> MonitoringConfig:
        """This configuration with what a `monitoring_config` object, or a feature's overrides, say differently."""
        distribution = part.part("distribution_constraints")
        changes: dict[str, Any] = {}
        for name in ("evaluate_constraints", "emit_metrics"):
            if part.has(name):
                changes[name] = part.flag(name)
        for name in ("datatype_check_threshold", "domain_content_threshold"):
            if part.has(name):
                changes[name] = part.share(name)
        if distribution.has("perform_comparison"):
            changes["perform_comparison"] = distribution.flag("perform_comparison")
        for name in ("comparison_threshold", "categorical_comparison_threshold"):
            if distribution.has(name):
                changes[name] = distribution.number(name)
        for name in ("comparison_method", "comparion_method"):  # the documentation's older spelling
            if distribution.has(name):
                changes["comparison_method"] = distribution.choice(name, _METHODS, ROBUST)
        if distribution.has("categorical_drift_method"):
            changes["categorical_drift_method"] = distribution.choice(
                "categorical_drift_method", _CATEGORICAL_METHODS, L_INFINITY
            )
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """A `monitoring_config` object."""
        distribution: dict[str, Any] = {
            "perform_comparison": _flag(self.perform_comparison),
            "comparison_threshold": self.comparison_threshold,
            "comparison_method": self.comparison_method,
        }
        if self.categorical_comparison_threshold is not None:
            distribution["categorical_comparison_threshold"] = self.categorical_comparison_threshold
        distribution["categorical_drift_method"] = self.categorical_drift_method
        return {
            "evaluate_constraints": _flag(self.evaluate_constraints),
            "emit_metrics": _flag(self.emit_metrics),
            "datatype_check_threshold": self.datatype_check_threshold,
            "domain_content_threshold": self.domain_content_threshold,
            "distribution_constraints": distribution,
        }


@dataclass(frozen=True)
class FeatureConstraints:
    """What one column must satisfy; None where it need not.

    Attributes
    ----------
    completeness : least share of rows with a value
    domains : the texts that may occur
    overrides : what differs for this column from the file's `monitoring_config`
    """

    name: str
    inferred_type: InferredType
    completeness: float | None = None
    is_non_negative: bool | None = None
    domains: tuple[str, ...] | None = None
    overrides: tuple[Part, ...] = field(default=(), compare=False, repr=False)
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    def config(self, of_file: MonitoringConfig) -> MonitoringConfig:
        """The configuration that holds for this column."""
        for part in self.overrides:
            of_file = of_file.changed_by(part)
        return of_file

    @classmethod
    def read(cls, part: Part) -> FeatureConstraints:
        """Read one item of `features`."""
        numbers, texts = part.part("num_constraints"), part.part("string_constraints")
        non_negative = numbers.values.get("is_non_negative")
        if non_negative is not None and not isinstance(non_negative, bool):
            raise numbers.error("is_non_negative", "must be true or false. Correct it.")
        domains = texts.items("domains")
        if not all(isinstance(value, str) for value in domains):
            raise texts.error("domains", "must be a list of texts. Correct it.")
        overrides = tuple(
            place.part(name) for place in (part, numbers, texts) for name in _OVERRIDES if place.values.get(name)
        )
        found = cls(
            name=part.text("name"),
            inferred_type=InferredType.of(part),
            completeness=part.share("completeness") if part.has("completeness") else None,
            is_non_negative=non_negative,
            domains=tuple(domains) if texts.has("domains") else None,
            overrides=overrides,
            origin=part.values,
        )
        found.config(MonitoringConfig())  # a mistake in the overrides is told now
        return found

    def to_json(self) -> Any:
        """The item, with everything that it held when it was read."""
        document: dict[str, Any] = {"name": self.name, "inferred_type": self.inferred_type.value}
        if self.completeness is not None:
            document["completeness"] = self.completeness
        if self.is_non_negative is not None:
            document["num_constraints"] = {"is_non_negative": self.is_non_negative}
        if self.domains is not None:
            document["string_constraints"] = {"domains": list(self.domains)}
        return overlay(self.origin, document)


@dataclass(frozen=True)
class Constraints:
    """The file."""

    features: tuple[FeatureConstraints, ...]
    config: MonitoringConfig = MonitoringConfig()
    version: float = 0.0
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    @classmethod
    def from_json(cls, text: bytes, name: str = FILE) -> Constraints:
        """Read the file; `name` names it in errors.

        Raises
        ------
        ModelMonitorError
            The text is no constraints file, or a column is there twice; the message names the place and the remedy.
        """
        part = read(text, name, "features")
        features = tuple(FeatureConstraints.read(item) for item in part.parts("features"))
        names = [feature.name for feature in features]
        for number, feature in enumerate(names):
            if feature in names[:number]:
                raise part.error(f"features[{number}].name", f"is {feature!r}, which an earlier item has. Keep one.")
        config = MonitoringConfig().changed_by(part.part("monitoring_config"))
        return cls(features, config, part.number("version", 0.0), part.values)

    def to_json(self) -> bytes:
        """The file's bytes; of `monitoring_config`, a file that was read keeps what it left out."""
        document: dict[str, Any] = {
            "version": self.version,
            "features": [feature.to_json() for feature in self.features],
        }
        told = MonitoringConfig().changed_by(Part("", self.origin).part("monitoring_config"))
        if not self.origin or told != self.config:
            document["monitoring_config"] = self.config.to_json()
        return write(overlay(self.origin, document))


def _flag(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"
