"""Answered rows of one version as columns, in ascending order of id and place, none of them twice.

Joining is a maximum: a row takes a label that is newer than its own (see `labels.Labels`). So it may be done in parts,
in any order and again, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.capture import Block
from watchkeeper.capture.block import Shares
from watchkeeper.ids import Ids
from watchkeeper.labels.table import UNLABELLED, Labels, Truth, rows_of, truths
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import Task
from watchkeeper.table import CategoryColumn, Column, NumberColumn, concatenate, taken


@dataclass(frozen=True)
class Predictions:
    """Rows, all arrays and columns of one length.

    Attributes
    ----------
    ids : of the requests
    places : int32, which of its request's rows each is, from 0
    sizes : int32, how many rows its request has
    times : int64, seconds since 1970 at which it was answered; `cells.UNKNOWN_TIME` where that is not known
    features, predictions : as of `capture.Block`; predictions are missing where the answer was not captured
    shares : likewise the probability of each class, where the model's file names classes
    truth, collected, orders : its label, as of `labels.Labels`; `collected` is `UNLABELLED` where there never was one
    """

    ids: Ids
    places: NDArray[np.int32]
    sizes: NDArray[np.int32]
    times: NDArray[np.int64]
    features: Mapping[str, Column]
    predictions: Mapping[str, Column]
    truth: Truth
    collected: NDArray[np.int64]
    orders: NDArray[np.int64]
    shares: Shares = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of_block(cls, block: Block, task: Task, origin: str, record: int) -> Predictions:
        """The rows of a block that tells whose they are, without labels.

        Parameters
        ----------
        origin, record : what the block was read from, and how many of its records come before: a record without an id
            is named after its place, so that it is never taken for another
        """
        assert block.identities is not None  # what is staged was read with `identified`
        names, sizes = block.identities.ids, block.identities.sizes
        nameless = np.flatnonzero(names == ids.NOTHING)
        if len(nameless):
            names = names.copy()
            names[nameless] = ids.digests(f"{origin}#{record + place}".encode() for place in nameless.tolist())
        owner = np.repeat(np.arange(len(sizes)), sizes)
        firsts = np.repeat(np.cumsum(sizes) - sizes, sizes)
        return cls(
            ids=names[owner],
            places=(np.arange(block.rows) - firsts).astype(np.int32),
            sizes=sizes[owner].astype(np.int32),
            times=block.times[owner],
            features=block.features,
            predictions={name: _answered(column, block.rows) for name, column in block.predictions.items()},
            truth=truths(task, [None] * block.rows),
            collected=np.full(block.rows, UNLABELLED),
            orders=np.zeros(block.rows, np.int64),
            shares={name: _told(share, block.rows) for name, share in block.shares.items()},
        )

    @classmethod
    def together(cls, parts: Sequence[Predictions]) -> Predictions:
        """The rows of all parts, in order, each once.

        Of rows with the same id and place the one that was answered first is kept, with the newest label of all. A
        client that sends a request twice under one id gets two answers, but there is one truth.
        """
        whole = cls._concatenated(parts)
        first = np.lexsort((whole.times, whole.places, whole.ids))
        newest = np.lexsort((-whole.orders, -whole.collected, whole.places, whole.ids))
        names, places = whole.ids[first], whole.places[first]
        kept = np.ones(len(first), bool)
        kept[1:] = (names[1:] != names[:-1]) | (places[1:] != places[:-1])
        labelled = newest[kept]
        truth = rows_of(whole.truth, labelled)
        rows = whole.taken(first[kept])
        return replace(rows, truth=truth, collected=whole.collected[labelled], orders=whole.orders[labelled])

    @classmethod
    def _concatenated(cls, parts: Sequence[Predictions]) -> Predictions:
        truth = concatenate([part.truth for part in parts])
        assert isinstance(truth, CategoryColumn | NumberColumn)
        return cls(
            ids=np.concatenate([part.ids for part in parts]),
            places=np.concatenate([part.places for part in parts]),
            sizes=np.concatenate([part.sizes for part in parts]),
            times=np.concatenate([part.times for part in parts]),
            features=_columns([part.features for part in parts]),
            predictions=_columns([part.predictions for part in parts]),
            truth=truth,
            collected=np.concatenate([part.collected for part in parts]),
            orders=np.concatenate([part.orders for part in parts]),
            shares={name: np.concatenate([part.shares[name] for part in parts]) for name in parts[0].shares},
        )

    def taken(self, rows: NDArray[np.intp]) -> Predictions:
        """Some of the rows, in the order given."""
        truth = taken(self.truth, rows)
        assert isinstance(truth, CategoryColumn | NumberColumn)
        return Predictions(
            ids=self.ids[rows],
            places=self.places[rows],
            sizes=self.sizes[rows],
            times=self.times[rows],
            features={name: taken(column, rows) for name, column in self.features.items()},
            predictions={name: taken(column, rows) for name, column in self.predictions.items()},
            truth=truth,
            collected=self.collected[rows],
            orders=self.orders[rows],
            shares={name: share[rows] for name, share in self.shares.items()},
        )

    def cut(self, digits: int) -> Iterator[tuple[str, Predictions]]:
        """These rows by the first hexadecimal digits of their ids, so many."""
        for first, part in ids.cut(self.ids, digits):
            yield first, self.taken(np.arange(part.start, part.stop))

    def joined(self, labels: Labels) -> Joined:
        """These rows with the labels that are newer than their own, and which of the labels are of these rows."""
        begins = ids.places(labels.ids, self.ids)
        found = begins >= 0
        # A request's rows lie together, from place 0 on: it was read as a whole, or not at all.
        sizes = np.where(found, self.sizes[begins], 0) if len(self) else np.zeros(len(labels), np.int32)
        fits = (labels.places < sizes) & ((labels.sizes == 0) | (labels.sizes == sizes))
        told = np.flatnonzero(fits)
        rows = begins[told] + labels.places[told]
        newer = (labels.collected[told] > self.collected[rows]) | (
            (labels.collected[told] == self.collected[rows]) & (labels.orders[told] > self.orders[rows])
        )
        changed, told = rows[newer], told[newer]
        collected, orders = self.collected.copy(), self.orders.copy()
        collected[changed], orders[changed] = labels.collected[told], labels.orders[told]
        truth = _overwritten(self.truth, changed, labels.truth, told)
        joined = replace(self, truth=truth, collected=collected, orders=orders)
        return Joined(joined, found, found & ~fits, changed)

    def labelled(self) -> Labelled:
        """These rows as performance, bias and concept drift are counted from."""
        return Labelled(len(self), self.features, self.predictions, self.truth, self.shares)


@dataclass(frozen=True)
class Joined:
    """What joining came to.

    Attributes
    ----------
    found : which of the labels are of requests that are here, whether new or not
    misfits : which of these speak of a row that their request has not, or of another number of rows; they are not taken
    changed : the rows whose label is new
    """

    predictions: Predictions
    found: NDArray[np.bool_]
    misfits: NDArray[np.bool_] = field(repr=False)
    changed: NDArray[np.intp] = field(repr=False)


def _overwritten(old: Truth, rows: NDArray[np.intp], new: Truth, among: NDArray[np.intp]) -> Truth:
    """A column in which some rows have others' values."""
    if isinstance(old, NumberColumn):
        assert isinstance(new, NumberColumn)
        values = old.values.copy()
        values[rows] = new.values[among]
        return NumberColumn(values)
    assert isinstance(new, CategoryColumn)
    codes = old.codes.copy()
    told = new.codes[among]
    codes[rows] = np.where(told < 0, -1, told + len(old.levels))
    return CategoryColumn.coded(codes, [*old.levels, *new.levels])


def _columns(parts: Sequence[Mapping[str, Column]]) -> dict[str, Column]:
    return {name: concatenate([part[name] for part in parts]) for name in parts[0]}


def _answered(column: Column, rows: int) -> Column:
    """A column of predictions; all missing where no answer was captured."""
    if len(column) == rows:
        return column
    if isinstance(column, CategoryColumn):
        return CategoryColumn(np.full(rows, -1, np.int32), ())
    return NumberColumn(np.full(rows, np.nan))


def _told(share: NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    return share if len(share) == rows else np.full(rows, np.nan)
