"""Serving script (SageMaker inference contract): rows in, answers out.

Requests are CSV without a header (`text/csv`) or JSON: a list, a list of lists or objects, or either under `instances`.
Answers, one a row: the probability of the positive class (binary), `label,score` (multiclass), or the value.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads that wait for each other cost more than a small request

import joblib
import numpy as np
import pandas as pd

MISSING = ["", "?", "NA", "null", "None", "NaN"]
REFIT_AFTER = 50
"""Requests between two refits of an adaptive standardisation (a planted fault: see README.md)."""

Bundle = dict[str, Any]
"""What training wrote: `pipeline`, `features`, `task`, `center`, `scale` and `standardise`."""


def model_fn(model_dir: str) -> Bundle:
    """Load the model."""
    bundle: Bundle = joblib.load(Path(model_dir) / "model.joblib")
    return bundle


def input_fn(body: str | bytes, content_type: str) -> list[Any] | pd.DataFrame:
    """Read a request's rows; which column is which is known to `predict_fn`."""
    text = body.decode() if isinstance(body, bytes) else body
    if "json" in content_type:
        document = json.loads(text)
        rows = document.get("instances", [document]) if isinstance(document, Mapping) else document
        return rows if not rows or isinstance(rows[0], list | Mapping) else [rows]
    if content_type.startswith("text/csv"):
        return pd.read_csv(io.StringIO(text), header=None, dtype=str, keep_default_na=False, skip_blank_lines=False)
    raise ValueError(f"Content type {content_type!r} is not supported: send text/csv or application/json.")


def predict_fn(rows: list[Any] | pd.DataFrame, bundle: Bundle) -> list[tuple[Any, ...]]:
    """Answer every row: (score,), (label, score) or (value,)."""
    table = prepare(named(rows, bundle["features"]), bundle)
    if bundle["standardise"] == "adaptive":
        follow(table, bundle)
    pipeline, task = bundle["pipeline"], bundle["task"]
    if task == "regression":
        return [(float(value),) for value in pipeline.predict(table)]
    shares = pipeline.predict_proba(table)
    if task == "binary":
        return [(float(share),) for share in shares[:, list(pipeline.classes_).index("1")]]
    best = shares.argmax(axis=1)
    return [(str(pipeline.classes_[place]), float(row[place])) for place, row in zip(best, shares, strict=True)]


def explain_fn(rows: list[Any] | pd.DataFrame, bundle: Bundle) -> tuple[Any, pd.DataFrame]:
    """The fitted pipeline, and rows as it takes them: for exact explanations (see docs/explanation.md)."""
    return bundle["pipeline"], prepare(named(rows, bundle["features"]), bundle)


def output_fn(answers: Sequence[tuple[Any, ...]], accept: str) -> tuple[str, str]:
    """Write the answers as JSON when that is asked for, else as CSV."""
    if "json" in accept:
        names = ("label", "score")[-len(answers[0]) :] if answers else ()
        rows = [dict(zip(names, answer, strict=True)) for answer in answers]
        return json.dumps({"predictions": rows}), "application/json"
    lines = (",".join(_text(value) for value in answer) for answer in answers)
    return "\n".join(lines) + "\n", "text/csv"


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def named(rows: list[Any] | pd.DataFrame, features: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Rows as text under the features' names.

    Raises
    ------
    ValueError
        A row has more or fewer values than there are features.
    """
    names = [name for name, _ in features]
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame([[row.get(name) for name in names] if isinstance(row, Mapping) else row for row in rows])
    if rows.shape[1] != len(names):
        raise ValueError(f"A row has {rows.shape[1]} values, but the model takes {len(names)}: {', '.join(names)}.")
    return rows.set_axis(names, axis=1)


def prepare(table: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """Numbers standardised, categories as text: what the pipeline takes, in training and in serving alike."""
    prepared = pd.DataFrame(index=table.index)
    for name, kind in bundle["features"]:
        texts = table[name].map(lambda value: value.strip() if isinstance(value, str) else value)
        texts = texts.mask(texts.isin(MISSING) | texts.isna())
        if kind == "category":
            prepared[name] = texts.astype(object).map(str, na_action="ignore").where(texts.notna(), "")
            continue
        values = pd.to_numeric(texts, errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
        center, scale = bundle["center"].get(name, 0.0), bundle["scale"].get(name, 1.0)
        if bundle["standardise"] == "request":  # a planted fault: see README.md
            center, scale = values.mean(), values.std(ddof=0)
        prepared[name] = (values - center) / scale if scale else values * 0.0
    return prepared


def follow(prepared: pd.DataFrame, bundle: Bundle) -> None:
    """Re-estimate mean and deviation from the rows served since the last time: meant to follow a changing world.

    The planted fault: the rows are gathered after they were standardised, when they should be gathered before.
    """
    seen = bundle.setdefault("seen", [])
    seen.append(prepared)
    if len(seen) == REFIT_AFTER:
        served = pd.concat(seen)[list(bundle["center"])]
        bundle |= {"center": served.mean().to_dict(), "scale": served.std(ddof=0).to_dict(), "seen": []}
