"""What is looked at in a column: its values, missing values, values of the wrong type, new categories.

Each aspect has its own tests and its own size, so that strong evidence for a tiny change of one aspect is never taken
for evidence of a large but random change of another.
"""

from __future__ import annotations

from dataclasses import dataclass

from watchkeeper.drift import budget
from watchkeeper.drift.budget import Family

DISTANCE = "Jensen-Shannon distance"
SHARE_CHANGE = "change of the share"
DEVIATIONS = "standard deviations"
MAHALANOBIS = "Mahalanobis distance"
CORRELATION_CHANGE = "change of the correlation"

VALUES_THRESHOLD = 0.02
"""Jensen-Shannon distance: about a mean moved by 0.06 standard deviations, or 3 % of the rows changing category."""
MISSING_THRESHOLD = 0.02
"""Two points of a hundred more, or fewer, missing values."""
RANGE_THRESHOLD = 0.01
"""One point more values outside the range that the baseline had."""
FAULTS_THRESHOLD = 0.01
"""One point more values of the wrong type, or infinite ones: those are faults, not facts."""
NEW_THRESHOLD = 0.002
"""Two rows in a thousand with a category that the model has never seen."""
OUTCOME_THRESHOLD = 0.05
"""The mean prediction, in its standard deviations."""
TOGETHER_THRESHOLD = 0.05
"""How far the columns' means moved together, in standard deviations along the way they moved."""
CORRELATION_THRESHOLD = 0.05


@dataclass(frozen=True)
class Test:
    """One test: a p-value, and the weight that its family's share and its column give it."""

    family: Family
    p: float
    weight: float


@dataclass(frozen=True)
class Aspect:
    """One way in which a column may have changed.

    Attributes
    ----------
    tests : the evidence
    effect, threshold, measure : its size, what that must exceed, and on what scale
    """

    name: str
    tests: tuple[Test, ...]
    effect: float
    threshold: float
    measure: str

    @property
    def score(self) -> float:
        """The effect in units of its threshold."""
        return self.effect / self.threshold

    @property
    def weight(self) -> float:
        """Weight of all its tests."""
        return sum(test.weight for test in self.tests)

    @property
    def term(self) -> float:
        """Its part of the weighted sum of the Cauchy combination."""
        return float(sum(test.weight * budget.tangent(test.p) for test in self.tests))
