"""Training script (SageMaker script mode): a scikit-learn pipeline for whatever table it is given.

Reads CSV without a header, label first, from the channel `train`, and what its columns are from `schema.json` in the
channel `schema`: `task` (binary, multiclass or regression) and `features` (name and kind, in order). So the same script
trains the shipped example and a table of your own. Categories are one-hot encoded; the model is histogram
gradient-boosted trees, kept small and stopped early on a tenth of the rows, so that its probabilities can be trusted.
With the hyperparameter `model` set to `linear` it is a logistic or ridge regression, which can be explained exactly.

The hyperparameter `standardise` plants classic faults when it is `request` or `adaptive`: see README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
from inference import MISSING, named, prepare
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

RARE = 20
"""Categories with fewer rows than this share one column."""


def main() -> None:
    """Train; write the model, and beside it the code that serves it."""
    options = arguments()
    schema = json.loads((Path(options.schema) / "schema.json").read_text())
    features = [(str(feature["name"]), str(feature["kind"])) for feature in schema["features"]]
    labels, table = read_folder(Path(options.train), features)
    bundle = fit(labels, table, features, schema["task"], options)
    folder = Path(options.model_dir)
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(bundle, folder / "model.joblib")
    source = Path(__file__).resolve().parent
    shutil.copytree(source, folder / "code", ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    print(f"rows={len(table)}; features={len(features)}; model={bundle['pipeline'][-1]};")  # noqa: T201


def arguments() -> argparse.Namespace:
    """The job's hyperparameters and folders, as SageMaker's training containers pass them."""
    parser = argparse.ArgumentParser(description="Train a model on a labelled table.")
    parser.add_argument("--model", choices=["trees", "linear"], default="trees")
    parser.add_argument("--standardise", choices=["training", "request", "adaptive"], default="training")
    parser.add_argument("--learning-rate", "--learning_rate", type=float, default=0.08)
    parser.add_argument("--max-iter", "--max_iter", type=int, default=120)
    parser.add_argument("--max-leaf-nodes", "--max_leaf_nodes", type=int, default=6)
    parser.add_argument("--train", default=os.environ.get("SM_CHANNEL_TRAIN", "/opt/ml/input/data/train"))
    parser.add_argument("--schema", default=os.environ.get("SM_CHANNEL_SCHEMA", "/opt/ml/input/data/schema"))
    parser.add_argument("--model-dir", "--model_dir", default=os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    return parser.parse_known_args()[0]


def read_folder(folder: Path, features: list[tuple[str, str]]) -> tuple[pd.Series, pd.DataFrame]:
    """Labels and rows of all files in a folder."""
    files = sorted(path for path in folder.rglob("*.csv") if path.stat().st_size)
    if not files:
        raise FileNotFoundError(f"There is no CSV file in {folder}: check the channel 'train' of the training job.")
    parts = [pd.read_csv(path, header=None, dtype=str, keep_default_na=False, skip_blank_lines=False) for path in files]
    table = pd.concat(parts, ignore_index=True)
    return table[0], named(table.drop(columns=0), features)


def fit(
    labels: pd.Series, table: pd.DataFrame, features: list[tuple[str, str]], task: str, options: argparse.Namespace
) -> dict[str, Any]:
    """The fitted pipeline with all that serving needs to prepare a row."""
    center, scale = statistics(table, features)
    bundle: dict[str, Any] = {
        "features": features,
        "task": task,
        "center": center,
        "scale": scale,
        "standardise": options.standardise,
    }
    truth = labels.astype(float) if task == "regression" else labels.str.strip()
    made = linear(task) if options.model == "linear" else trees(task, options)
    bundle["pipeline"] = made.fit(prepare(table, bundle), truth)
    return bundle


def statistics(table: pd.DataFrame, features: list[tuple[str, str]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and standard deviation of every numeric feature."""
    names = [name for name, kind in features if kind != "category"]
    numbers = table[names].mask(table[names].isin(MISSING)).apply(pd.to_numeric, errors="coerce")
    return numbers.mean().fillna(0.0).to_dict(), numbers.std(ddof=0).fillna(1.0).to_dict()


def linear(task: str) -> Pipeline:
    """One-hot categories beside the numbers; a missing one is the mean, and a column says that it was missing."""
    imputer = SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=True)
    encoder = make_column_transformer((categories(), make_column_selector(dtype_include=object)), remainder=imputer)
    return make_pipeline(encoder, Ridge() if task == "regression" else LogisticRegression(max_iter=1000))


def trees(task: str, options: argparse.Namespace) -> Pipeline:
    """One-hot categories beside the numbers, into boosted trees (which take missing numbers as they are)."""
    encoder = make_column_transformer(
        (categories(), make_column_selector(dtype_include=object)), remainder="passthrough"
    )
    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    boosted = kind(
        learning_rate=options.learning_rate,
        max_iter=options.max_iter,
        max_leaf_nodes=options.max_leaf_nodes,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=True,
        random_state=0,
    )
    return make_pipeline(encoder, boosted)


def categories() -> OneHotEncoder:
    """Categories as columns; rare ones, and those that training did not see, share one."""
    return OneHotEncoder(min_frequency=RARE, handle_unknown="infrequent_if_exist", sparse_output=False)


if __name__ == "__main__":
    main()
