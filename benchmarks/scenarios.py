"""What may happen to the table: the changes that verdicts are judged by, and the windows that show them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from benchmarks.data import Drift, make


@dataclass(frozen=True)
class Scenario:
    """One change of the world; `drift` None is a healthy one."""

    name: str
    drift: Drift | None = None
    size: float = 0.0
    columns: int = 2

    def window(self, rows: int, seed: int, number: int) -> pd.DataFrame:
        """One window of it: the same for the same seed and number, and like no other scenario's."""
        return make(rows, _seed(self.name, seed, number), self.drift, self.size, self.columns)

    def windows(self, rows: int, seed: int, count: int) -> Iterator[pd.DataFrame]:
        """The first `count` windows."""
        return (self.window(rows, seed, number) for number in range(count))


NONE = Scenario("none")
SCENARIOS = (
    NONE,
    Scenario("mean .1 sd", "mean", 0.1),
    Scenario("mean .25 sd", "mean", 0.25),
    Scenario("mean .5 sd", "mean", 0.5),
    Scenario("scale +10 %", "scale", 0.1),
    Scenario("scale +20 %", "scale", 0.2),
    Scenario("category mix .05", "mix", 0.05),
    Scenario("category mix .10", "mix", 0.1),
    Scenario("missing +.05", "missing", 0.05),
    Scenario("missing +.10", "missing", 0.1),
    Scenario("new category 1 %", "new_category", 0.01, columns=1),
    Scenario("correlation, a fifth", "correlation", 0.2),
    Scenario("correlation", "correlation", 1.0),
    Scenario("label shift +30 %", "label_shift", 0.3),
    Scenario("prediction shift .3", "prediction_shift", 0.3),
    Scenario("concept", "concept", 1.0),
)
"""Mean, scale, mix and missing change two of the twenty features, a new category one."""


def _seed(name: str, seed: int, number: int) -> int:
    """A seed of its own for every window, whatever other scenarios there are."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}/{number}".encode(), digest_size=8).digest())
