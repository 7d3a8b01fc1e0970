"""`statistics.json`: what Model Monitor measures of each column of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from watchkeeper.modelmonitor.document import NOTHING, Part, overlay, read, write

FILE = "statistics.json"


class InferredType(StrEnum):
    """Model Monitor's types of a column."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    STRING = "String"
    UNKNOWN = "Unknown"

    @property
    def numeric(self) -> bool:
        """Whether values are numbers."""
        return self in (InferredType.INTEGRAL, InferredType.FRACTIONAL)

    @classmethod
    def of(cls, part: Part) -> InferredType:
        """The type that a feature's object names."""
        return cls(part.choice("inferred_type", {kind.value: kind.value for kind in cls}, cls.UNKNOWN.value))


@dataclass(frozen=True)
class Bucket:
    """Values from `lower_bound` to below `upper_bound`; the last bucket holds the greatest value too."""

    lower_bound: float
    upper_bound: float
    count: float


@dataclass(frozen=True)
class Sketch:
    """A KLL sketch: an item of `data[level]` stands for `2**level` rows. `c` and `k` are its compaction parameters."""

    data: tuple[tuple[float, ...], ...]
    c: float = 0.64
    k: float = 2048.0


@dataclass(frozen=True)
class NumericalStatistics:
    """Of a column of numbers; `mean` to `max` are None when there is no value."""

    num_present: float
    num_missing: float
    mean: float | None = None
    sum: float | None = None
    std_dev: float | None = None
    min: float | None = None
    max: float | None = None
    buckets: tuple[Bucket, ...] = ()
    sketch: Sketch | None = None

    @classmethod
    def read(cls, part: Part) -> NumericalStatistics:
        """Read a `numerical_statistics` object."""
        kll = part.part("distribution").part("kll")
        return cls(
            **_common(part),
            mean=part.optional("mean"),
            sum=part.optional("sum"),
            std_dev=part.optional("std_dev"),
            min=part.optional("min"),
            max=part.optional("max"),
            buckets=tuple(
                Bucket(item.number("lower_bound"), item.number("upper_bound"), item.number("count"))
                for item in kll.parts("buckets")
            ),
            sketch=_sketch(kll.part("sketch")) if kll.has("sketch") else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The object that `read` reads."""
        document: dict[str, Any] = {"common": {"num_present": self.num_present, "num_missing": self.num_missing}}
        for name in ("mean", "sum", "std_dev", "min", "max"):
            if getattr(self, name) is not None:
                document[name] = getattr(self, name)
        kll: dict[str, Any] = {}
        if self.buckets:
            kll["buckets"] = [vars(bucket) for bucket in self.buckets]
        if self.sketch is not None:
            parameters = {"c": self.sketch.c, "k": self.sketch.k}
            kll["sketch"] = {"parameters": parameters, "data": [list(level) for level in self.sketch.data]}
        if kll:
            document["distribution"] = {"kll": kll}
        return document


@dataclass(frozen=True)
class StringStatistics:
    """Of a column of texts; `counts` by value, None where the values were not counted."""

    num_present: float
    num_missing: float
    distinct_count: float | None = None
    counts: Mapping[str, float] | None = None

    @classmethod
    def read(cls, part: Part) -> StringStatistics:
        """Read a `string_statistics` object."""
        categorical = part.part("distribution").part("categorical")
        counts = {item.text("value"): item.number("count") for item in categorical.parts("buckets")}
        return cls(
            **_common(part),
            distinct_count=part.optional("distinct_count"),
            counts=counts if categorical.has("buckets") else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The object that `read` reads."""
        document: dict[str, Any] = {"common": {"num_present": self.num_present, "num_missing": self.num_missing}}
        if self.distinct_count is not None:
            document["distinct_count"] = self.distinct_count
        if self.counts is not None:
            buckets = [{"value": value, "count": count} for value, count in self.counts.items()]
            document["distribution"] = {"categorical": {"buckets": buckets}}
        return document


@dataclass(frozen=True)
class FeatureStatistics:
    """One column."""

    name: str
    inferred_type: InferredType
    numerical: NumericalStatistics | None = None
    string: StringStatistics | None = None
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    @property
    def num_present(self) -> float:
        """Rows with a value."""
        found = self.numerical or self.string
        return found.num_present if found else 0

    @property
    def completeness(self) -> float:
        """Share of rows with a value; 1 when there are no rows."""
        found = self.numerical or self.string
        rows = found.num_present + found.num_missing if found else 0
        return found.num_present / rows if found and rows else 1.0

    @classmethod
    def read(cls, part: Part) -> FeatureStatistics:
        """Read one item of `features`."""
        numerical, string = "numerical_statistics", "string_statistics"
        return cls(
            name=part.text("name"),
            inferred_type=InferredType.of(part),
            numerical=NumericalStatistics.read(part.part(numerical)) if part.has(numerical) else None,
            string=StringStatistics.read(part.part(string)) if part.has(string) else None,
            origin=part.values,
        )

    def to_json(self) -> Any:
        """The item, with everything that it held when it was read."""
        document: dict[str, Any] = {"name": self.name, "inferred_type": self.inferred_type.value}
        if self.numerical is not None:
            document["numerical_statistics"] = self.numerical.to_json()
        if self.string is not None:
            document["string_statistics"] = self.string.to_json()
        return overlay(self.origin, document)


@dataclass(frozen=True)
class Statistics:
    """The file: one entry a column, in the order of the dataset."""

    item_count: float
    features: tuple[FeatureStatistics, ...]
    version: float = 0.0
    origin: Mapping[str, Any] = field(default_factory=lambda: NOTHING, compare=False, repr=False)

    def feature(self, name: str) -> FeatureStatistics | None:
        """The column of that name."""
        return next((feature for feature in self.features if feature.name == name), None)

    @classmethod
    def from_json(cls, text: bytes, name: str = FILE) -> Statistics:
        """Read the file; `name` names it in errors.

        Raises
        ------
        ModelMonitorError
            The text is no statistics file; the message names the place and the remedy.
        """
        part = read(text, name, "features")
        features = tuple(FeatureStatistics.read(item) for item in part.parts("features"))
        return cls(part.part("dataset").number("item_count", 0), features, part.number("version", 0.0), part.values)

    def to_json(self) -> bytes:
        """The file's bytes."""
        document = {
            "version": self.version,
            "dataset": {"item_count": self.item_count},
            "features": [feature.to_json() for feature in self.features],
        }
        return write(overlay(self.origin, document))


def _common(part: Part) -> dict[str, float]:
    common = part.part("common")
    return {name: common.number(name) for name in ("num_present", "num_missing")}


def _sketch(part: Part) -> Sketch:
    data = part.items("data")
    for number, level in enumerate(data):
        if not isinstance(level, list) or not all(isinstance(x, int | float) and x == x for x in level):
            raise part.error(f"data[{number}]", "must be a list of numbers. Make the file anew.")
    parameters = part.part("parameters")
    return Sketch(tuple(tuple(level) for level in data), parameters.number("c", 0.64), parameters.number("k", 2048.0))
