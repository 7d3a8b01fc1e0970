"""Tables for the simulations: as blocks, ready to be observed.

`loans` is the table of `benchmarks.data`, on which the peers are measured too. `wide` has as many columns as asked for,
of eleven shapes: what breaks a test is seldom the normal distribution. `dependent` comes in bursts that share their
luck.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import CATEGORIES, NUMBERS, THRESHOLD, make
from watchkeeper.capture import Block
from watchkeeper.table import CategoryColumn, Column, NumberColumn

SCORE, LABEL = "predicted score", "predicted label"
_ANSWERS = ("0", "1")
_LONG_TAIL = 1 / np.arange(1, 2001) ** 1.1
_FEW = np.array([0.5, 0.25, 0.15, 0.07, 0.03])


def loans(rows: int, seed: int, **drift: Any) -> Block:
    """Loan applications; see `benchmarks.data.make`."""
    table = make(rows, seed, **drift)
    features: dict[str, Column] = {name: NumberColumn(table[name].to_numpy(np.float64)) for name in NUMBERS}
    for name in CATEGORIES:
        features[name] = _category(table[name])
    score = table["score"].to_numpy(np.float64)
    return Block(rows, features, _predictions(score))


def wide(rows: int, seed: int, columns: int, *, deviation: float = 0.0) -> Block:
    """Columns of many shapes, all depending on one common factor; `deviation` moves the numbers' latent means."""
    random = np.random.default_rng(seed)
    common = random.standard_normal(rows)
    features: dict[str, Column] = {}
    total = np.zeros(rows)
    for place in range(columns):
        latent = 0.4 * common + np.sqrt(1 - 0.16) * random.standard_normal(rows) + deviation
        total += latent
        features[f"c{place:03d}"] = _shape(place % 11, latent, random)
    return Block(rows, features, _predictions(1 / (1 + np.exp(-total / np.sqrt(columns)))))


def dependent(
    rows: int, seed: int, *, burst: int = 50, luck: float = 0.3, move: float = 0.0, columns: int = 20
) -> Block:
    """Normal numbers and, one in five, categories; rows of a burst share a shift of `luck` deviations in each column.

    `move` is added to the first two columns.
    """
    random = np.random.default_rng(seed)
    bursts = -(-rows // burst)
    shared = np.repeat(luck * random.standard_normal((bursts, columns)), burst, axis=0)[:rows]
    latent = shared + random.standard_normal((rows, columns))
    latent[:, :2] += move
    features: dict[str, Column] = {}
    for place in range(columns):
        if place % 5 == 4:
            codes = np.searchsorted([-0.5, 0.3, 0.9, 1.6], latent[:, place]).astype(np.int32)
            features[f"c{place:02d}"] = CategoryColumn(codes, ("a", "b", "c", "d", "e"))
        else:
            features[f"c{place:02d}"] = NumberColumn(latent[:, place].copy())
    return Block(rows, features, _predictions(1 / (1 + np.exp(-latent.mean(axis=1) * 3))))


def _shape(kind: int, latent: np.ndarray, random: np.random.Generator) -> Column:
    """A column that grows with its latent normal, of one of eleven shapes."""
    rows = len(latent)
    if kind == 8:
        return CategoryColumn(
            np.searchsorted([-0.5, 0.4, 1.2, 2.0], latent).astype(np.int32), ("a", "b", "c", "d", "e")
        )
    if kind == 9:
        codes = random.choice(len(_LONG_TAIL), rows, p=_LONG_TAIL / _LONG_TAIL.sum()).astype(np.int32)
        return CategoryColumn(codes, tuple(f"k{code}" for code in range(len(_LONG_TAIL))))
    if kind == 10:
        codes = random.choice(len(_FEW), rows, p=_FEW).astype(np.int32)
        codes[random.random(rows) < 0.03] = -1
        return CategoryColumn(codes, tuple(f"f{code}" for code in range(len(_FEW))))
    values = [
        lambda: latent,
        lambda: np.exp(1.5 * latent),
        lambda: np.sign(latent) * (np.exp(np.abs(latent) ** 1.5) - 1),  # heavy on both sides
        lambda: np.floor(np.exp(0.8 * latent + 1)),  # counts
        lambda: np.where(latent < 0.9, 0.0, np.exp(latent)),  # mostly zero
        lambda: (latent > 2.0).astype(np.float64),  # rare event
        lambda: np.round(latent, 1),
        lambda: np.where(random.random(rows) < 0.5, latent, latent + 6),  # two heaps
    ][kind]()
    holes = random.random(rows) < 0.02
    return NumberColumn(np.where(holes, np.nan, values))


def _predictions(score: np.ndarray) -> dict[str, Column]:
    label = (score >= THRESHOLD).astype(np.int32)
    return {LABEL: CategoryColumn(label, _ANSWERS), SCORE: NumberColumn(score)}


def _category(values: pd.Series) -> CategoryColumn:
    return CategoryColumn(values.cat.codes.to_numpy(np.int32), tuple(values.cat.categories))
