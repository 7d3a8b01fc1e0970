"""A facet divides all rows into groups: by one attribute, or by the intersection of two.

Nothing is lost in a facet: each row is in one of its compared groups, or among those whose value is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from watchkeeper.bias.attribute import OTHER, Attribute, Places

BETWEEN = " & "
ALL_OTHERS = "all others"


@dataclass(frozen=True)
class Comparison:
    """One group against others of the same facet.

    Attributes
    ----------
    group, against : their names, for people
    disfavoured, favoured : their places in the facet
    """

    facet: str
    group: str
    against: str
    disfavoured: tuple[int, ...]
    favoured: tuple[int, ...]


@dataclass(frozen=True)
class Facet:
    """Groups by one or two attributes.

    Attributes
    ----------
    attributes : one name, or two
    groups : names of the groups that are compared; rows without a value come after them
    members : of an intersection, each group's places in its two attributes; the last group holds all other members
    favoured : places of the groups that others are compared with
    named : whether a user named these; if not, they are the baseline's largest
    """

    attributes: tuple[str, ...]
    groups: tuple[str, ...]
    members: tuple[tuple[int, int], ...]
    favoured: tuple[int, ...]
    named: bool

    @property
    def name(self) -> str:
        """Name for people: "sex", "sex & race"."""
        return BETWEEN.join(self.attributes)

    @property
    def size(self) -> int:
        """Places that rows may be counted at."""
        return len(self.groups) + 1

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Each group against the favoured ones; where a user named none and there are several, against all others too.

        A look leaves out the group of `OTHER` where the window has no rows in it.
        """
        places = range(len(self.groups))
        favoured = " and ".join(self.groups[place] for place in self.favoured)
        found = [
            Comparison(self.name, self.groups[place], favoured, (place,), self.favoured)
            for place in places
            if place not in self.favoured
        ]
        own = [place for place in places if self.groups[place] != OTHER]
        if not self.named and len(own) > 2:
            found += [
                Comparison(self.name, self.groups[place], ALL_OTHERS, (place,), _without(places, place))
                for place in own
            ]
        return tuple(found)

    def places(self, attributes: Mapping[str, Attribute], of_attributes: Mapping[str, Places]) -> Places:
        """Each row's place in this facet, of its places in the attributes."""
        if len(self.attributes) == 1:
            return of_attributes[self.attributes[0]]
        first, second = self.attributes
        shape = len(attributes[first].groups) + 1, len(attributes[second].groups) + 1
        table = np.full(shape, len(self.groups) - 1, np.int64)
        for place, member in enumerate(self.members):
            table[member] = place
        table[-1, :] = table[:, -1] = len(self.groups)
        found: Places = table[of_attributes[first], of_attributes[second]]
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "attributes": list(self.attributes),
            "groups": list(self.groups),
            "members": [list(member) for member in self.members],
            "favoured": list(self.favoured),
            "named": self.named,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Facet:
        """Read what `to_json` wrote."""
        return cls(
            tuple(document["attributes"]),
            tuple(document["groups"]),
            tuple((first, second) for first, second in document["members"]),
            tuple(document["favoured"]),
            bool(document["named"]),
        )


def _without(places: Sequence[int], place: int) -> tuple[int, ...]:
    return tuple(other for other in places if other != place)
