"""The bins of every column of a model: what makes rows into profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from watchkeeper.errors import ProfileError
from watchkeeper.profile import column, joint_fit
from watchkeeper.profile.column import ROWS_AT_ONCE, ColumnBinning, Counter, fit_column
from watchkeeper.profile.joint import JointBinning
from watchkeeper.profile.layout import ROWS, UNREADABLE, Layout, Scratch, no_extremes
from watchkeeper.profile.profile import Profile

if TYPE_CHECKING:
    from watchkeeper.capture import Block
    from watchkeeper.table import Column

JOINT_PREDICTIONS = ("predicted score", "predicted value")
"""The prediction that the joint part looks at: the first of these that there is."""


@dataclass(frozen=True)
class Binning:
    """Bins of features and predictions, and the scores of their joint part.

    `joint` is None where fewer than two columns vary, or the baseline was made before there was a joint part.
    """

    features: Mapping[str, ColumnBinning]
    predictions: Mapping[str, ColumnBinning]
    joint: JointBinning | None = None

    @classmethod
    def fit(cls, features: Mapping[str, Column], predictions: Mapping[str, Column]) -> Binning:
        """Bins for typed columns; predictions of as many rows as the features are taken to belong to them."""
        binned = {name: fit_column(values) for name, values in features.items()}
        answers = {name: fit_column(values) for name, values in predictions.items()}
        outcome = next((name for name in JOINT_PREDICTIONS if name in answers), None)
        joint = joint_fit.fit_joint(features, binned, outcome, predictions, answers)
        return cls(binned, answers, joint)

    @cached_property
    def columns(self) -> tuple[ColumnBinning, ...]:
        """The bins of all columns, in the order of the layout."""
        return (*self.features.values(), *self.predictions.values())

    @cached_property
    def layout(self) -> Layout:
        """Where a window's profile keeps each column."""
        return self._layout(reference=False)

    @cached_property
    def reference_layout(self) -> Layout:
        """Where the baseline's own profile does: it has the fourth-order sums as well."""
        return self._layout(reference=True)

    def _layout(self, *, reference: bool) -> Layout:
        joint = self.joint.sections(reference=reference) if self.joint else {}
        return Layout.of([bins.shape for bins in self.columns], joint)

    def empty(self, baseline: str, *, reference: bool = False) -> Profile:
        """The profile of no rows: the identity of merging."""
        layout = self.reference_layout if reference else self.layout
        names: tuple[dict[str, int], ...] = tuple({} for _ in self.columns)
        return Profile(baseline, self, np.zeros(layout.size, np.int64), no_extremes(len(self.columns)), names)

    def observe(self, block: Block, baseline: str, *, reference: bool = False) -> Profile:
        """Profile the rows of a block.

        A block's predictions belong to its rows, one each, in the same order; or it has none. With `reference` the
        profile has what only the baseline's own needs.

        Raises
        ------
        ProfileError
            The block's features are not the baseline's.
        """
        profile = self.empty(baseline, reference=reference)
        profile.vector[ROWS], profile.vector[UNREADABLE] = block.rows, len(block.unreadable)
        scored = self._joint_rows(block)
        counters = self._counters(block)
        longest = max((len(values) for _, values in counters.values()), default=0)
        scratch = Scratch.of(min(ROWS_AT_ONCE, longest))
        for start in range(0, longest, ROWS_AT_ONCE):
            self._add_slice(profile, counters, scored, start, scratch)
        for place, (counting, _) in counters.items():
            counting.finish(profile.tally(place))
        return profile.sealed()

    def _add_slice(
        self,
        profile: Profile,
        counters: Mapping[int, tuple[Counter, Column]],
        scored: Mapping[int, int],
        start: int,
        scratch: Scratch,
    ) -> None:
        """Count up to `ROWS_AT_ONCE` rows of every column, and how they go together."""
        size = min(ROWS_AT_ONCE, profile.rows - start)
        scores = np.zeros((len(self.joint.columns), size)) if self.joint and scored and size > 0 else None
        for place, (counting, values) in counters.items():
            stop = min(start + ROWS_AT_ONCE, len(values))
            if stop > start:
                row = None if scores is None or place not in scored else scores[scored[place]]
                counting.add(start, stop, scratch, row)
        if self.joint is not None and scores is not None:
            self.joint.add(scores, profile.joint_sections)

    def _joint_rows(self, block: Block) -> dict[int, int]:
        """Row of the joint part's scores that each column fills, by the column's place."""
        if self.joint is None:
            return {}
        features, predictions = list(self.features), list(self.predictions)
        rows = {features.index(name): row for row, name in enumerate(self.joint.features)}
        answer = self.joint.prediction
        if answer is not None and answer in block.predictions and len(block.predictions[answer]) == block.rows:
            rows[len(features) + predictions.index(answer)] = len(self.joint.columns) - 1
        return rows

    def _counters(self, block: Block) -> dict[int, tuple[Counter, Column]]:
        """What counts each column of the block, by the column's place."""
        if self.features.keys() != block.features.keys():
            differing = ", ".join(sorted(self.features.keys() ^ block.features.keys()))
            raise ProfileError(
                f"The rows and the baseline differ in their columns ({differing}). Build the baseline again after "
                "changing the model's features."
            )
        joint = self.joint
        scores = dict(zip(joint.features, joint.tables, strict=False)) if joint else {}
        found = {}
        for place, (name, bins) in enumerate(self.features.items()):
            values = block.features[name]
            found[place] = column.counter(name, bins, values, scores.get(name)), values
        for place, (name, bins) in enumerate(self.predictions.items(), len(self.features)):
            if name in block.predictions:  # none were captured, or the baseline knows one more than the capture
                values = block.predictions[name]
                table = joint.tables[-1] if joint and name == joint.prediction else None
                found[place] = column.counter(name, bins, values, table), values
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "features": column.binnings_to_json(self.features),
            "predictions": column.binnings_to_json(self.predictions),
            "joint": self.joint and self.joint.to_json(),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Binning:
        """Read what `to_json` wrote."""
        joint = document["joint"]
        return cls(
            column.binnings_from_json(document["features"]),
            column.binnings_from_json(document["predictions"]),
            joint and JointBinning.from_json(joint),
        )
