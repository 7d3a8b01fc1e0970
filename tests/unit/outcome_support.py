"""What the tests of outcomes and performance share: labelled rows, drawn or given one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tests.support import model_spec
from watchkeeper.capture.block import predicted
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, observe
from watchkeeper.spec import Task
from watchkeeper.table import CategoryColumn, NumberColumn

SPEC = model_spec()
HOMES = ("own", "rent", "other")
Row = tuple[float, float, str | None, float, str | None, str | None]
"""Age, income, home, score, predicted label, truth."""


def given_binary(rows: Sequence[Row]) -> Labelled:
    """Rows of a binary model, one by one."""
    age, income, home, score, label, truth = zip(*rows, strict=True) if rows else ((),) * 6
    return Labelled(
        rows=len(rows),
        features={
            "age": NumberColumn(np.array(age, float)),
            "income": NumberColumn(np.array(income, float)),
            "home": CategoryColumn.of(home),
        },
        predictions=predicted(Task.BINARY, CategoryColumn.of(label), np.array(score, float)),
        truth=CategoryColumn.of(truth),
    )


def drawn_binary(
    n: int,
    seed: int,
    *,
    intercept: float = -1.0,
    slope: float = 1.0,
    moved: float = 0.0,
    labelled: float = 1.0,
    rent: float = 0.0,
    threshold: float = 0.5,
) -> Labelled:
    """A model that scores P(y | age, income) = expit(intercept + age + .5 income).

    Parameters
    ----------
    slope : of age in the world, 1 in the model
    moved : mean of age: covariate shift
    labelled : share of rows with a label
    rent : added to the log-odds of rows with home "rent" in the world alone
    """
    random = np.random.default_rng(seed)
    age, income = random.standard_normal(n) + moved, random.standard_normal(n)
    homes = random.integers(0, 3, n)
    logit = intercept + age + 0.5 * income
    chance = expit(logit + (slope - 1) * age + rent * (homes == 1))
    scores = expit(logit)
    truth = np.where(random.random(n) < labelled, random.random(n) < chance, -1).astype(np.int32)
    return Labelled(
        rows=n,
        features={
            "age": NumberColumn(age),
            "income": NumberColumn(income),
            "home": CategoryColumn(homes.astype(np.int32), HOMES),
        },
        predictions=predicted(
            Task.BINARY,
            CategoryColumn((scores >= threshold).astype(np.int32), ("negative", "positive")),
            scores,
        ),
        truth=CategoryColumn(truth, ("0", "1")),
    )


REGRESSION = model_spec(task=Task.REGRESSION)


def given_numbers(rows: Sequence[tuple[float, float, str | None, float, float]]) -> Labelled:
    """Rows of a regression, one by one: age, income, home, predicted value, truth."""
    age, income, home, value, truth = zip(*rows, strict=True) if rows else ((),) * 5
    return Labelled(
        rows=len(rows),
        features={
            "age": NumberColumn(np.array(age, float)),
            "income": NumberColumn(np.array(income, float)),
            "home": CategoryColumn.of(home),
        },
        predictions=predicted(Task.REGRESSION, CategoryColumn.of([None] * len(rows)), np.array(value, float)),
        truth=NumberColumn(np.array(truth, float)),
    )


def drawn_numbers(
    n: int,
    seed: int,
    *,
    slope: float = 3.0,
    moved: float = 0.0,
    labelled: float = 1.0,
    rent: float = 0.0,
    noise: float = 2.0,
    tails: float = math.inf,
) -> Labelled:
    """A model that predicts 10 + 3 age + 2 income of y = 10 + slope age + 2 income + noise.

    Parameters
    ----------
    moved : mean of age: covariate shift
    rent : added to the truth of rows with home "rent"
    tails : degrees of freedom of the noise's t law
    """
    random = np.random.default_rng(seed)
    age, income = random.standard_normal(n) + moved, random.standard_normal(n)
    homes = random.integers(0, 3, n)
    wild = random.standard_normal(n) if math.isinf(tails) else random.standard_t(tails, n)
    truth = 10 + slope * age + 2 * income + rent * (homes == 1) + noise * wild
    return Labelled(
        rows=n,
        features={
            "age": NumberColumn(age),
            "income": NumberColumn(income),
            "home": CategoryColumn(homes.astype(np.int32), HOMES),
        },
        predictions=predicted(Task.REGRESSION, CategoryColumn.of([None] * n), 10 + 3 * age + 2 * income),
        truth=NumberColumn(np.where(random.random(n) < labelled, truth, np.nan)),
    )


def numeric_outcomes(rows: Labelled) -> Outcomes:
    """Outcomes of a regression over bins of the rows' own."""
    return observe(OutcomeBinning.fit(REGRESSION, rows), rows)


MULTICLASS = model_spec(task=Task.MULTICLASS)
SPECIES = ("cat", "dog", "owl", "yak")


def drawn_classes(
    n: int, seed: int, *, labelled: float = 1.0, moved: float = 0.0, rent: float = 0.0, shares: bool = True
) -> Labelled:
    """A calibrated model of four classes, the last of which is rare.

    Parameters
    ----------
    rent : share of the rows with home "rent" whose label is drawn at random
    shares : whether answers hold the probability of every class
    """
    random = np.random.default_rng(seed)
    age, income = random.standard_normal(n) + moved, random.standard_normal(n)
    homes = random.integers(0, 3, n)
    logits = np.stack([age, income, -age, np.full(n, -2.0)], axis=1)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (random.random(n)[:, None] > np.cumsum(chances, axis=1)[:, :-1]).sum(axis=1)
    lost = (homes == 1) & (random.random(n) < rent)
    truth = np.where(lost, random.integers(0, 4, n), truth)
    truth = np.where(random.random(n) < labelled, truth, -1)
    return Labelled(
        rows=n,
        features={
            "age": NumberColumn(age),
            "income": NumberColumn(income),
            "home": CategoryColumn(homes.astype(np.int32), HOMES),
        },
        predictions=predicted(
            Task.MULTICLASS,
            CategoryColumn.coded(chances.argmax(axis=1), SPECIES),
            chances.max(axis=1),
        ),
        truth=CategoryColumn.coded(truth, SPECIES),
        shares=dict(zip(SPECIES, chances.T, strict=True)) if shares else {},
    )


def class_outcomes(rows: Labelled) -> Outcomes:
    """Outcomes of a multiclass model over bins of the rows' own."""
    return observe(OutcomeBinning.fit(MULTICLASS, rows), rows)


def from_scores(scores: NDArray[np.float64], truth: NDArray[np.int_], threshold: float = 0.5) -> Labelled:
    """Rows of given scores and labels (-1: none), with features that say nothing."""
    n = len(scores)
    return Labelled(
        rows=n,
        features={
            "age": NumberColumn(np.zeros(n)),
            "income": NumberColumn(np.zeros(n)),
            "home": CategoryColumn(np.zeros(n, np.int32), ("own",)),
        },
        predictions=predicted(
            Task.BINARY,
            CategoryColumn((scores >= threshold).astype(np.int32), ("negative", "positive")),
            np.asarray(scores, float),
        ),
        truth=CategoryColumn(np.asarray(truth, np.int32), ("0", "1")),
    )


def binary_outcomes(rows: Labelled) -> Outcomes:
    """Outcomes over bins of the rows' own."""
    return observe(OutcomeBinning.fit(SPEC, rows), rows)


def expit(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-x))
