"""Where the demo's requests come from: the worked example's generator, or a file of the user's own."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pandas as pd

from examples.credit import traffic as credit


class World(Protocol):
    """A source of rows with their true labels, which can change under the model's feet."""

    name: str
    change: str

    def baseline(self) -> pd.DataFrame:
        """The rows the first version is trained on and that healthy traffic looks like."""

    def rows(self, count: int) -> pd.DataFrame:
        """The next `count` rows of traffic, features and label."""

    def drift(self) -> None:
        """From now on the world is another one."""


class ExampleWorld:
    """The credit example: an economic shock moves incomes and debts, and who defaults."""

    name = "the credit example (generated, seeded)"
    change = "an economic shock: lower incomes, higher debts, and defaults that depend on them differently"

    def __init__(self, seed: int = 7, size: int = 20_000, shock: float = 1.0) -> None:
        self._seed, self._size, self._shock, self._drift = seed, size, shock, 0.0

    def baseline(self) -> pd.DataFrame:
        """Rows of the world as it was."""
        return credit.generate(self._size, seed=self._seed)

    def rows(self, count: int) -> pd.DataFrame:
        """New applicants; every call draws others."""
        self._seed += 1
        return credit.generate(count, seed=self._seed, drift=self._drift)

    def drift(self) -> None:
        """The shock."""
        self._drift = self._shock


class FileWorld:
    """Rows of a file, shuffled: one half is the baseline, the other is traffic, which is like it.

    The drift is simulated: the numeric feature that tells most about the label is moved by one standard deviation, the
    labels stay.
    """

    name = "your file"

    def __init__(self, table: pd.DataFrame, label: str, seed: int = 7) -> None:
        mixed = table.sample(frac=1.0, random_state=seed)
        self._baseline, self._traffic = mixed.iloc[: len(mixed) // 2], mixed.iloc[len(mixed) // 2 :]
        self._shifted = _most_telling(table, label)
        self.change = f"simulated: {self._shifted} moved by one standard deviation" if self._shifted else "none"
        self._drifting, self._next = False, 0

    def baseline(self) -> pd.DataFrame:
        """One half of the file."""
        return self._baseline

    def rows(self, count: int) -> pd.DataFrame:
        """The next rows; after the last one it starts again from the first."""
        places = np.arange(self._next, self._next + count) % len(self._traffic)
        self._next += count
        rows = self._traffic.iloc[places].copy()
        if self._drifting and self._shifted:
            moved = rows[self._shifted] + self._baseline[self._shifted].std()
            rows[self._shifted] = (
                moved.round() if pd.api.types.is_integer_dtype(self._baseline[self._shifted]) else moved
            )
        return rows

    def drift(self) -> None:
        """Move the feature."""
        self._drifting = True


class ReplayWorld:
    """Rows as a file has them, once: what drifts is what really drifted."""

    name = "your rows, in their own order"
    change = "nothing is simulated"

    def __init__(self, baseline: pd.DataFrame, traffic: pd.DataFrame) -> None:
        self._baseline, self._traffic, self._next = baseline, traffic, 0

    @classmethod
    def halves(cls, table: pd.DataFrame) -> ReplayWorld:
        """The first half is the baseline."""
        return cls(table.iloc[: len(table) // 2], table.iloc[len(table) // 2 :])

    @property
    def left(self) -> int:
        """Rows that have not been sent."""
        return len(self._traffic) - self._next

    def baseline(self) -> pd.DataFrame:
        """The earlier rows."""
        return self._baseline

    def rows(self, count: int) -> pd.DataFrame:
        """The next rows, none after the last."""
        rows = self._traffic.iloc[self._next : self._next + count]
        self._next += len(rows)
        return rows

    def drift(self) -> None:
        """The world changes by itself."""


def _most_telling(table: pd.DataFrame, label: str) -> str | None:
    """The numeric feature with the largest rank correlation with the label."""
    codes = table[label] if pd.api.types.is_numeric_dtype(table[label]) else table[label].astype("category").cat.codes
    numeric = table.drop(columns=label).select_dtypes("number")
    strength = numeric.rank().corrwith(codes.rank()).abs().dropna()
    return str(strength.idxmax()) if len(strength) else None
