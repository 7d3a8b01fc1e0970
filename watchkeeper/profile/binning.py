"""The bins of every column of a model: what makes rows into profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from watchkeeper.profile import captures, column, joint_fit
from watchkeeper.profile.column import ColumnBinning, fit_column
from watchkeeper.profile.joint import JointBinning
from watchkeeper.profile.layout import Layout

if TYPE_CHECKING:
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
