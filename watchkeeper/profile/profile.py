"""The profile of some rows of one model, and the binning against which it was made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, TypeAlias, TypeVar

from watchkeeper import jsonio
from watchkeeper.capture import Block
from watchkeeper.errors import ProfileError
from watchkeeper.profile.category import CategoryBinning, CategoryProfile
from watchkeeper.profile.number import NumberBinning, NumberProfile
from watchkeeper.table import Column, NumberColumn, TimeColumn

FORMAT = 1
"""Number of the JSON format below; a reader refuses any other."""

ColumnBinning: TypeAlias = NumberBinning | CategoryBinning
ColumnProfile: TypeAlias = NumberProfile | CategoryProfile
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Profile:
    """A mergeable summary of rows: per feature and per prediction column.

    Attributes
    ----------
    baseline : id of the baseline whose bins the counts are over
    rows : rows observed
    unreadable : records that could not be read
    """

    baseline: str
    rows: int
    unreadable: int
    features: Mapping[str, ColumnProfile]
    predictions: Mapping[str, ColumnProfile]

    def merge(self, other: Profile) -> Profile:
        """The profile of both sets of rows together: associative and commutative, to the last bit.

        Raises
        ------
        ProfileError
            The profiles were made against different baselines.
        """
        if self.baseline != other.baseline:
            raise ProfileError(
                f"A profile against baseline {other.baseline!r} cannot be merged with one against {self.baseline!r}: "
                "their bins differ. Merge profiles of one baseline only."
            )
        return Profile(
            baseline=self.baseline,
            rows=self.rows + other.rows,
            unreadable=self.unreadable + other.unreadable,
            features=_merge_columns(self.features, other.features),
            predictions=_merge_columns(self.predictions, other.predictions),
        )

    def to_json(self) -> bytes:
        """JSON bytes; equal profiles give equal bytes."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "baseline": self.baseline,
                "rows": self.rows,
                "unreadable": self.unreadable,
                "features": columns_to_json(self.features),
                "predictions": columns_to_json(self.predictions),
            }
        )

    @classmethod
    def from_json(cls, text: bytes) -> Profile:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no profile, or one of another format.
        """
        try:
            document = jsonio.loads(text)
            found = document["format"]
            if found != FORMAT:
                raise ProfileError(
                    f"The profile has format {found!r}, but this version reads {FORMAT}: deploy the version that wrote "
                    "it, or delete it and profile its captures again."
                )
            return cls(
                baseline=document["baseline"],
                rows=document["rows"],
                unreadable=document["unreadable"],
                features=columns_from_json(document["features"]),
                predictions=columns_from_json(document["predictions"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not a profile ({error!r}): delete the object, and its captures are profiled again when "
                "their events are sent again."
            ) from error


@dataclass(frozen=True)
class Binning:
    """The bins of every column of a model: what makes rows into profiles."""

    features: Mapping[str, ColumnBinning]
    predictions: Mapping[str, ColumnBinning]

    @classmethod
    def fit(cls, features: Mapping[str, Column], predictions: Mapping[str, Column]) -> Binning:
        """Bins for typed columns."""
        return cls(_fit(features), _fit(predictions))

    def empty(self, baseline: str) -> Profile:
        """The profile of no rows: the identity of merging."""
        return Profile(
            baseline=baseline,
            rows=0,
            unreadable=0,
            features={name: bins.empty() for name, bins in self.features.items()},
            predictions={name: bins.empty() for name, bins in self.predictions.items()},
        )

    def observe(self, block: Block, baseline: str) -> Profile:
        """Profile the rows of a block."""
        return Profile(
            baseline=baseline,
            rows=block.rows,
            unreadable=len(block.unreadable),
            features=_observe(self.features, block.features),
            predictions=_observe(self.predictions, block.predictions),
        )


def merge_all(profiles: Iterable[Profile], empty: Profile) -> Profile:
    """The profile of all rows together; `empty` when there are none."""
    return reduce(Profile.merge, profiles, empty)


def rebased(profile: Profile, baseline: str) -> Profile:
    """The same counts under another id of the same binning."""
    return replace(profile, baseline=baseline)


def _merge_columns(first: Mapping[str, ColumnProfile], second: Mapping[str, ColumnProfile]) -> dict[str, ColumnProfile]:
    if first.keys() != second.keys():
        differing = sorted(first.keys() ^ second.keys())
        raise ProfileError(
            f"Profiles with different columns cannot be merged ({', '.join(differing)}). Deploy the model's stack and "
            "build its baseline again after changing its features."
        )
    merged: dict[str, ColumnProfile] = {}
    for name, column in first.items():
        other = second[name]
        if type(column) is not type(other):
            raise ProfileError(f"Column {name!r} is a number in one profile and a category in the other.")
        merged[name] = column.merge(other)  # type: ignore[arg-type]  # of one kind, as just checked
    return merged


def _fit(columns: Mapping[str, Column]) -> dict[str, ColumnBinning]:
    return {
        name: NumberBinning.fit(column) if isinstance(column, NumberColumn) else CategoryBinning.fit(column)
        for name, column in columns.items()
        if not isinstance(column, TimeColumn)
    }


def _observe(binnings: Mapping[str, ColumnBinning], columns: Mapping[str, Column]) -> dict[str, ColumnProfile]:
    if binnings.keys() != columns.keys():
        differing = sorted(binnings.keys() ^ columns.keys())
        raise ProfileError(
            f"The rows and the baseline differ in their columns ({', '.join(differing)}). Build the baseline again "
            "after changing the model's features."
        )
    observed: dict[str, ColumnProfile] = {}
    for name, bins in binnings.items():
        column = columns[name]
        if isinstance(bins, NumberBinning) is not isinstance(column, NumberColumn):
            raise ProfileError(
                f"Column {name!r} is a number on one side and a category on the other. Build the baseline again after "
                "changing a feature's type."
            )
        observed[name] = bins.observe(column)  # type: ignore[arg-type]  # of one kind, as just checked
    return observed


def columns_to_json(columns: Mapping[str, ColumnProfile] | Mapping[str, ColumnBinning]) -> dict[str, Any]:
    """JSON form of the columns of a profile or a binning, each tagged with its kind."""
    tags = {NumberProfile: "number", NumberBinning: "number", CategoryProfile: "category", CategoryBinning: "category"}
    return {name: {"kind": tags[type(column)], **column.to_json()} for name, column in columns.items()}


def columns_from_json(document: Mapping[str, Any]) -> dict[str, ColumnProfile]:
    """Read column profiles."""
    return {
        name: _tagged(value, {"number": NumberProfile.from_json, "category": CategoryProfile.from_json})
        for name, value in document.items()
    }


def binnings_from_json(document: Mapping[str, Any]) -> dict[str, ColumnBinning]:
    """Read column binnings."""
    return {
        name: _tagged(value, {"number": NumberBinning.from_json, "category": CategoryBinning.from_json})
        for name, value in document.items()
    }


def _tagged(value: Mapping[str, Any], readers: Mapping[str, Any]) -> Any:
    return readers[value["kind"]]({name: item for name, item in value.items() if name != "kind"})
