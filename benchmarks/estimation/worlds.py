"""Models and windows whose performance is to be estimated: one reference with labels, then windows of known drift.

The same applicants get answers of several models. One knows the world, one was fitted to all features, one to a few of
them only, as models in use often are: what it does not know moves its labels under covariate shift.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

from benchmarks.data import CATEGORIES, FEATURES, NUMBERS, Drift, make

LABEL, ANSWER, PREDICTED = "label", "answer", "predicted"
"""Columns of a table beside the features: what turned out, score or predicted value, predicted label."""
THRESHOLD = 0.3
FEW = ("credit_score", "income", "loan_amount", "age")
TRAINING, REFERENCE = 20_000, 20_000


@dataclass(frozen=True)
class Shift:
    """A drift of the generator, as tables call it."""

    title: str
    drift: Drift | None = None
    size: float = 0.0
    columns: int = 2


COVARIATE = (
    Shift("none"),
    Shift("mean of 2 numbers +0.3 σ", "mean", 0.3),
    Shift("mean of 2 numbers +1 σ", "mean", 1.0),
    Shift("mean of 6 numbers +0.5 σ", "mean", 0.5, 6),
    Shift("spread of 6 numbers +30 %", "scale", 0.3, 6),
    Shift("30 % of 4 categories move", "mix", 0.3, 4),
    Shift("correlations", "correlation", 1.0),
    Shift("20 % more missing in 6 numbers", "missing", 0.2, 6),
)
OTHER = (Shift("labels +50 %", "label_shift", 0.5), Shift("concept", "concept", 1.0))
"""Where P(y | x) is no longer as it was: no estimate can be right."""
SHIFTS = (*COVARIATE, *OTHER)


@dataclass(frozen=True)
class World:
    """A model's reference and windows: tables with features, `LABEL`, `ANSWER` and, of classifiers, `PREDICTED`.

    Attributes
    ----------
    windows : tables of equal length by scenario
    """

    title: str
    regression: bool
    numbers: tuple[str, ...]
    categories: tuple[str, ...]
    reference: pd.DataFrame
    windows: Mapping[str, list[pd.DataFrame]]


def worlds(seed: int, windows: int, rows: int) -> Iterator[World]:
    """Every model on the same applicants; three classifiers, then two regressions."""
    training, reference = (_with_amount(make(n, seed + k), seed + k) for k, n in ((0, TRAINING), (1, REFERENCE)))
    tables = {
        shift.title: _with_amount(make(windows * rows, seed + 2 + k, shift.drift, shift.size, shift.columns), seed + k)
        for k, shift in enumerate(SHIFTS)
    }
    yield _world("the true score", False, lambda table: table["score"].to_numpy(), reference, tables, rows)
    for title, model, features in (
        ("boosted trees, all features", HistGradientBoostingClassifier(max_iter=80, random_state=seed), FEATURES),
        ("logistic regression, 4 features", LogisticRegression(), FEW),
    ):
        fitted = _pipeline(model, features).fit(training[list(features)], training[LABEL])
        yield _world(
            title, False, lambda table, fitted=fitted: fitted.predict_proba(table)[:, 1], reference, tables, rows
        )
    for title, features in (("boosted trees, all features", FEATURES), ("boosted trees, 4 features", FEW)):
        model = HistGradientBoostingRegressor(max_iter=80, random_state=seed)
        fitted = _pipeline(model, features).fit(training[list(features)], training["amount"])
        yield _world(title, True, fitted.predict, reference, tables, rows)


def _pipeline(model, features):
    """Numbers imputed and scaled, categories by their rank."""
    numbers, categories = ([n for n in names if n in features] for names in (NUMBERS, CATEGORIES))
    ranks = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return make_pipeline(
        make_column_transformer((make_pipeline(SimpleImputer(), StandardScaler()), numbers), (ranks, categories)), model
    )


def _with_amount(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A number to predict: its noise is larger for indebted applicants and in some homes."""
    noise = np.random.default_rng([seed, 7]).standard_normal(len(table))
    debt = table["debt_ratio"].fillna(20).to_numpy() / 100
    rented = (table["home"] == "home-001").to_numpy()
    known = {name: table[name].fillna(table[name].median()).to_numpy() for name in ("credit_score", "income", "age")}
    level = 50 - (known["credit_score"] - 690) / 10 + 8 * np.log(known["income"] / 5e4) + known["age"] / 10 + 20 * debt
    return table.assign(amount=level + (2 + 10 * debt + 4 * rented) * noise)


def _world(title: str, regression: bool, answer, reference, tables, rows: int) -> World:
    def answered(table: pd.DataFrame) -> pd.DataFrame:
        answers = np.asarray(answer(table), float)
        known = table[list(FEATURES)].assign(**{ANSWER: answers})
        if regression:
            return known.assign(**{LABEL: table["amount"]})
        return known.assign(**{LABEL: table[LABEL], PREDICTED: (answers >= THRESHOLD).astype(int)})

    return World(
        title,
        regression,
        NUMBERS,
        CATEGORIES,
        answered(reference),
        {name: pieces(answered(table), rows) for name, table in tables.items()},
    )


def pieces(table: pd.DataFrame, rows: int) -> list[pd.DataFrame]:
    """Whole windows of so many rows."""
    return [table.iloc[a : a + rows].reset_index(drop=True) for a in range(0, len(table) - rows + 1, rows)]
