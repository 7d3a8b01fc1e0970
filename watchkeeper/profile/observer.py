"""Rows into a profile: every column's counter and the joint part, over any number of blocks.

All arrays that the counting needs are made once and used again for each block: to have them made anew by the operating
system would cost as much as the counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from watchkeeper.errors import ProfileError
from watchkeeper.profile import column
from watchkeeper.profile.binning import Binning
from watchkeeper.profile.captures import ACCOUNTS, SECTION, CaptureCounter, Filing
from watchkeeper.profile.column import ROWS_AT_ONCE
from watchkeeper.profile.layout import ROWS, UNREADABLE, Scratch
from watchkeeper.profile.profile import Profile

if TYPE_CHECKING:
    from watchkeeper.capture import Block
    from watchkeeper.table import Column


class Observer:
    """Counts blocks of rows into one profile.

    A block's predictions belong to its rows, one each and in their order; or it has none. Where they are fewer, the
    joint part takes them as missing.
    """

    def __init__(
        self, binning: Binning, baseline: str, *, reference: bool = False, filing: Filing | None = None
    ) -> None:
        self._binning = binning
        self._profile = Profile.empty(binning, baseline, reference=reference)
        joint = binning.joint
        self._score_rows = _score_rows(binning)
        tables = {place: joint.tables[row] for place, row in self._score_rows.items()} if joint else {}
        self._counters = [column.counter(bins, tables.get(place)) for place, bins in enumerate(binning.columns)]
        self._captures = CaptureCounter(list(binning.features), filing)
        self._scratch = Scratch.of(0)
        self._scores = np.empty((len(tables), 0))

    def add(self, block: Block) -> None:
        """Count the rows of a block.

        Raises
        ------
        ProfileError
            The block's features are not the baseline's.
        """
        columns = self._columns(block)
        for place, values in columns.items():
            self._counters[place].begin(values)
        vector = self._profile.vector
        vector[ROWS] += block.rows
        vector[UNREADABLE] += len(block.unreadable)
        self._captures.add(block)
        longest = max((len(values) for values in columns.values()), default=0)
        self._make_room(min(longest, ROWS_AT_ONCE))
        for start in range(0, longest, ROWS_AT_ONCE):
            self._add_slice(columns, block.rows, start)

    def profile(self) -> Profile:
        """The profile of all rows; nothing can be added afterwards."""
        for place, counter in enumerate(self._counters):
            counter.finish(self._profile.tally(place))
        profile = self._profile
        self._captures.finish(profile.vector[profile.layout.sections[SECTION]], *profile.names[-ACCOUNTS:])
        return self._profile.sealed()

    def _columns(self, block: Block) -> dict[int, Column]:
        """The block's columns by their place, each of the kind of its bins."""
        features, predictions = self._binning.features, self._binning.predictions
        if features.keys() != block.features.keys():
            differing = ", ".join(sorted(features.keys() ^ block.features.keys()))
            raise ProfileError(
                f"The rows and the baseline differ in their columns ({differing}). Build the baseline again after "
                "changing the model's features."
            )
        found: dict[int, Column] = {}
        for place, (name, bins) in enumerate(features.items()):
            column.check(name, bins, block.features[name])
            found[place] = block.features[name]
        for place, (name, bins) in enumerate(predictions.items(), len(features)):
            if name in block.predictions:  # an older baseline knows fewer of them, a capture without answers has none
                column.check(name, bins, block.predictions[name])
                found[place] = block.predictions[name]
        return found

    def _make_room(self, rows: int) -> None:
        """Have arrays for so many rows at once."""
        if rows > self._scores.shape[1]:
            self._scratch = Scratch.of(rows)
            self._scores = np.empty((len(self._score_rows), rows))

    def _add_slice(self, columns: Mapping[int, Column], rows: int, start: int) -> None:
        """Count up to `ROWS_AT_ONCE` rows of every column, and how they go together."""
        size = max(min(ROWS_AT_ONCE, rows - start), 0)
        scores = self._scores[:, :size]
        for place, counter in enumerate(self._counters):
            values = columns.get(place)
            row = self._score_rows.get(place)
            together = row is not None and values is not None and len(values) == rows
            if values is not None and start < len(values):
                stop = min(start + ROWS_AT_ONCE, len(values))
                counter.add(start, stop, self._scratch, scores[row] if together else None)
            if row is not None and not together:
                scores[row] = 0.0
        if self._binning.joint is not None and size:
            self._binning.joint.add(scores, self._profile.joint_sections)


def _score_rows(binning: Binning) -> dict[int, int]:
    """The joint part's row of each column that it looks at, by the column's place."""
    if binning.joint is None:
        return {}
    features, predictions = list(binning.features), list(binning.predictions)
    rows = {features.index(name): row for row, name in enumerate(binning.joint.features)}
    if binning.joint.prediction is not None:
        rows[len(features) + predictions.index(binning.joint.prediction)] = len(rows)
    return rows


def observe(binning: Binning, block: Block, baseline: str, *, reference: bool = False) -> Profile:
    """Profile the rows of one block; with `reference`, with what only the baseline's own profile needs.

    Raises
    ------
    ProfileError
        The block's features are not the baseline's.
    """
    observer = Observer(binning, baseline, reference=reference)
    observer.add(block)
    return observer.profile()
