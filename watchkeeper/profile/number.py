"""Numeric columns: counts over at most 64 bins that the baseline fixes, and exact sums."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.errors import ProfileError
from watchkeeper.profile.exact_sum import NOTHING, ExactSum
from watchkeeper.table import NumberColumn

MOST_BINS = 64
LARGEST = 1e150
"""Numbers beyond this count as infinite: their squares would be."""


@dataclass(frozen=True)
class NumberProfile:
    """What is kept of the numbers of some rows; merging is adding.

    Attributes
    ----------
    counts : finite values in each bin
    missing, infinite, invalid : rows without a value, with an infinite one, and with one of the wrong type
    below, above : finite values outside the baseline's range (counted in the first and last bin as well)
    total, squares : exact sums of the finite values, and of their squares as float64 rounds them
    least, greatest : the extremes of the finite values; None when there are none
    """

    counts: tuple[int, ...]
    missing: int = 0
    infinite: int = 0
    invalid: int = 0
    below: int = 0
    above: int = 0
    total: ExactSum = NOTHING
    squares: ExactSum = NOTHING
    least: float | None = None
    greatest: float | None = None

    @property
    def present(self) -> int:
        """Rows with a finite value."""
        return sum(self.counts)

    @property
    def rows(self) -> int:
        """All rows observed."""
        return self.present + self.missing + self.infinite + self.invalid

    @property
    def mean(self) -> float | None:
        """Mean of the finite values."""
        return float(self.total.fraction / self.present) if self.present else None

    @property
    def deviation(self) -> float | None:
        """Standard deviation of the finite values."""
        if not self.present:
            return None
        mean = self.total.fraction / self.present
        variance = self.squares.fraction / self.present - mean * mean
        return math.sqrt(max(float(variance), 0.0))

    def merge(self, other: NumberProfile) -> NumberProfile:
        """The profile of both sets of rows together."""
        if len(self.counts) != len(other.counts):
            raise ProfileError(
                f"Profiles of {len(self.counts)} and {len(other.counts)} bins cannot be merged: they were made against "
                "different baselines. Merge profiles of one baseline only."
            )
        return NumberProfile(
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            missing=self.missing + other.missing,
            infinite=self.infinite + other.infinite,
            invalid=self.invalid + other.invalid,
            below=self.below + other.below,
            above=self.above + other.above,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            least=min(_known(self.least, other.least), default=None),
            greatest=max(_known(self.greatest, other.greatest), default=None),
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form, without what is zero."""
        document: dict[str, Any] = {"counts": list(self.counts)}
        for name in ("missing", "infinite", "invalid", "below", "above"):
            if getattr(self, name):
                document[name] = getattr(self, name)
        if self.present:
            document |= {"total": self.total.to_json(), "squares": self.squares.to_json()}
            document |= {"least": self.least, "greatest": self.greatest}
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NumberProfile:
        """Read what `to_json` wrote."""
        values = dict(document)
        values["counts"] = tuple(values["counts"])
        for name in ("total", "squares"):
            if name in values:
                values[name] = ExactSum.from_json(values[name])
        return cls(**values)


@dataclass(frozen=True)
class NumberBinning:
    """Bins of one numeric column, fixed by the baseline.

    Bin i holds the values in (cuts[i-1], cuts[i]]; the first bin is open below, the last above. With at most 64
    different values in the baseline every value has a bin of its own, else the cuts are quantiles.

    Attributes
    ----------
    low, high : the range of the baseline's values
    """

    cuts: tuple[float, ...]
    low: float | None
    high: float | None

    @classmethod
    def fit(cls, column: NumberColumn) -> NumberBinning:
        """Bins of about equal counts for the column's finite values."""
        values = np.sort(_finite(column.values))
        if not len(values):
            return cls((), None, None)
        distinct = np.unique(values)
        if len(distinct) > MOST_BINS:
            ranks = np.ceil(np.arange(1, MOST_BINS) / MOST_BINS * len(values)).astype(int) - 1
            distinct = np.unique(np.append(values[ranks], values[-1]))
        return cls(tuple(distinct[:-1].tolist()), float(values[0]), float(values[-1]))

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.cuts) + 1

    def label(self, place: int) -> str:
        """A bin's interval, for people."""
        if not self.cuts:
            return "any value"
        if place == 0:
            return f"≤ {self.cuts[0]:.4g}"
        if place == len(self.cuts):
            return f"> {self.cuts[-1]:.4g}"
        return f"{self.cuts[place - 1]:.4g} to {self.cuts[place]:.4g}"

    def empty(self) -> NumberProfile:
        """The profile of no rows."""
        return NumberProfile((0,) * self.bins)

    def observe(self, column: NumberColumn) -> NumberProfile:
        """Profile the rows of a column."""
        values = column.values
        absent = int(np.count_nonzero(np.isnan(values)))
        finite = _finite(values)
        if not len(finite):
            return NumberProfile(
                counts=(0,) * self.bins,
                missing=absent - column.invalid,
                infinite=len(values) - absent,
                invalid=column.invalid,
            )
        places = np.searchsorted(np.asarray(self.cuts), finite, side="left")
        return NumberProfile(
            counts=tuple(np.bincount(places, minlength=self.bins).tolist()),
            missing=absent - column.invalid,
            infinite=len(values) - absent - len(finite),
            invalid=column.invalid,
            below=0 if self.low is None else int(np.count_nonzero(finite < self.low)),
            above=0 if self.high is None else int(np.count_nonzero(finite > self.high)),
            total=ExactSum.of(finite),
            squares=ExactSum.of(finite * finite),
            least=float(np.min(finite)) + 0.0,  # -0.0 and 0.0 are one value
            greatest=float(np.max(finite)) + 0.0,
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"cuts": list(self.cuts), "low": self.low, "high": self.high}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> NumberBinning:
        """Read what `to_json` wrote."""
        return cls(tuple(float(cut) for cut in document["cuts"]), document["low"], document["high"])


def _known(*values: float | None) -> list[float]:
    return [value for value in values if value is not None]


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        kept: NDArray[np.float64] = values[np.abs(values) <= LARGEST]
    return kept
