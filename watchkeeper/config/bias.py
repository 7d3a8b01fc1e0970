"""The part of a model's file that says whose groups are looked at for bias, and which outcome they would wish for.

What is left out is derived from `input.sensitive`. What cannot be derived is refused with what to write: an attribute
that a file calls sensitive is watched, or the file says in so many words that it is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations
from typing import Any

from pydantic import Field, model_validator

from watchkeeper import spec
from watchkeeper.config.parts import Every, Section, Text, Window, hours, looks_per_month, rate
from watchkeeper.spec import Kind, Task

_NUMBERS = (Kind.NUMBER, Kind.INTEGER)
_SIDES = ("positive", "negative")
_PLACE = "monitors.bias"


@dataclass(frozen=True)
class Columns:
    """What the rest of the file says of the features."""

    kinds: Mapping[str, Kind]
    sensitive: tuple[str, ...]
    personal: tuple[str, ...]


class Attribute(Section):
    """A sensitive feature: a category as it is, a number by cut points. Just the name will do for a category."""

    name: str
    cuts: tuple[float, ...] = Field((), max_length=19, description="Numbers: where one group ends, the next begins.")
    favoured: tuple[Text, ...] = Field((), description="Groups to compare others with; default: the largest.")

    @model_validator(mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    def spec(self, kind: Kind) -> spec.SensitiveAttribute:
        """The running parts' view; ValueError where its groups cannot be made."""
        place = f"{_PLACE}.attributes: {self.name!r} is of the kind {kind}"
        if kind in _NUMBERS:
            self._check_cuts(place)
        elif kind is not Kind.CATEGORY:
            raise ValueError(f"{place}, which makes no groups of people: name a category or a number")
        elif self.cuts:
            raise ValueError(f"{place}, and has the cut points {list(self.cuts)}: leave cuts out")
        return spec.SensitiveAttribute(self.name, self.cuts, self.favoured)

    def _check_cuts(self, place: str) -> None:
        if not self.cuts:
            raise ValueError(
                f"{place}, and nothing says where one group ends and the next begins: write "
                f"'- {{name: {self.name}, cuts: [25, 60]}}' with cut points of your own under {_PLACE}.attributes, or "
                "make it a category if its numbers are codes"
            )
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ValueError(f"{place} with the cut points {list(self.cuts)}: give each once, in ascending order")
        from watchkeeper.bias import Attribute as Groups  # needs numpy, which a model without cuts need not wait for

        groups = Groups(self.name, cuts=self.cuts).groups
        unknown = [name for name in self.favoured if name not in groups]
        if unknown:
            known = ", ".join(map(repr, groups))
            raise ValueError(f"{place} without a group {unknown[0]!r}, which is to be favoured: its groups are {known}")


class Limits(Section):
    """How far a metric may be from the value at which groups are alike, by what it is measured in."""

    share: float = Field(0.1, gt=0, lt=1, description="Differences of shares.")
    ratio: float = Field(0.8, gt=0, lt=1, description="Ratios of shares, from this to its inverse: four fifths.")
    counts: float = Field(0.25, gt=0, description="Differences of ratios of counts.")

    def spec(self) -> spec.BiasLimits:
        """The running parts' view."""
        return spec.BiasLimits(self.share, self.ratio, self.counts)


class Changes(Limits):
    """How far a metric may move from its value when the version was judged."""

    share: float = Field(0.05, gt=0, lt=1, description="Differences of shares.")
    ratio: float = Field(0.9, gt=0, lt=1, description="Ratios of shares, from this to its inverse.")
    counts: float = Field(0.125, gt=0, description="Differences of ratios of counts.")


