"""Models as functions of rows, and exact Shapley values by going through all coalitions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from math import comb

import numpy as np

from watchkeeper.attribution import Attributions, Plan, PlanSettings, attributions, plan

Model = Callable[[np.ndarray], np.ndarray]
"""Numbers of shape (rows, features) → answers of shape (rows,)."""


def ask(made: Plan, model: Model) -> np.ndarray:
    return model(np.array(list(made.requests()), float))


def sampled(model: Model, rows: np.ndarray, background: np.ndarray, pairs: int = 16, seed: int = 0) -> Attributions:
    names = [f"x{place}" for place in range(rows.shape[1])]
    settings = PlanSettings(pairs=pairs, most_requests=10_000_000, seed=seed)
    made = plan(names, rows.tolist(), background.tolist(), settings)
    return attributions(made, ask(made, model))


def exact(model: Model, row: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values by their definition, for up to about ten features."""
    width = len(row)
    worth = {}
    for size in range(width + 1):
        for coalition in combinations(range(width), size):
            mixed = background.copy()
            mixed[:, list(coalition)] = row[list(coalition)]
            worth[coalition] = model(mixed).mean()
    values = np.zeros(width)
    for feature in range(width):
        others = [other for other in range(width) if other != feature]
        for size in range(width):
            for coalition in combinations(others, size):
                joined = tuple(sorted((*coalition, feature)))
                values[feature] += (worth[joined] - worth[coalition]) / (width * comb(width - 1, size))
    return values


def tangled(x: np.ndarray) -> np.ndarray:
    """A model of thresholds, products of two and three, whose Shapley values nothing but enumeration gives."""
    first, second, third = x[:, 0], x[:, 1], x[:, 2]
    rest = x[:, 3:] @ np.linspace(-0.5, -0.2, x.shape[1] - 3)
    return np.tanh(first * second + (third > 0.3) * first + first * second * third) + rest * (second > 0) + 2 * first
