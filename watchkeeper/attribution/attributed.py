"""What each feature contributed to each of some predictions, however that was found out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from watchkeeper.spec import AttributionMethod

Floats = NDArray[np.float64]

_NEAREST = 1e-6
"""Probabilities nearer to 0 or 1 than that are taken as so near, for answers are written with few digits."""


class Scale(StrEnum):
    """What contributions add up to. Those on different scales cannot be compared."""

    SCORE = "score"
    """The answer itself: a probability, or a predicted value."""
    LOG_ODDS = "log odds"
    """log p/(1 − p) of a probability p: the scale on which linear classifiers add."""


@dataclass(frozen=True)
class Attributions:
    """Contributions of `d` features to `n` predictions. In each row they sum to prediction − base.

    Attributes
    ----------
    values, errors : of shape (n, d): the contribution, and its standard error; NaN where the model gave no answer
    base : of shape (n,): the mean answer to the background rows that the row was compared with
    predictions : of shape (n,): the answer to the row itself
    unanswered : rows asked to which the model gave no finite answer
    method : how that was found out
    """

    features: tuple[str, ...]
    values: Floats
    errors: Floats
    base: Floats
    predictions: Floats
    scale: Scale = Scale.SCORE
    unanswered: int = 0
    method: AttributionMethod = AttributionMethod.SAMPLING

    @property
    def explained(self) -> NDArray[np.bool_]:
        """Of shape (n,): which rows could be explained."""
        found: NDArray[np.bool_] = np.isfinite(self.values).all(axis=1)
        return found


def log_odds(probabilities: Floats) -> Floats:
    """Probabilities on the scale of log odds."""
    p = np.clip(probabilities, _NEAREST, 1 - _NEAREST)
    odds: Floats = np.log(p) - np.log1p(-p)
    return odds


def probabilities(odds: Floats) -> Floats:
    """The reverse of `log_odds`."""
    found: Floats = 0.5 * (1.0 + np.tanh(np.asarray(odds, np.float64) / 2))
    return found
