"""The classes of a multiclass model that answers a probability for each: what may be written under `output.classes`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from watchkeeper.cells import LONGEST_CATEGORY, canonical_label, parse_category
from watchkeeper.config.parts import Text

FEWEST, MOST = 3, 1000
"""A model of two classes is binary; each class has a column in the table of predictions."""


def _classes(values: tuple[str, ...]) -> tuple[str, ...]:
    """The classes as labels are spelled in training sets and answers."""
    if not values:
        return ()
    if not FEWEST <= len(values) <= MOST:
        raise ValueError(f"{len(values)} classes are named, but {FEWEST} to {MOST} are possible: leave the list out")
    found = []
    for value in values:
        if parse_category(value) is None:
            raise ValueError(f"the class {value!r} stands for a missing value: give it another name in the data")
        found.append(canonical_label(value))
    twice = next((name for place, name in enumerate(found) if name in found[:place]), None)
    if twice is not None:
        raise ValueError(f"the class {twice!r} is named twice: name every class once, in the order of the answers")
    return tuple(found)


Classes = Annotated[
    tuple[Annotated[Text, Field(max_length=LONGEST_CATEGORY)], ...],
    Field(description="Multiclass: the classes whose probabilities are answered, in that order."),
    AfterValidator(_classes),
]
