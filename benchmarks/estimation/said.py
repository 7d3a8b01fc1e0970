"""What an estimator said of windows, and how near it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from watchkeeper.performance.metric import Name

Stated = Mapping[Name, tuple[float, float, float]]
"""Value and 95 % interval of each metric of one window."""


@dataclass(frozen=True)
class Said:
    """Estimates of all windows by scenario.

    Attributes
    ----------
    warned : windows of each scenario whose estimate was said not to be trusted
    """

    windows: Mapping[str, Sequence[Stated]]
    seconds: float = 0.0
    warned: Mapping[str, int] = field(default_factory=dict)


class Score(NamedTuple):
    """Mean absolute error, each metric in its unit, and share of the realised values within the intervals."""

    error: float
    inside: float


def score(
    said: Said,
    scenario: str,
    truths: Sequence[Mapping[Name, float]],
    names: Sequence[Name],
    scale: Mapping[Name, float],
) -> Score:
    """Over windows and metrics; `scale` is what an error is measured in."""
    errors, inside = [], []
    for stated, truth in zip(said.windows[scenario], truths, strict=True):
        for name in names:
            value, low, high = stated[name]
            errors.append(abs(value - truth[name]) / scale[name])
            inside.append(low <= truth[name] <= high)
    return Score(float(np.mean(errors)), float(np.mean(inside)))
