"""Rows counted by group, stratum, label and prediction: all that bias is measured from, exactly mergeable.

One int64 vector holds everything. Each facet divides all rows, so each facet's part of it adds up to the same number of
rows; a row counts once in each. Generalised entropy needs no sums of its own: with two outcomes a row's benefit is 0
(missed positive), 1 (right) or 2 (false positive), so it follows from the confusion matrix.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper import jsonio
from watchkeeper.bias.binning import OUTCOMES, GroupBinning
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.profile import codec

FORMAT = 1


@dataclass(frozen=True, eq=False)
class GroupCounts:
    """Rows of one window, or of the baseline.

    Attributes
    ----------
    vector : int64; see `GroupBinning.shape` for the four dimensions that it is flattened from
    """

    binning: GroupBinning
    vector: NDArray[np.int64]

    @classmethod
    def empty(cls, binning: GroupBinning) -> GroupCounts:
        """The counts of no rows, the identity of merging."""
        return cls(binning, np.zeros(int(np.prod(binning.shape)), np.int64))

    @property
    def cells(self) -> NDArray[np.int64]:
        """The same numbers by group, stratum, label and prediction."""
        return self.vector.reshape(self.binning.shape)

    @property
    def rows(self) -> int:
        """Rows observed."""
        return int(self.cells[self.binning.slices[0]].sum())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, GroupCounts)
            and self.binning.id == other.binning.id
            and np.array_equal(self.vector, other.vector)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def merge(self, other: GroupCounts) -> GroupCounts:
        """The counts of both sets of rows together: associative and commutative, to the last bit.

        Raises
        ------
        ProfileError
            The counts are over other groups.
        """
        self.check(other)
        return GroupCounts(self.binning, self.vector + other.vector)

    def check(self, other: GroupCounts) -> None:
        """Refuse counts over other groups.

        Raises
        ------
        ProfileError
            They are.
        """
        if self.binning.id != other.binning.id:
            raise ProfileError(
                f"Counts over the groups {other.binning.id!r} cannot be put beside counts over {self.binning.id!r}: "
                "their groups differ. Merge and compare counts of one baseline only."
            )

    def to_document(self) -> dict[str, Any]:
        """JSON form."""
        return {"format": FORMAT, "binning": self.binning.id, "counts": codec.pack(self.vector)}

    def to_json(self) -> bytes:
        """JSON bytes; equal counts give equal bytes."""
        return jsonio.dumps(self.to_document())

    @classmethod
    def from_json(cls, text: bytes, binning: GroupBinning) -> GroupCounts:
        """Read what `to_json` wrote of counts over these groups.

        Raises
        ------
        ProfileError
            The text holds no counts, some of another format, or counts over other groups.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is {document['format']!r}, not {FORMAT}")
            found, vector = document["binning"], codec.unpack(document["counts"])
        except (ValueError, KeyError, TypeError) as error:
            raise ProfileError(
                f"The text holds no counts of groups ({error!r}): delete the object, and its rows are counted again."
            ) from error
        blank = cls.empty(binning)
        if found != binning.id or vector.shape != blank.vector.shape:
            raise ProfileError(
                f"The counts are over the groups {found!r}, not {binning.id!r}: they belong to another baseline. Read "
                "counts with the groups of their own."
            )
        return cls(binning, vector)


def merge_all(counts: Iterable[GroupCounts], empty: GroupCounts) -> GroupCounts:
    """The counts of all rows together; `empty` when there are none.

    Raises
    ------
    ProfileError
        Some are over other groups.
    """
    total = empty.vector.copy()
    for each in counts:
        empty.check(each)
        total += each.vector
    return GroupCounts(empty.binning, total)


def observe(binning: GroupBinning, labelled: Labelled) -> GroupCounts:
    """Count rows.

    Raises
    ------
    DatasetError
        An attribute is none of the rows' columns, or labels or predictions are of the wrong kind.
    """
    attributes = {attribute.name: attribute for attribute in binning.attributes}
    of_attributes = {name: attribute.places(labelled.features) for name, attribute in attributes.items()}
    stratum = 0 if binning.stratum is None else binning.stratum.places(labelled.features)
    truth = binning.positive.of_truth(labelled).astype(np.int64)
    rest = (stratum * OUTCOMES + truth) * OUTCOMES + binning.positive.of_predictions(labelled)
    cells = binning.strata * OUTCOMES * OUTCOMES
    counts = [
        np.bincount(facet.places(attributes, of_attributes) * cells + rest, minlength=facet.size * cells)
        for facet in binning.facets
    ]
    return GroupCounts(binning, np.concatenate(counts).astype(np.int64, copy=False))
