"""The outcomes of some rows: every prediction beside what turned out to be true, as one vector of integers.

Merging adds the vectors, so it is associative and commutative to the last bit, and the outcomes of no rows change
nothing. Rows without a label are counted as well: what share of the predictions has one is a metric. What the integers
mean is said by the parts, `classification` and `regression`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from watchkeeper import jsonio
from watchkeeper.errors import ProfileError
from watchkeeper.outcomes.binning import OutcomeBinning
from watchkeeper.outcomes.classes import ClassCounts
from watchkeeper.outcomes.classification import ScoreCounts
from watchkeeper.outcomes.regression import ErrorCounts
from watchkeeper.profile import codec
from watchkeeper.profile.layout import Integers

FORMAT = 1
SAFE_ROWS = 1 << 33
"""So many rows (8 billion) cannot overflow an int64, whatever they are; of more, every sum is looked at."""


@dataclass(frozen=True, eq=False)
class Outcomes:
    """A mergeable summary of labelled predictions.

    Attributes
    ----------
    binning : the cells that the baseline fixes
    vector : everything that adds up, int64, laid out by `binning.sections`
    """

    binning: OutcomeBinning
    vector: Integers

    @classmethod
    def empty(cls, binning: OutcomeBinning) -> Outcomes:
        """The outcomes of no rows, the identity of merging."""
        return cls(binning, np.zeros(binning.size, np.int64))

    @property
    def sections(self) -> Mapping[str, Integers]:
        """The vector's parts by name."""
        return {name: self.vector[part] for name, part in self.binning.sections.items()}

    @property
    def rows(self) -> int:
        """Rows observed, labelled or not."""
        return int(self.sections["rows"][0])

    @property
    def scores(self) -> ScoreCounts:
        """What is known of a classifier's rows."""
        return ScoreCounts(self.sections, self.binning.segments)

    @property
    def classes(self) -> ClassCounts:
        """What is known of a multiclass model's rows beside."""
        assert self.binning.classes is not None  # bins of a multiclass model have them
        return ClassCounts(self.sections, self.binning.classes)

    @property
    def errors(self) -> ErrorCounts:
        """What is known of a regression's rows."""
        assert self.binning.errors is not None  # bins of a regression have them
        return ErrorCounts(self.sections, self.binning.errors)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Outcomes)
            and self.binning.id == other.binning.id
            and np.array_equal(self.vector, other.vector)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays have none

    def merge(self, other: Outcomes) -> Outcomes:
        """The outcomes of both sets of rows together: associative and commutative, to the last bit.

        Raises
        ------
        ProfileError
            They were counted over different bins, or have too many rows together.
        """
        return merge_all([other], self)

    def to_json(self) -> bytes:
        """JSON bytes; equal outcomes give equal bytes. Sections of nothing but zeros are left out."""
        return jsonio.dumps(
            {
                "format": FORMAT,
                "binning": self.binning.id,
                "sections": {name: codec.pack(part) for name, part in self.sections.items() if part.any()},
            }
        )

    @classmethod
    def from_json(cls, text: bytes, binning: OutcomeBinning) -> Outcomes:
        """Read what `to_json` wrote of outcomes over these bins.

        Raises
        ------
        ProfileError
            The text is no outcomes, or outcomes of another format or over other bins.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            _check_binning(binning.id, document["binning"])
            outcomes = cls.empty(binning)
            for name, packed in document["sections"].items():
                outcomes.sections[name][:] = codec.unpack(packed)
            return outcomes._sealed()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not outcomes over these bins ({error!r}): delete the object, and count its rows again."
            ) from error

    def _sealed(self) -> Outcomes:
        """Itself, no longer to be written."""
        self.vector.flags.writeable = False
        return self


def merge_all(several: Iterable[Outcomes], empty: Outcomes) -> Outcomes:
    """The outcomes of all rows together, one at a time; `empty` when there are none.

    Raises
    ------
    ProfileError
        They were counted over different bins, or have too many rows together.
    """
    total = replace(empty, vector=empty.vector.copy())
    for outcomes in several:
        _check_binning(empty.binning.id, outcomes.binning.id)
        if total.rows + outcomes.rows > SAFE_ROWS:
            _check_sums(total.vector, outcomes.vector)
        total.vector[:] += outcomes.vector
    return total._sealed()


def _check_binning(expected: str, found: str) -> None:
    if found != expected:
        raise ProfileError(
            f"Outcomes over bins {found!r} cannot be read or merged with those over {expected!r}: their cells differ. "
            "Merge outcomes of one version's baseline only, or count the rows again over its bins."
        )


def _check_sums(first: Integers, second: Integers) -> None:
    """Refuse sums that an int64 cannot hold."""
    largest = float(np.max(np.abs(first.astype(np.float64) + second)))
    if largest >= 2.0**62:
        raise ProfileError(
            f"The merged outcomes would hold a sum of {largest:.3g}, more than 64-bit integers can be trusted with: "
            "merge a shorter window."
        )
