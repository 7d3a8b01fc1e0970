"""Answers with a probability for each of several classes, which the model's file names (`output.classes`).

They are a list in the order of the classes, or an object by class. Without a label beside them the class with the
highest probability is the label: its name, not its place. A list of another length, or an object of other classes, is
refused, for no value's class is known then. What the probabilities are worth, whether they lie from 0 to 1 and add up
to 1, is not asked here: see `watchkeeper.outcomes.classes`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from watchkeeper.cells import canonical_label, parse_number
from watchkeeper.refusal import Reason, RefusedError
from watchkeeper.spec import Output

SHARE_KEYS = ("probabilities", "scores", "probability", "score", "value", "prediction", "predicted_value")
"""Keys of an object under which the probabilities of classes are looked for."""
DISTRIBUTION_TOLERANCE = 1e-3
"""How far probabilities, a value, may be from adding up to 1: they are printed with few digits."""


class ClassShares:
    """Reads probabilities of one model's classes, which are spelled as `canonical_label` has them."""

    def __init__(self, output: Output) -> None:
        self.classes = output.classes
        self._label, self._score = output.label, output.score
        self._places = {name: place for place, name in enumerate(self.classes)}

    def find(self, row: object, place: str) -> tuple[float, ...] | None:
        """The probabilities in a row, in the order of the classes, NaN where missing; None where a row holds none.

        Raises
        ------
        RefusedError
            They are not of the classes.
        ValueError, LookupError
            One of them is no number, or the answer lacks the position that the model's file names.
        """
        held = self._of_object(row) if isinstance(row, Mapping) else self._of_values(row)
        if held is None:
            return None
        if isinstance(held, Mapping):
            return self._by_name(held, place)
        if len(held) != len(self.classes):
            raise RefusedError(
                Reason.OTHER_CLASSES,
                f"{place} holds {len(held)} probabilities where {len(self.classes)} classes are expected; list the "
                "classes in the model's output section as the model answers them, all of them and in its order.",
            )
        return tuple(map(parse_number, held))

    def said(self, label: str | None, shares: Sequence[float]) -> tuple[str | None, float]:
        """Label and score of a row with these probabilities: of the label that was answered, else of the likeliest."""
        if label is not None:
            place = self._places.get(label)
            return label, math.nan if place is None else shares[place]
        known = [-math.inf if math.isnan(share) else share for share in shares]
        best = known.index(max(known))
        return (None if math.isnan(shares[best]) else self.classes[best]), shares[best]

    def _of_object(self, row: Mapping[str, object]) -> Mapping[str, object] | list[object] | None:
        named = None if self._score is None else row[str(self._score)]
        for found in (named, *(row.get(key) for key in SHARE_KEYS)):
            if isinstance(found, list | Mapping):
                return found
        return row if {canonical_label(key) for key in row} == self._places.keys() else None

    def _of_values(self, row: object) -> Mapping[str, object] | list[object] | None:
        values = row if isinstance(row, list) else [row]
        if self._score is not None:
            found = values[int(self._score)]
            return found if isinstance(found, list | Mapping) else None
        if self._label is not None or len(values) < 2:
            return None
        if len(values) == len(self.classes):
            return values
        if len(values) == 2 and (canonical_label(str(values[0])) in self._places or not is_distribution(values)):
            return None  # a label, which may be a number, and its score
        return values if all(map(is_number, values)) else None  # too many or too few, which is refused

    def _by_name(self, held: Mapping[str, object], place: str) -> tuple[float, ...]:
        named = {canonical_label(name): share for name, share in held.items()}
        if named.keys() != self._places.keys() or len(named) != len(held):
            raise RefusedError(
                Reason.OTHER_CLASSES,
                f"{place} holds probabilities of {len(held)} classes that are not the {len(self.classes)} expected; "
                "list the classes in the model's output section, spelled as the training data have them.",
            )
        return tuple(parse_number(named[name]) for name in self.classes)


def is_number(value: object) -> bool:
    """Whether a value is a number and not missing."""
    try:
        return not math.isnan(parse_number(value))
    except ValueError:
        return False


def is_distribution(values: Sequence[object]) -> bool:
    """Whether the values are numbers in [0, 1] that add up to 1, as far as printed digits show."""
    if not all(is_number(value) for value in values):
        return False
    numbers = [parse_number(value) for value in values]
    bound = DISTRIBUTION_TOLERANCE * len(numbers)
    return min(numbers) >= 0 and max(numbers) <= 1 + bound and abs(math.fsum(numbers) - 1) < bound