class Bias(Section):
    """Compares what groups of people are predicted, and how often rightly."""

    attributes: tuple[Attribute, ...] | None = Field(
        None, description="Default: all of input.sensitive, of which numbers need cut points. Empty: no bias monitor."
    )
    favourable: Text | tuple[Text, ...] | None = Field(
        None,
        description="What people would wish for. Binary: positive (the default) or negative; multiclass: labels.",
    )
    favourable_from: float | None = Field(None, description="Regression: values from here on are favourable.")
    intersections: tuple[tuple[str, str], ...] | None = Field(
        None, description="Pairs of attributes to look at together; default: all pairs."
    )
    conditioned_on: str | None = Field(None, description="Feature within whose values CDDL and CDDPL compare.")
    minimum_rows: int = Field(100, ge=30, description="Groups with fewer rows get no verdict.")
    every: Every = timedelta(days=1)
    window: Window = Field(timedelta(days=7), description="Predictions so far back; long enough for labels to come.")
    false_alarms_per_month: float = Field(1.0, gt=0, le=100, description="The budget that thresholds are set to.")
    tolerated: Limits = Limits()
    change: Changes = Changes()

    def spec(self, task: Task, columns: Columns) -> spec.BiasMonitor | None:
        """The running parts' view, None where there is nobody to watch; ValueError where the file cannot be right."""
        names = columns.sensitive if self.attributes is None else tuple(each.name for each in self.attributes)
        if not names:
            return None
        _watchable(names, columns, "attributes")
        attributes = self.attributes or tuple(Attribute(name=name) for name in names)
        return spec.BiasMonitor(
            attributes=tuple(each.spec(columns.kinds[each.name]) for each in attributes),
            tolerated=self.tolerated.spec(),
            change=self.change.spec(),
            favourable=self._favourable(task),
            favourable_from=self.favourable_from,
            intersections=self._pairs(names),
            conditioned_on=self._conditioned_on(names, columns),
            minimum_rows=self.minimum_rows,
            schedule=rate(self.every),
            looks_per_month=looks_per_month(self.every),
            window_hours=hours(self.window),
            false_alarms_per_month=self.false_alarms_per_month,
        )

    def _favourable(self, task: Task) -> tuple[str, ...]:
        told = (self.favourable,) if isinstance(self.favourable, str) else self.favourable or ()
        if (self.favourable_from is not None) != (task is Task.REGRESSION):
            remedy = (
                "give the value from which on a prediction is what people would wish for"
                if task is Task.REGRESSION
                else "leave it out, and name the outcome with favourable"
            )
            raise ValueError(f"{_PLACE}.favourable_from is {self.favourable_from}, but the task is {task}: {remedy}")
        if task is Task.BINARY:
            told = told or ("positive",)
            if len(told) > 1 or told[0] not in _SIDES:
                raise ValueError(f"{_PLACE}.favourable is {_listed(told)}: write 'positive' or 'negative'")
        elif task is Task.MULTICLASS and not told:
            raise ValueError(f"{_PLACE}.favourable is missing: list the labels that people would wish for")
        elif task is Task.REGRESSION and told:
            raise ValueError(f"{_PLACE}.favourable is {_listed(told)}, but values have no labels: leave it out")
        return told

    def _pairs(self, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        for pair in self.intersections or ():
            unknown = [name for name in pair if name not in names]
            if unknown or pair[0] == pair[1]:
                raise ValueError(
                    f"{_PLACE}.intersections has the pair {list(pair)}: name two of the attributes {_listed(names)}"
                )
        return tuple(combinations(names, 2)) if self.intersections is None else self.intersections

    def _conditioned_on(self, names: tuple[str, ...], columns: Columns) -> str | None:
        wanted = self.conditioned_on
        if wanted is None:
            return None
        if wanted in names:
            raise ValueError(
                f"{_PLACE}.conditioned_on is {wanted!r}, whose groups are compared: choose another feature"
            )
        _watchable((wanted,), columns, "conditioned_on", sensitive=False)
        if columns.kinds[wanted] not in (*_NUMBERS, Kind.CATEGORY):
            raise ValueError(
                f"{_PLACE}.conditioned_on is {wanted!r}, a {columns.kinds[wanted]}: name a category or a number"
            )
        return wanted


def _watchable(names: Iterable[str], columns: Columns, setting: str, *, sensitive: bool = True) -> None:
    """Refuse what is no feature, twice there, not called sensitive, or of which nothing may be counted."""
    seen: set[str] = set()
    for name in names:
        place = f"{_PLACE}.{setting} names {name!r}"
        if name not in columns.kinds:
            raise ValueError(f"{place}, which is not a feature: correct the name, or add it to input.features")
        if name in seen:
            raise ValueError(f"{place} twice: name it once")
        if sensitive and name not in columns.sensitive:
            raise ValueError(f"{place}, which input.sensitive does not: add it there")
        if name in columns.personal:
            raise ValueError(
                f"{place}, of which nothing may be counted, for it is personal: take it from input.personal, or give "
                f"{_PLACE}.{setting} without it"
            )
        seen.add(name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
