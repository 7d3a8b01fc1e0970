"""The bins of every column of a model: what makes rows into profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from watchkeeper.profile import captures, column, joint_fit
from watchkeeper.profile.captures import Filing
from watchkeeper.profile.column import ColumnBinning, fit_column
from watchkeeper.profile.joint import JointBinning
from watchkeeper.profile.layout import Layout, no_extremes
from watchkeeper.profile.observer import Observer
from watchkeeper.profile.profile import Profile, no_names

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
        """Bins for typed columns."""
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
        others = {**joint, captures.SECTION: captures.size(len(self.features))}
        return Layout.of([bins.shape for bins in self.columns], others)

    def empty(self, baseline: str, *, reference: bool = False) -> Profile:
        """The profile of no rows: the identity of merging."""
        layout = self.reference_layout if reference else self.layout
        columns = len(self.columns)
        return Profile(baseline, self, np.zeros(layout.size, np.int64), no_extremes(columns), no_names(columns))

    def observer(self, baseline: str, *, reference: bool = False, filing: Filing | None = None) -> Observer:
        """What counts the rows of any number of blocks into one profile; of captures, given how they are filed."""
        return Observer(self, baseline, reference=reference, filing=filing)

    def observe(self, block: Block, baseline: str, *, reference: bool = False) -> Profile:
        """Profile the rows of a block; with `reference`, with what only the baseline's own profile needs.

        Raises
        ------
        ProfileError
            The block's features are not the baseline's.
        """
        observer = self.observer(baseline, reference=reference)
        observer.add(block)
        return observer.profile()

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
