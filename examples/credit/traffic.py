"""A seeded world of loan applications, for the demo and for trying things out. None of it describes real people.

Eight features and the outcome `defaulted`. Applicants have a latent earning power and a latent prudence that tie the
features together; the default risk follows the features and a little that no feature shows. `drift` moves the world
from 0 (as it was) to 1 (an economic shock): incomes fall, debt weighs more, more people rent and work in the gig
economy, people under 30 most of all, and the same figures mean a higher risk than they did. So a model's inputs drift,
its knowledge ages, and the young are refused more often.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

LABEL = "defaulted"
FEATURES = {
    "age": "integer",
    "income": "number",
    "loan_amount": "number",
    "debt_to_income": "number",
    "open_accounts": "integer",
    "employment": "category",
    "home": "category",
    "gender": "category",
}
"""Name and kind of each feature, in the order of a request. `age` and `gender` are sensitive."""

MISSING = {"income": 0.02, "debt_to_income": 0.03, "employment": 0.01}
EMPLOYMENT = ("salaried", "self-employed", "gig", "retired", "unemployed")
YOUNG = 30
"""Years of age under which the shock takes jobs first."""
HOME = ("mortgage", "rent", "own")

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """One application: its id, the CSV row that a client sends, and what will be known of it later."""

    id: str
    body: str
    label: str


def generate(rows: int, seed: int, drift: float = 0.0) -> pd.DataFrame:
    """Applications with their outcome.

    Parameters
    ----------
    rows : how many
    seed : the same seed gives the same rows
    drift : 0 for the world as it was, 1 for the full shock; values between are between

    Returns
    -------
    A frame with the columns of `FEATURES` and `LABEL`; missing values are None or NaN.
    """
    if not 0 <= drift <= 1:
        raise ValueError(f"drift is {drift}; it goes from 0 (none) to 1 (the full shock)")
    random = np.random.default_rng(seed)
    earning, prudence = random.standard_normal(rows), random.standard_normal(rows)
    age = np.clip(np.round(random.gamma(9.0, 4.6, rows)), 18, 85)
    employment = _employment(random, earning, age, drift)
    home = _home(random, earning, age, drift)
    factor = np.select(
        [employment == "gig", employment == "unemployed", employment == "retired"], [0.7, 0.45, 0.75], 1.0
    )
    income = np.exp(10.55 + 0.42 * earning - 0.30 * drift) * factor
    loan = np.exp(9.1 + 0.35 * earning - 0.20 * prudence + 0.45 * random.standard_normal(rows))
    debt = np.clip(
        0.26 - 0.06 * prudence + 0.35 * loan / income + 0.10 * drift + 0.07 * random.standard_normal(rows), 0, 2
    )
    accounts = random.poisson(np.exp(1.7 - 0.15 * prudence + 0.1 * earning))
    risk = _risk(age, income, loan, debt, accounts, employment, home, drift) - 0.25 * prudence
    table = pd.DataFrame(
        {
            "age": age.astype(int),
            "income": np.round(income, -1),
            "loan_amount": np.round(loan, -2),
            "debt_to_income": np.round(debt, 3),
            "open_accounts": accounts,
            "employment": employment,
            "home": home,
            "gender": random.choice(["f", "m"], rows),
            LABEL: (random.random(rows) < 1 / (1 + np.exp(-risk))).astype(int),
        }
    )
    for name, share in MISSING.items():
        table.loc[random.random(rows) < share, name] = None
    return table


def _employment(random: np.random.Generator, earning: Values, age: Values, drift: float) -> NDArray[np.object_]:
    weights = np.column_stack(
        [
            np.exp(1.6 + 0.3 * earning),
            np.exp(0.1 + 0.2 * earning),
            np.exp(-0.7 - 0.3 * earning + np.where(age < YOUNG, 2.4, 1.1) * drift),
            np.where(age >= 62, np.exp(2.0), np.exp(-5.0)),
            np.exp(-1.6 - 0.4 * earning + np.where(age < YOUNG, 1.8, 0.7) * drift),
        ]
    )
    return _choose(random, EMPLOYMENT, weights)


def _home(random: np.random.Generator, earning: Values, age: Values, drift: float) -> NDArray[np.object_]:
    weights = np.column_stack(
        [np.exp(0.6 + 0.3 * earning), np.exp(0.5 - 0.2 * earning + 0.6 * drift), np.exp(-1.8 + 0.03 * age)]
    )
    return _choose(random, HOME, weights)


def _choose(random: np.random.Generator, names: tuple[str, ...], weights: Values) -> NDArray[np.object_]:
    """One name a row, with chances proportional to the row's weights."""
    edges = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    places = (random.random(len(weights))[:, None] > edges).sum(axis=1)
    return np.array(names, dtype=object)[np.minimum(places, len(names) - 1)]


def _risk(
    age: Values,
    income: Values,
    loan: Values,
    debt: Values,
    accounts: NDArray[np.int64],
    employment: NDArray[np.object_],
    home: NDArray[np.object_],
    drift: float,
) -> Values:
    """Log odds of a default. The shock makes gig work and renting riskier, and a high income worth less."""
    at_work = np.select(
        [employment == "gig", employment == "unemployed", employment == "self-employed"],
        [0.35 + 0.9 * drift, 1.0 + 0.4 * drift, 0.15],
        0.0,
    )
    risk: Values = (
        -1.75
        + 0.25 * drift
        - (1.0 - 0.7 * drift) * (np.log(income) - 10.5)
        + 0.55 * (np.log(loan) - 9.1)
        + (4.0 - 1.5 * drift) * (debt - 0.35)
        + 0.05 * (accounts - 5)
        - 0.012 * (age - 41)
        + at_work
        + np.where(home == "rent", 0.25 + 0.6 * drift, np.where(home == "own", -0.15, 0.0))
    )
    return risk


def requests(table: pd.DataFrame, prefix: str) -> Iterator[Request]:
    """The rows as a client sends them: CSV without a header, features in order, missing values empty.

    Ids are `<prefix>-<row>`; the label is what arrives later as ground truth.
    """
    lines = table[list(FEATURES)].to_csv(index=False, header=False, lineterminator="\n").splitlines()
    for number, (line, label) in enumerate(zip(lines, table[LABEL], strict=True)):
        yield Request(f"{prefix}-{number:06d}", line, str(label))
