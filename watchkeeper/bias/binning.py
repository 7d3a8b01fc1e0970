"""The groups and outcomes that everything about bias is counted over, fixed by a version's labelled baseline rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, combinations
from typing import Any

import numpy as np

from watchkeeper import jsonio
from watchkeeper.bias.attribute import OTHER, Attribute, Places, Sensitive
from watchkeeper.bias.facet import BETWEEN, Facet
from watchkeeper.bias.positive import BINARY, Positive
from watchkeeper.errors import BaselineError, ConfigError
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.spec import Kind, ModelSpec

FORMAT = 1
OUTCOMES = 3
"""Unknown, negative and positive: of the labels, and of the predictions."""


@dataclass(frozen=True)
class GroupSettings:
    """What a user says about groups.

    Attributes
    ----------
    sensitive : the attributes; at least one
    positive : which outcomes are positive
    stratum : the attribute within whose values CDDL and CDDPL compare; without it there are neither
    intersections : pairs of sensitive attributes to look at together; None: all of them
    most_groups : groups of one attribute, or of one intersection; smaller ones are put together
    least_rows : rows of the baseline that an intersection's group needs to be one of its own
    """

    sensitive: tuple[Sensitive, ...]
    positive: Positive = BINARY
    stratum: Sensitive | None = None
    intersections: tuple[tuple[str, str], ...] | None = None
    most_groups: int = 20
    least_rows: int = 100

    def __post_init__(self) -> None:
        names = [wanted.name for wanted in self.sensitive]
        if not names or len(set(names)) != len(names):
            raise ConfigError(f"The sensitive attributes are {names}: name at least one, and each once.")
        unknown = [name for pair in self.intersections or () for name in pair if name not in names]
        if unknown:
            raise ConfigError(f"An intersection names {unknown[0]!r}, which is none of {names}: add it, or correct it.")
        if self.stratum is not None and self.stratum.name in names:
            raise ConfigError(f"{self.stratum.name!r} is sensitive and the stratum too: choose another stratum.")

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The intersections to look at."""
        if self.intersections is not None:
            return self.intersections
        return tuple(combinations((wanted.name for wanted in self.sensitive), 2))


