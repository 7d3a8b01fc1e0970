"""Describe a user's own file as a model: the YAML that the demo deploys for `--data FILE --label COLUMN`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from cli.demo.people import Labels, People
from cli.first_version import MISSING
from watchkeeper.errors import DatasetError
from watchkeeper.spec import Task

_POSITIVE = ("1", "true", "yes", "y", "positive")
_MOST_CLASSES = 30


def read(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file as it is; texts stripped, the usual words for missing understood.

    Raises
    ------
    DatasetError
        The file is neither, or has no rows.
    """
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path)
        else:
            table = pd.read_csv(path, skipinitialspace=True, na_values=MISSING, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as CSV or Parquet ({error}).") from error
    if table.empty:
        raise DatasetError(f"{path}: holds no rows.")
    return table


def missing_words(path: Path) -> list[str]:
    """Of a CSV file, how many cells hold each of the words that are read as missing: "4,262 cells hold '?': …"."""
    if path.suffix == ".parquet":
        return []
    cells = pd.read_csv(path, skipinitialspace=True, dtype=str, na_values=[], keep_default_na=False)
    counts = {word: int((cells == word).to_numpy().sum()) for word in MISSING if word}
    return [f"{count:,} cells hold {word!r}: read as missing" for word, count in counts.items() if count]


def describe(table: pd.DataFrame, label: str, source: Path, like: dict[str, Any], people: People | None = None) -> str:
    """YAML for a model that predicts `label` from the table's other columns; the rest of it as in `like`.

    Columns that identify a row (a text of its own in most rows) or never change are left out.

    Parameters
    ----------
    people : whose groups are compared; without them the model has no bias monitor

    Raises
    ------
    DatasetError
        There is no such label column, nothing to predict it from, or no such groups.
    """
    if label not in table.columns:
        raise DatasetError(f"{source}: has no column {label!r}. Its columns: {', '.join(map(str, table.columns))}.")
    features = {str(name): kind for name in table.columns if name != label and (kind := _kind(table[name]))}
    if not features:
        raise DatasetError(f"{source}: no column beside {label!r} varies, so nothing can be predicted from it.")
    task, positive = _task(table[label])
    monitors = {name: each for name, each in like.get("monitors", {}).items() if name != "bias"}  # of other people
    sensitive: dict[str, Any] = {}
    if people is not None and people.sensitive:
        monitors["bias"] = people.monitor(table, features, Labels(label, task, positive))
        sensitive = {"sensitive": [each["name"] for each in monitors["bias"]["attributes"]]}
    document = like | {
        "name": re.sub(r"[^a-z0-9]+", "-", f"my-{source.stem.lower()}").strip("-")[:30].rstrip("-"),
        "description": f"Predicts {label} from {source.name}"[:200],
        "task": str(task),
        "label": {"name": label} | ({"positive": positive} if positive else {}),
        "input": {"features": features} | sensitive,
        "monitors": monitors,
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _kind(column: pd.Series[Any]) -> str | None:
    values = column.dropna()
    if values.nunique() < 2:
        return None
    if pd.api.types.is_bool_dtype(values):
        return "category"
    if pd.api.types.is_numeric_dtype(values):
        return "integer" if (values == values.round()).all() else "number"
    return None if values.nunique() > 0.5 * len(values) else "category"


def _task(labels: pd.Series[Any]) -> tuple[Task, str | None]:
    values = labels.dropna()
    classes = [str(value) for value in values.unique()]
    if len(classes) < 2:
        raise DatasetError(f"The label {labels.name!r} has the one value {classes}: there is nothing to predict.")
    if len(classes) == 2:
        known = [name for name in classes if name.lower() in _POSITIVE]
        rarer = str(values.value_counts().idxmin())
        return Task.BINARY, known[0] if known else rarer
    if pd.api.types.is_float_dtype(values) or len(classes) > _MOST_CLASSES:
        if not pd.api.types.is_numeric_dtype(values):
            raise DatasetError(
                f"The label {labels.name!r} has {len(classes)} different texts: choose a column with fewer."
            )
        return Task.REGRESSION, None
    return Task.MULTICLASS, None
