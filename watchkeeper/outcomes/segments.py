"""Rows and sums of every cell of every feature's partition: where, if not on the whole, a model fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np

from watchkeeper.outcomes import fixed, partition
from watchkeeper.outcomes.partition import Partition
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.table import Column


class Segment(NamedTuple):
    """One cell of one feature."""

    feature: str
    cell: str


@dataclass(frozen=True)
class Segments:
    """The partitions of a model's features, their cells one after the other."""

    partitions: Mapping[str, Partition]

    @classmethod
    def fit(cls, features: Mapping[str, Column]) -> Segments:
        """Cells for the baseline's columns."""
        return cls({name: partition.fit(column) for name, column in features.items()})

    @cached_property
    def parts(self) -> tuple[slice, ...]:
        """Where each feature's cells lie."""
        ends = accumulate((each.cells for each in self.partitions.values()), initial=0)
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @property
    def cells(self) -> int:
        """All cells of all features."""
        return self.parts[-1].stop if self.parts else 0

    def names(self) -> Iterator[Segment]:
        """Each cell's feature, and its label there."""
        for name, each in self.partitions.items():
            for place in range(each.cells):
                yield Segment(name, each.label(place))

    def count(
        self, columns: Mapping[str, Column], kinds: Integers, most: int, weights: Iterable[Floats]
    ) -> tuple[Integers, list[Integers]]:
        """Rows and sums by cell.

        Parameters
        ----------
        kinds : which kind a row is of, from 0 to `most` - 1, shape (n,)
        weights : whole numbers to add up, each of shape (n,)

        Returns
        -------
        Rows by cell and kind, of shape (cells, most), and the sums of each weight, of shape (cells,).
        """
        weights = list(weights)
        rows = np.zeros((self.cells, most), np.int64)
        sums = [np.zeros(self.cells, np.int64) for _ in weights]
        for (name, each), part in zip(self.partitions.items(), self.parts, strict=True):
            places = partition.places(name, each, columns)
            rows[part] = np.bincount(places * most + kinds, minlength=each.cells * most).reshape(-1, most)
            for total, weight in zip(sums, weights, strict=True):
                total[part] = fixed.summed(places, weight, each.cells)
        return rows, sums

    def to_json(self) -> list[dict[str, Any]]:
        """JSON form: a list, for the order is that of every vector."""
        return [{"name": name, **each.to_json()} for name, each in self.partitions.items()]

    @classmethod
    def from_json(cls, document: Iterable[Mapping[str, Any]]) -> Segments:
        """Read what `to_json` wrote."""
        return cls({each["name"]: partition.from_json(each) for each in document})
