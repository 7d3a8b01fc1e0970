"""Rows with a score and a yes-or-no label: a binary model's, and a multiclass model's with "was it right" as the label.

Both are counted alike. A binary label says whether the row was positive, and the score how probable that was. A
multiclass row is positive when the predicted class was the true one, and its score is the confidence in that class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.block import CONFIDENCE, PREDICTED_LABEL, PREDICTED_SCORE
from watchkeeper.capture.prediction import NEGATIVE, POSITIVE
from watchkeeper.errors import ProfileError
from watchkeeper.holdout import FALSE, TRUE
from watchkeeper.outcomes import fixed, grid, partition
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.profile.layout import Floats, Integers
from watchkeeper.table import CategoryColumn, Column

NONE, NO, YES = 0, 1, 2
"""Codes of labels and of predictions: absent, negative (or wrong), positive (or right)."""
KINDS = 3
Codes: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """What of some rows is counted; all of shape (n,).

    Attributes
    ----------
    labels, predicted : NONE, NO or YES
    places : on the grid of scores
    scores : NaN where there is none, or it is no probability
    """

    labels: Codes
    predicted: Codes
    places: Integers
    scores: Floats

    @classmethod
    def binary(cls, rows: Labelled) -> Scored:
        """Rows of a binary model."""
        labels = _codes("truth", rows.truth, {FALSE: NO, TRUE: YES})
        predicted = _codes(PREDICTED_LABEL, rows.predictions.get(PREDICTED_LABEL), {NEGATIVE: NO, POSITIVE: YES})
        return cls._of(labels, predicted, rows, PREDICTED_SCORE)

    @classmethod
    def multiclass(cls, rows: Labelled) -> Scored:
        """Rows of a multiclass model, each right or wrong; wrong where there is a label and no prediction."""
        truth, predicted = categories("truth", rows.truth), predicted_classes(rows)
        names = {name: place for place, name in enumerate(truth.levels)}
        own = np.asarray([*(names.get(name, -2) for name in predicted.levels), -2], np.int64)
        right = truth.codes == own[predicted.codes]
        labels = np.where(truth.codes < 0, NONE, np.where(right, YES, NO))
        return cls._of(labels, np.where(predicted.codes < 0, NONE, YES), rows, CONFIDENCE)

    @classmethod
    def _of(cls, labels: Codes, predicted: Codes, rows: Labelled, name: str) -> Scored:
        column = rows.predictions.get(name)
        scores = np.full(rows.rows, np.nan) if column is None else partition.numbers_of(column)
        return cls(labels, predicted, grid.places(scores), np.where(grid.is_probability(scores), scores, np.nan))

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a row has a score that is a probability."""
        return ~np.isnan(self.scores)

    def losses(self) -> tuple[Floats, Floats]:
        """Log loss and squared error of each row in whole units; 0 where label or probability is absent."""
        counted = self.known & (self.labels != NONE)
        scores, yes = np.where(counted, self.scores, 1.0), self.labels == YES
        given = np.where(yes, scores, 1 - scores)  # the probability given to what turned out to be true
        log_loss, squares = fixed.units(fixed.log_loss(given)), fixed.units(np.square(1 - given))
        return np.where(counted, log_loss, 0.0), np.where(counted, squares, 0.0)


def categories(name: str, column: Column | None) -> CategoryColumn:
    """A column of categories.

    Raises
    ------
    ProfileError
        It is absent, or of another kind.
    """
    if not isinstance(column, CategoryColumn):
        found = "absent" if column is None else f"a {type(column).__name__}"
        raise ProfileError(f"The rows' {name} is {found}, not categories: read the rows with the model's own spec.")
    return column


def predicted_classes(rows: Labelled) -> CategoryColumn:
    """The classes that were predicted."""
    return categories(PREDICTED_LABEL, rows.predictions.get(PREDICTED_LABEL))


def _codes(name: str, column: Column | None, meanings: dict[str, int]) -> Codes:
    """Codes of a column of two levels.

    Raises
    ------
    ProfileError
        It holds another level.
    """
    read = categories(name, column)
    unknown = sorted(set(read.levels) - set(meanings))
    if unknown:
        raise ProfileError(
            f"The rows' {name} holds {len(unknown)} value(s) besides {' and '.join(meanings)}: bring labels into the "
            "form of training sets (holdout.canonical_truth) before they are counted."
        )
    own = np.asarray([*(meanings[level] for level in read.levels), NONE], np.int64)
    codes: Codes = own[read.codes]  # the code -1 finds the last
    return codes
