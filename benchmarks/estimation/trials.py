"""The same on public data sets, which are read where they lie: Adult by who the people are, Electricity by time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from benchmarks.estimation.worlds import ANSWER, LABEL, PREDICTED, World, pieces

_ROWS = 1000


def worlds(folder: Path) -> Iterator[World]:
    """Every data set whose files are there."""
    if (folder / "adult_train.csv").exists():
        train, test = (_adult(folder / f"adult_{part}.csv") for part in ("train", "test"))
        yield _adult_world("Adult: income above 50,000", train, test, "income", regression=False)
        yield _adult_world("Adult: hours per week", train, test, "hours_per_week", regression=True)
    if (folder / "electricity.csv").exists():
        yield _electricity(pd.read_csv(folder / "electricity.csv"))


def _adult(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, skipinitialspace=True, na_values="?")
    table["income"] = table["income"].str.rstrip(".").eq(">50K").astype(int)
    return table.drop(columns=["fnlwgt", "education"])


def _adult_world(title: str, train: pd.DataFrame, test: pd.DataFrame, label: str, *, regression: bool) -> World:
    train = train.sample(frac=1, random_state=1)
    halves = train.iloc[: len(train) // 2], train.iloc[len(train) // 2 :]
    known = [name for name in train if name not in (label, "income")]
    categories = tuple(train[known].select_dtypes(exclude="number"))
    numbers = tuple(name for name in known if name not in categories)
    answered = _answered(halves[0], label, numbers, categories, regression)
    random = np.random.default_rng(1)
    kinds = {
        "as the reference": pd.Series(1.0, test.index),
        "younger": np.exp(-(test["age"] - 38) / 15),
        "better educated": np.exp((test["education_num"] - 10) / 3),
        "women": test["sex"].eq("Female") * 3 + 1.0,
        "unmarried": test["marital_status"].eq("Never-married") * 4 + 1.0,
        "longer hours": np.exp((test["hours_per_week"] - 40) / 15),
    }
    if regression:
        del kinds["longer hours"]
    windows = {
        name: [answered(test.sample(_ROWS, replace=True, weights=weights, random_state=random)) for _ in range(10)]
        for name, weights in kinds.items()
    }
    return World(title, regression, numbers, categories, answered(halves[1]), windows)


def _electricity(table: pd.DataFrame) -> World:
    numbers = tuple(name for name in table if name != "class")
    training, reference, later = table.iloc[:9000], table.iloc[9000:18000], table.iloc[18000:]
    answered = _answered(training, "class", numbers, (), regression=False)
    return World(
        "Electricity: price up, in time order",
        False,
        numbers,
        (),
        answered(reference),
        {"as the reference, in part": pieces(answered(reference), _ROWS), "later": pieces(answered(later), _ROWS)},
    )


def _answered(
    training: pd.DataFrame, label: str, numbers: tuple[str, ...], categories: tuple[str, ...], regression: bool
):
    """A model fitted to the training rows, as what gives tables its answers."""
    ranks = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    model = make_pipeline(
        make_column_transformer(("passthrough", list(numbers)), (ranks, list(categories))),
        kind(max_iter=60, random_state=1),
    )
    fitted = model.fit(training, training[label])

    def answered(table: pd.DataFrame) -> pd.DataFrame:
        found = table[[*numbers, *categories]].reset_index(drop=True)
        answers = fitted.predict(table) if regression else fitted.predict_proba(table)[:, 1]
        found = found.assign(**{ANSWER: answers, LABEL: table[label].to_numpy()})
        return found if regression else found.assign(**{PREDICTED: (answers >= 0.5).astype(int)})

    return answered