@dataclass(frozen=True)
class GroupBinning:
    """Which group, stratum and outcomes a row counts for.

    Attributes
    ----------
    attributes : the sensitive ones
    facets : one for each attribute, then the intersections
    stratum : None where there is none; then all rows are of one stratum
    """

    attributes: tuple[Attribute, ...]
    facets: tuple[Facet, ...]
    stratum: Attribute | None
    positive: Positive

    def fits(self, spec: ModelSpec) -> bool:
        """Whether the model still has all features that groups are made of, each of the same kind."""
        kinds = {feature.name: feature.kind for feature in spec.profiled_features}
        needed = (*self.attributes, *([] if self.stratum is None else [self.stratum]))
        return all(
            kinds.get(each.name) in ((Kind.NUMBER, Kind.INTEGER) if each.levels is None else (Kind.CATEGORY,))
            for each in needed
        )

    @classmethod
    def fit(cls, settings: GroupSettings, baseline: Labelled) -> GroupBinning:
        """Groups for the baseline's rows.

        Raises
        ------
        ConfigError
            An attribute is none of the rows' columns or cannot make groups, or a favoured group does not exist.
        """
        attributes = {wanted.name: _attribute(wanted, settings, baseline) for wanted in settings.sensitive}
        places = {name: attribute.places(baseline.features) for name, attribute in attributes.items()}
        singles = {
            wanted.name: _single(wanted, attributes[wanted.name], places[wanted.name]) for wanted in settings.sensitive
        }
        pairs = [_pair(singles[first], singles[second], places, settings) for first, second in settings.pairs]
        stratum = None if settings.stratum is None else _attribute(settings.stratum, settings, baseline)
        return cls(tuple(attributes.values()), (*singles.values(), *pairs), stratum, settings.positive)

    @property
    def strata(self) -> int:
        """Strata that rows may count for; rows without a value are the last."""
        return 1 if self.stratum is None else len(self.stratum.groups) + 1

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the counts: groups of all facets, strata, outcome of the label, of the prediction."""
        return sum(facet.size for facet in self.facets), self.strata, OUTCOMES, OUTCOMES

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where each facet's groups are among all."""
        ends = list(accumulate(facet.size for facet in self.facets))
        return tuple(slice(end - facet.size, end) for facet, end in zip(self.facets, ends, strict=True))

    def facet(self, name: str) -> Facet:
        """The facet of this name."""
        return next(facet for facet in self.facets if facet.name == name)

    def places(self, facet: str, labelled: Labelled) -> Places:
        """Each row's place in the facet of this name.

        Raises
        ------
        DatasetError
            An attribute is none of the rows' columns.
        """
        found = self.facet(facet)
        attributes = {attribute.name: attribute for attribute in self.attributes}
        return found.places(attributes, {name: attributes[name].places(labelled.features) for name in found.attributes})

    @cached_property
    def id(self) -> str:
        """A hash of all the rest: counts of one id can be merged and compared."""
        return hashlib.sha256(jsonio.dumps(self.to_json())).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "format": FORMAT,
            "attributes": [attribute.to_json() for attribute in self.attributes],
            "facets": [facet.to_json() for facet in self.facets],
            "stratum": None if self.stratum is None else self.stratum.to_json(),
            "positive": self.positive.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> GroupBinning:
        """Read what `to_json` wrote.

        Raises
        ------
        BaselineError
            It is no such document, or one of another format.
        """
        try:
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r}, not {FORMAT}")
            stratum = document["stratum"]
            return cls(
                tuple(Attribute.from_json(item) for item in document["attributes"]),
                tuple(Facet.from_json(item) for item in document["facets"]),
                None if stratum is None else Attribute.from_json(stratum),
                Positive.from_json(document["positive"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise BaselineError(
                f"The document is no groups of a baseline ({error!r}): build the baseline again."
            ) from error


def _attribute(wanted: Sensitive, settings: GroupSettings, baseline: Labelled) -> Attribute:
    column = baseline.features.get(wanted.name)
    if column is None:
        raise ConfigError(
            f"{wanted.name!r} is none of the baseline's columns ({', '.join(sorted(baseline.features))}): correct the "
            "name, or take it from the personal fields, of which nothing may be counted."
        )
    return Attribute.fit(wanted, column, settings.most_groups)


def _single(wanted: Sensitive, attribute: Attribute, places: Places) -> Facet:
    groups = attribute.groups
    unknown = [name for name in wanted.favoured if name not in groups]
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} shall be favoured but is no group of {wanted.name!r}; the groups are {', '.join(groups)}."
        )
    named = tuple(groups.index(name) for name in dict.fromkeys(wanted.favoured))
    favoured = named or (_largest(groups, np.bincount(places, minlength=len(groups) + 1)),)
    return Facet((wanted.name,), groups, (), favoured, bool(named))


def _pair(first: Facet, second: Facet, places: Mapping[str, Places], settings: GroupSettings) -> Facet:
    """The intersection of two attributes: groups with enough rows, the largest first, and all others together."""
    one, other = first.attributes[0], second.attributes[0]
    width = second.size
    rows = np.bincount(places[one] * width + places[other], minlength=first.size * width).reshape(first.size, width)
    ranked = sorted(
        ((int(rows[i, j]), (i, j)) for i in range(len(first.groups)) for j in range(len(second.groups))),
        key=lambda found: (-found[0], found[1]),
    )
    members = tuple(member for count, member in ranked[: settings.most_groups] if count >= settings.least_rows)
    groups = (*(f"{first.groups[i]}{BETWEEN}{second.groups[j]}" for i, j in members), OTHER)
    named = first.named and second.named
    wanted = tuple(
        place for place, (i, j) in enumerate(members) if named and i in first.favoured and j in second.favoured
    )
    return Facet((one, other), groups, members, wanted or (0,), bool(wanted))


def _largest(groups: Sequence[str], rows: Places) -> int:
    """The place of the largest group of its own; the first of equals."""
    own = [place for place, name in enumerate(groups) if name != OTHER]
    return max(own, key=lambda place: (int(rows[place]), -place), default=0)
