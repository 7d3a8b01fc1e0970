"""Loan applications with drift on request: one seeded table for every measurement.

Rows come from a Gaussian copula, so that a change can be put on single features, on their dependence alone, or on what
the label depends on alone. The twelve numbers have the shapes of real tables (normal, log-normal, heaped, bounded,
counts, zero-inflated, exponential, heavy-tailed; 2 % missing), the eight categories from 2 to 200 levels. A fixed model
gives the predicted score. Everything random is drawn before the drift is applied: the same seed gives the same
applicants, drifted or not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr, pdtr

Array: TypeAlias = NDArray[np.float64]
Drift: TypeAlias = Literal[
    "mean",
    "scale",
    "mix",
    "missing",
    "new_category",
    "correlation",
    "label_shift",
    "prediction_shift",
    "concept",
]

BASE_MISSING = 0.02
THRESHOLD = 0.3
"""Scores from here on are predicted positive."""
NEW_LEVEL = "never seen before"


def _counts(cumulative: NDArray[np.floating]) -> Callable[[Array, Array], Array]:
    """Whole numbers by the inverse of their cumulative distribution."""
    return lambda z, u: np.searchsorted(cumulative, u, side="left").astype(float)


_RANGE = np.arange(80)
_SHAPES: dict[str, Callable[[Array, Array], Array]] = {
    # latent normal z and its uniform u = Φ(z) into values
    "credit_score": lambda z, u: np.clip(np.rint(690 + 60 * z), 300, 850),
    "income": lambda z, u: np.round(np.exp(10.9 + 0.6 * z), 2),
    "loan_amount": lambda z, u: np.round(np.exp(9.4 + 0.7 * z) / 25) * 25,
    "interest_rate": lambda z, u: np.round(12.5 + 4 * z, 2),
    "debt_ratio": lambda z, u: np.round(100 * (1 - (1 - u) ** 0.25), 2),
    "utilization": lambda z, u: np.round((1 - (1 - u) ** (1 / 1.5)) ** 1.25, 4),
    "age": lambda z, u: np.floor(18 + 62 * (1 - (1 - u) ** (1 / 1.8)) ** (1 / 1.3)),
    "open_accounts": _counts(pdtr(_RANGE, 9.0)),
    "inquiries": _counts(pdtr(_RANGE, 0.8)),
    "delinquencies": _counts(0.8 + 0.2 * pdtr(_RANGE, 1.5)),
    "months_employed": lambda z, u: np.floor(-70 * np.log1p(-u)),
    "balance": lambda z, u: np.round(500 * ((1 - u) ** -0.4 - 1), 2),
}
_LEVELS = {
    "grade": 7,
    "term": 2,
    "home": 4,
    "purpose": 14,
    "state": 50,
    "employment": 6,
    "channel": 3,
    "district": 200,
}

NUMBERS = tuple(_SHAPES)
CATEGORIES = tuple(_LEVELS)
FEATURES = (*NUMBERS, *CATEGORIES)
INTEGERS = ("credit_score", "age", "open_accounts", "inquiries", "delinquencies", "months_employed")

MOVED_NUMBERS = ("credit_score", "income", "utilization", "open_accounts", "debt_ratio", "balance")
"""The numbers that a drift of so many columns touches, in this order."""
MOVED_CATEGORIES = ("purpose", "home", "state", "employment")
"""The categories that a drift of so many columns touches, in this order."""

_PAIRS = (
    ("credit_score", "interest_rate", -0.6, 0.1),
    ("income", "loan_amount", 0.5, -0.1),
    ("debt_ratio", "utilization", 0.4, -0.2),
    ("income", "balance", 0.3, 0.0),
    ("age", "months_employed", 0.4, 0.0),
    ("inquiries", "delinquencies", 0.3, 0.0),
    ("credit_score", "delinquencies", -0.3, 0.0),
)
"""Which latent normals depend on each other: correlation before, and after the whole of a correlation drift."""

_LINKED = {"grade": 0.4, "employment": 0.4}
"""How strongly a category follows the number at its own place; the others 0.1."""
_INTERCEPT = -1.9
_WEIGHTS = np.array([-0.9, -0.35, 0.25, 0.3, 0.35, 0.4, -0.15, 0.05, 0.2, 0.35, -0.2, 0.1])
_FLIPPED = np.where(np.isin(NUMBERS, ("credit_score", "utilization")), -0.5, 1.0)
"""What a concept drift multiplies the true weights by."""
_HOME_EFFECT = np.array([0.0, -0.2, 0.1, 0.3])


def make(rows: int, seed: int, drift: Drift | None = None, size: float = 0.0, columns: int = 2) -> pd.DataFrame:
    """Applications: the twenty features, `score` and `label`.

    Parameters
    ----------
    size : for `mean`, latent standard deviations added; for `scale`, the relative growth of the deviation; for `mix`
        and `new_category`, the share of rows that changes level; for `missing`, what is added to the missing rate; for
        `correlation`, the share of the whole change; for `label_shift`, the relative growth of the positive rate with
        P(x | label) as it was; for `prediction_shift`, what is added to the score's logit; for `concept`, the share of
        the whole change of P(label | x)
    columns : how many of `MOVED_NUMBERS` or `MOVED_CATEGORIES` a `mean`, `scale`, `mix`, `missing` or `new_category`
        drift touches
    """
    if drift == "label_shift":
        return _label_shifted(rows, seed, size)
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((rows, len(NUMBERS)))
    holes, own = rng.random((rows, len(NUMBERS))), rng.standard_normal((rows, len(CATEGORIES)))
    renamed, luck = rng.random((rows, len(CATEGORIES))), rng.random(rows)

    before = noise @ np.linalg.cholesky(_correlation(size if drift == "correlation" else 0.0)).T
    latent = before.copy()
    moved = [NUMBERS.index(name) for name in MOVED_NUMBERS[:columns]]
    if drift == "mean":
        latent[:, moved] += size
    elif drift == "scale":
        latent[:, moved] *= 1 + size
    changed = MOVED_CATEGORIES[:columns]
    codes = _category_codes(before, own, size if drift == "mix" else 0.0, changed)

    common = _INTERCEPT + 0.15 * (codes["grade"] - 2) + _HOME_EFFECT[codes["home"]]
    weights = _WEIGHTS * (1 + size * (_FLIPPED - 1)) if drift == "concept" else _WEIGHTS
    label = (luck < expit(common + latent @ weights)).astype(np.int64)
    rates = np.full(len(NUMBERS), BASE_MISSING)
    if drift == "missing":
        rates[moved] += size
    missing = holes < rates
    seen = np.where(missing, 0.0, latent)  # the model imputes the mean
    score = expit(common + seen @ _WEIGHTS + (size if drift == "prediction_shift" else 0.0))

    table: dict[str, object] = dict(_number_columns(latent, missing))
    for place, name in enumerate(CATEGORIES):
        replaced = drift == "new_category" and name in changed
        table[name] = _category(name, codes[name], renamed[:, place] < size if replaced else None)
    return pd.DataFrame({**table, "score": np.round(score, 6), "label": label})


def _label_shifted(rows: int, seed: int, size: float) -> pd.DataFrame:
    """Rows drawn by their label from a larger table: other shares of the labels, each with the features it had."""
    pool = make(int(rows * (1 + abs(size)) * 1.2) + 500, seed)
    positive = pool["label"].to_numpy() == 1
    rng = np.random.default_rng([seed, 1])
    wanted = rng.binomial(rows, min(0.95, positive.mean() * (1 + size)))
    taken = np.concatenate([np.flatnonzero(positive)[:wanted], np.flatnonzero(~positive)[: rows - wanted]])
    return pool.iloc[rng.permutation(taken)].reset_index(drop=True)


def _correlation(share: float) -> Array:
    matrix = np.eye(len(NUMBERS))
    for first, second, usual, drifted in _PAIRS:
        i, j = NUMBERS.index(first), NUMBERS.index(second)
        matrix[i, j] = matrix[j, i] = (1 - share) * usual + share * drifted
    return matrix


def _number_columns(latent: Array, missing: NDArray[np.bool_]) -> dict[str, Array]:
    columns = {}
    for place, (name, shape) in enumerate(_SHAPES.items()):
        z = latent[:, place]
        values = shape(z, np.clip(ndtr(z), 1e-9, 1 - 1e-9))
        values[missing[:, place]] = np.nan
        columns[name] = values
    return columns


def _category_codes(latent: Array, own: Array, moved: float, changed: tuple[str, ...]) -> dict[str, NDArray[np.intp]]:
    """Levels by popularity; of the `changed` categories, a share `moved` of the rows goes to the second level."""
    codes = {}
    for place, (name, levels) in enumerate(_LEVELS.items()):
        shares = 1 / np.arange(1, levels + 1) ** (0.6 if levels > 20 else 0.8)
        shares /= shares.sum()
        if name in changed:
            shares *= 1 - moved
            shares[1] += moved
        link = _LINKED.get(name, 0.1)
        mixed = link * latent[:, place] + np.sqrt(1 - link**2) * own[:, place]
        codes[name] = np.minimum(np.searchsorted(np.cumsum(shares), ndtr(mixed)), levels - 1)
    return codes


def _category(name: str, codes: NDArray[np.intp], replaced: NDArray[np.bool_] | None) -> pd.Categorical[str]:
    levels = [f"{name}-{number:03d}" for number in range(_LEVELS[name])]
    if replaced is not None:
        codes = np.where(replaced, len(levels), codes)
        levels.append(NEW_LEVEL)
    return pd.Categorical.from_codes(codes, pd.Index(levels))
