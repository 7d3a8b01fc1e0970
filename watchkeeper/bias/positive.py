"""What counts as a positive outcome: one rule for what turned out to be true, one for what was predicted.

Every bias metric is about two outcomes, of which the positive one is what people would wish for. Of a binary model's
two, either may be it; of several classes a set is called positive; of a regression, values from a threshold on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import PREDICTED_LABEL, PREDICTED_VALUE
from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.errors import ConfigError, DatasetError
from watchkeeper.holdout import FALSE, TRUE
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.table import CategoryColumn, Column, NumberColumn

UNKNOWN, NEGATIVE_OUTCOME, POSITIVE_OUTCOME = 0, 1, 2
"""Places of outcomes in counts. Unknown is a row without a label, or without an answer."""

Outcomes = NDArray[np.int8]


@dataclass(frozen=True)
class Positive:
    """Which labels and predictions are positive; all others that there are are negative.

    Attributes
    ----------
    truth, predicted : the positive labels, as `Labelled` spells them
    threshold : of a regression: values from here on are positive, predicted or true
    """

    truth: tuple[str, ...] = (TRUE,)
    predicted: tuple[str, ...] = (POSITIVE,)
    threshold: float | None = None

    @classmethod
    def classes(cls, *labels: str) -> Positive:
        """For a model of several classes: these are the positive ones."""
        if not labels:
            raise ConfigError("No class is called positive: name at least one label that people would wish for.")
        return cls(tuple(sorted(labels)), tuple(sorted(labels)))

    @classmethod
    def at_least(cls, threshold: float) -> Positive:
        """For a regression: values from `threshold` on are positive."""
        return cls((), (), threshold)

    def of_truth(self, labelled: Labelled) -> Outcomes:
        """What turned out to be true of each row, int8 of shape (rows,).

        Raises
        ------
        DatasetError
            The labels are numbers without a threshold, or categories with one.
        """
        return self._outcomes(labelled.truth, self.truth, "labels")

    def of_predictions(self, labelled: Labelled) -> Outcomes:
        """What was predicted of each row; unknown throughout where no row was answered.

        Raises
        ------
        DatasetError
            The predictions are numbers without a threshold, or categories with one.
        """
        column = labelled.predictions.get(PREDICTED_LABEL if self.threshold is None else PREDICTED_VALUE)
        if column is None or not len(column):
            return np.full(labelled.rows, UNKNOWN, np.int8)
        return self._outcomes(column, self.predicted, "predictions")

    def _outcomes(self, column: Column, positive: tuple[str, ...], what: str) -> Outcomes:
        if self.threshold is None and isinstance(column, CategoryColumn):
            known = [POSITIVE_OUTCOME if level in positive else NEGATIVE_OUTCOME for level in column.levels]
            return np.array([*known, UNKNOWN], np.int8)[column.codes]  # the code -1 finds the last
        if self.threshold is not None and isinstance(column, NumberColumn):
            known_values = np.where(column.values >= self.threshold, POSITIVE_OUTCOME, NEGATIVE_OUTCOME)
            return np.where(np.isnan(column.values), UNKNOWN, known_values).astype(np.int8)
        found, remedy = ("categories", "leave it out") if self.threshold is not None else ("numbers", "give one")
        raise DatasetError(
            f"The {what} are {found}, and the threshold from which on they are positive is {self.threshold}: {remedy}."
        )

    def to_json(self) -> dict[str, Any]:
        """JSON form."""
        return {"truth": list(self.truth), "predicted": list(self.predicted), "threshold": self.threshold}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Positive:
        """Read what `to_json` wrote."""
        return cls(tuple(document["truth"]), tuple(document["predicted"]), document["threshold"])


BINARY = Positive()
"""Of a binary model whose positive label is what people would wish for: a loan, an interview."""
BINARY_REVERSED = Positive((FALSE,), (NEGATIVE,))
"""Of a binary model whose positive label is what they would not: a default, a suspicion."""
