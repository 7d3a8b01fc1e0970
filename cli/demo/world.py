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
    """Rows of a file: the first part is the baseline, the rest is traffic.

    Unless `in_order`, rows are shuffled (so healthy traffic is like the baseline) and the drift is simulated: the
    numeric feature that tells most about the label is moved by one standard deviation, the labels stay. With
    `in_order` nothing is simulated: rows come as the file has them, and what drifts is what really drifted.
    """

    def __init__(
        self, table: pd.DataFrame, label: str, *, in_order: bool, traffic: pd.DataFrame | None, seed: int = 7
    ) -> None:
        self.name = "your file"
        if in_order or traffic is not None:
            share = len(table) if traffic is not None else len(table) // 2
            self._baseline, self._traffic = table.iloc[:share], table.iloc[share:] if traffic is None else traffic
            self.change = "nothing simulated: the rows come in the file's own order"
            self._shifted: str | None = None
        else:
            mixed = table.sample(frac=1.0, random_state=seed)
            self._baseline, self._traffic = mixed.iloc[: len(mixed) // 2], mixed.iloc[len(mixed) // 2 :]
            self._shifted = _most_telling(table, label)
            self.change = f"simulated: {self._shifted} moved by one standard deviation" if self._shifted else "none"
        self._label, self._drifting, self._next = label, False, 0

    def baseline(self) -> pd.DataFrame:
        """The file's first part."""
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
        """Move the feature, if the drift is to be simulated."""
        self._drifting = True


def _most_telling(table: pd.DataFrame, label: str) -> str | None:
    """The numeric feature with the largest rank correlation with the label."""
    codes = table[label] if pd.api.types.is_numeric_dtype(table[label]) else table[label].astype("category").cat.codes
    numeric = table.drop(columns=label).select_dtypes("number")
    strength = numeric.rank().corrwith(codes.rank()).abs().dropna()
    return str(strength.idxmax()) if len(strength) else None
