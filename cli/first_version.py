"""Make a model's first version here: train it with the user's script and upload what the model's stack needs.

The endpoint that the template creates needs its artefact in S3 first, so this runs between the platform's deployment
and the model's: it runs `train.py` under the SageMaker script-mode contract (the SM_* variables, no container), packs
the result as `model.tar.gz`, and uploads it with the baseline data.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from infra.archives import pack, training_schema
from watchkeeper import naming
from watchkeeper.config import ModelConfig
from watchkeeper.errors import DatasetError, WatchkeeperError
from watchkeeper.holdout import canonical_truth
from watchkeeper.spec import Kind

INITIAL_RUN = "initial"
MISSING = ["", "?", "NA", "null", "None", "NaN", "nan"]


class TrainingError(WatchkeeperError):
    """The model's training script failed."""


def read_table(path: Path, model: ModelConfig) -> pd.DataFrame:
    """The label and the model's features of a CSV or Parquet file, label first, in the model's order.

    Raises
    ------
    DatasetError
        The file cannot be read, lacks a column, or holds words where the model's file says numbers.
    """
    columns = [model.label.name, *model.input.features]
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, skipinitialspace=True, na_values=MISSING, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV or Parquet ({error}).") from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DatasetError(f"{path}: has no column {missing[0]!r}. Its columns: {', '.join(map(str, table.columns))}.")
    table = table[columns]
    for name, kind in model.input.features.items():
        if kind is not Kind.CATEGORY and not pd.api.types.is_numeric_dtype(table[name]):
            example = pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna()
            value = table[name][example].iloc[0] if example.any() else "no number at all"
            raise DatasetError(f"{path}: column {name!r} holds {value!r}, but the model's file calls it {kind}.")
    return table.dropna(subset=[model.label.name])


def train(model: ModelConfig, table: pd.DataFrame, hyperparameters: dict[str, str] | None = None) -> bytes:
    """Run the model's `train.py` on `table` (label first) and return its `model.tar.gz`.

    Raises
    ------
    TrainingError
        The script exited with an error; the message ends with what it printed.
    """
    assert model.code_folder is not None  # a created endpoint has code: see watchkeeper.config
    with tempfile.TemporaryDirectory(prefix="watchkeeper-train-") as folder:
        work = Path(folder)
        for part in ("train", "schema", "model", "output"):
            (work / part).mkdir()
        _canonical(model, table).to_csv(work / "train" / "part-00000.csv", header=False, index=False)
        (work / "schema" / "schema.json").write_text(training_schema(model.spec()))
        arguments = [word for name, value in (hyperparameters or {}).items() for word in (f"--{name}", value)]
        done = subprocess.run(
            [sys.executable, str(model.code_folder.resolve() / "train.py"), *arguments],
            env=dict(os.environ)
            | {
                "SM_CHANNEL_TRAIN": str(work / "train"),
                "SM_CHANNEL_SCHEMA": str(work / "schema"),
                "SM_MODEL_DIR": str(work / "model"),
                "SM_OUTPUT_DATA_DIR": str(work / "output"),
            },
            capture_output=True,
            text=True,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise TrainingError(f"{model.code_folder}/train.py failed with exit code {done.returncode}:\n{said}")
        return pack(work / "model")


def _canonical(model: ModelConfig, table: pd.DataFrame) -> pd.DataFrame:
    """The table with labels as training sets have them: 1 and 0 for a binary model, however the data spell them."""
    spec = model.spec()
    labels = [canonical_truth(spec, str(value)) for value in table[model.label.name]]
    return table.assign(**{model.label.name: labels})


def artefact_key(model: str) -> str:
    """Where the template expects the first version's artefact."""
    return f"{naming.run_prefix(model, INITIAL_RUN)}model.tar.gz"


def source_key(model: str, suffix: str = ".csv") -> str:
    """Where the baseline data is uploaded."""
    return f"{naming.run_prefix(model, INITIAL_RUN)}source{suffix}"
