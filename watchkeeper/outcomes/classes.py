"""Counts of rows with one of several classes: what a multiclass model has beside being right or wrong (`scored`).

The baseline's classes are counted one by one, the 50 most frequent of them; all further ones together as "other". Where
answers hold a probability for every class, each class against the rest has histograms of its own, over cells four times
as wide as the grid's; without, what needs them is absent. Probabilities count that are all there, lie from 0 to 1 and
add up to 1, as far as printed digits show.

| section | what it counts |
|---|---|
| classes | rows by label and predicted class, each absent, one of the classes, or other |
| class rows | labelled rows with such probabilities |
| class scores | of these, rows of the class and rows of others, by cell of its probability |
| class sums | the probabilities themselves, by the same cells, added up |
| class losses | of these, log losses and squared errors (over all classes: 0 to 2) added up |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.classes import DISTRIBUTION_TOLERANCE
from watchkeeper.outcomes import fixed, grid
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.outcomes.scored import categories, predicted_classes
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.table import CategoryColumn

MOST_CLASSES = 50
OTHER = "other"
_COARSE = 4
"""Cells of the grid that make one of a class's: a quarter in log-odds."""
CELLS = (grid.PROBABILITIES.stop - grid.PROBABILITIES.start - 1) // _COARSE + 1


@dataclass(frozen=True)
class ClassBinning:
    """The classes of the baseline.

    Attributes
    ----------
    names : most frequent first, ties by name
    shares : those of them for which answers hold a probability; none where answers have no such
    """

    names: tuple[str, ...]
    shares: tuple[str, ...] = ()

    @classmethod
    def fit(cls, rows: Labelled) -> ClassBinning:
        """Learn from the baseline's rows: a class counts where it is the label, and where it is predicted."""
        found: dict[str, int] = {}
        for column in (categories("truth", rows.truth), predicted_classes(rows)):
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels)).tolist()
            for name, count in zip(column.levels, counts, strict=True):
                found[name] = found.get(name, 0) + count
        ranked = sorted((name for name, count in found.items() if count), key=lambda name: (-found[name], name))
        names = tuple(ranked[:MOST_CLASSES])
        return cls(names, tuple(name for name in names if name in rows.shares))

    @property
    def lengths(self) -> dict[str, int]:
        """The sections of the vector, and how many integers each has."""
        sections = {"classes": (len(self.names) + 2) ** 2}
        if self.shares:
            cells = len(self.shares) * CELLS
            sections |= {"class rows": 1, "class scores": 2 * cells, "class sums": cells, "class losses": 2}
        return sections

    def codes(self, column: CategoryColumn) -> Integers:
        """Place of each row's class: 0 where absent, then the classes, last all others."""
        known = {name: place for place, name in enumerate(self.names, 1)}
        own = np.asarray([*(known.get(name, len(known) + 1) for name in column.levels), 0], np.int64)
        found: Integers = own[column.codes]  # the code -1 finds the last
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"names": list(self.names), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ClassBinning:
        """Read what `to_json` wrote."""
        return cls(tuple(document["names"]), tuple(document["shares"]))


def count(rows: Labelled, binning: ClassBinning, into: Mapping[str, Integers]) -> None:
    """Add at most `fixed.ROWS_AT_ONCE` rows to the sections."""
    truth, most = categories("truth", rows.truth), len(binning.names) + 2
    both = binning.codes(truth) * most + binning.codes(predicted_classes(rows))
    into["classes"][:] += np.bincount(both, minlength=most * most)
    if binning.shares and all(name in rows.shares for name in binning.shares):
        _count_shares(rows, truth, binning, into)


def _count_shares(rows: Labelled, truth: CategoryColumn, binning: ClassBinning, into: Mapping[str, Integers]) -> None:
    usable = (truth.codes >= 0) & _are_distributions(rows)
    codes = truth.codes[usable]
    given, squares = np.zeros(len(codes)), np.zeros(len(codes))  # a class that answers do not know had no chance
    levels = {name: place for place, name in enumerate(truth.levels)}
    counted = {name: place for place, name in enumerate(binning.shares)}
    counts = into["class scores"].reshape(len(binning.shares), 2, CELLS)
    sums = into["class sums"].reshape(len(binning.shares), CELLS)
    for name in sorted(rows.shares):  # in one order, or the last digits of the squares' sums would differ
        values = np.asarray(rows.shares[name], np.float64)[usable]
        own = codes == levels.get(name, -1)
        given[own] = values[own]
        squares += np.square(values)
        if name in counted:
            cells = (grid.places(values) - grid.PROBABILITIES.start) // _COARSE
            counts[counted[name]] += np.bincount(own * CELLS + cells, minlength=2 * CELLS).reshape(2, CELLS)
            sums[counted[name]] += fixed.summed(cells, fixed.units(values), CELLS)
    into["class rows"][0] += len(given)
    losses = fixed.units(fixed.log_loss(given)).sum(), fixed.units(squares + 1 - 2 * given).sum()
    into["class losses"][:] += np.array(losses).astype(np.int64)


def _are_distributions(rows: Labelled) -> NDArray[np.bool_]:
    """Whether the probabilities of each row are all there, from 0 to 1, and add up to 1."""
    found, total = np.ones(rows.rows, bool), np.zeros(rows.rows)
    for name in sorted(rows.shares):
        found &= grid.is_probability(rows.shares[name])
        total += np.where(found, rows.shares[name], 0.0)
    return found & (np.abs(total - 1) < DISTRIBUTION_TOLERANCE * len(rows.shares))


@dataclass(frozen=True)
class ClassCounts:
    """A view of the sections."""

    sections: Mapping[str, Integers]
    binning: ClassBinning

    @property
    def confusion(self) -> Integers:
        """Rows by label and predicted class, those of `names`, of shape (names, names)."""
        most = len(self.binning.names) + 2
        return self.sections["classes"].reshape(most, most)[1:, 1:][: len(self.names), : len(self.names)]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, and other where any row has one."""
        most = len(self.binning.names) + 2
        both = self.sections["classes"].reshape(most, most)
        others = int(both[-1].sum() + both[:, -1].sum())
        return (*self.binning.names, OTHER) if others else self.binning.names

    @property
    def rows(self) -> int:
        """Labelled rows with probabilities of every class."""
        return int(self.sections["class rows"][0]) if self.binning.shares else 0

    @property
    def scores(self) -> Integers:
        """Of each class with probabilities, rows of others and of it, by cell: shape (classes, 2, cells)."""
        return self.sections["class scores"].reshape(len(self.binning.shares), 2, CELLS)

    @property
    def sums(self) -> Floats:
        """Probabilities of each class, by cell, added up: shape (classes, cells)."""
        return self.sections["class sums"].reshape(len(self.binning.shares), CELLS) / fixed.UNITS

    @property
    def losses(self) -> tuple[float, float]:
        """Log losses and squared errors of these rows, added up."""
        log_loss, squares = (self.sections["class losses"] / fixed.UNITS).tolist()
        return log_loss, squares


def middles() -> Floats:
    """A probability that stands for each cell."""
    inner = grid.MIDDLES[grid.PROBABILITIES]
    starts = np.arange(0, len(inner), _COARSE)
    means: Floats = np.add.reduceat(inner, starts) / np.diff(starts, append=len(inner))
    return means
