"""What is tolerated of bias, how sure a finding must be, and how small a group may be."""

from __future__ import annotations

import math
from dataclasses import dataclass

from watchkeeper.bias.metric import Metric, Unit
from watchkeeper.errors import ConfigError


@dataclass(frozen=True)
class Tolerance:
    """How far a metric may be from a value, one limit for each unit.

    Attributes
    ----------
    share : for differences of shares, and for distances as far as such a difference makes them
    ratio : for ratios of shares: from it to its inverse
    counts : for differences of ratios of counts
    """

    share: float
    ratio: float
    counts: float

    def __post_init__(self) -> None:
        if not (self.share > 0 and self.counts > 0 and 0 < self.ratio < 1):
            raise ConfigError(f"{self} tolerates nothing: give positive limits, and a ratio between 0 and 1.")

    def on_scale(self, metric: Metric) -> float:
        """The limit on the scale on which the metric is judged."""
        if metric.unit is Unit.RATIO:
            return -math.log(self.ratio)
        return (self.share if metric.unit is Unit.SHARE else self.counts) * metric.per_share


@dataclass(frozen=True)
class BiasSettings:
    """How bias is judged.

    Attributes
    ----------
    tolerated : around each metric's neutral value. A tenth for shares, as toolkits of the field have it; four fifths
        for ratios, as the rule says
    change : by how much a metric may leave its baseline: half as much
    alpha : the chance that a look finds any bias, or any change of bias, that is not there; one alpha for each of both
    confidence : of the interval that is shown with a value, by itself
    minimum_rows, minimum_relevant : rows that a group needs, and counts that a metric divides by, for a verdict
    dispersion : how much more counts vary than those of independent rows (1: not at all); see `dispersion`
    draws, seed : of the random draws that intervals are made from; an odd number has a middle one
    """

    tolerated: Tolerance = Tolerance(share=0.1, ratio=0.8, counts=0.25)
    change: Tolerance = Tolerance(share=0.05, ratio=0.9, counts=0.125)
    alpha: float = 0.01
    confidence: float = 0.95
    minimum_rows: int = 100
    minimum_relevant: int = 10
    dispersion: float = 1.0
    draws: int = 2001
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and 0 < self.confidence < 1 and self.dispersion > 0):
            raise ConfigError(
                f"alpha {self.alpha} and confidence {self.confidence} must be between 0 and 1, and dispersion "
                f"{self.dispersion} above 0: correct the one that is not."
            )
        if self.draws * min(0.05, 1 - self.confidence) < 10:
            raise ConfigError(
                f"{self.draws} draws leave fewer than 10 in the tails of confidence {self.confidence}: take more draws."
            )
