"""NannyML's CBPE and DLE on the windows of a folder: `python -m benchmarks.peers.nannyml_estimates FOLDER` prints JSON.

Runs under NannyML's own interpreter. Of a window it states a value and its sampling error; its own bounds are three of
these wide, which we narrow to 1.96 for 95 %.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

CLASSIFIER = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f_beta": "f1",
    "roc_auc": "roc_auc",
    "pr_auc": "average_precision",
}
REGRESSION = {"mae": "mae", "rmse": "rmse"}
_Z = 1.959964


def main() -> None:
    """Estimate, and print what was estimated."""
    import nannyml
    import pandas as pd

    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[1])
    plan = json.loads((folder / "plan.json").read_text())
    reference, windows = (pd.read_parquet(folder / f"{name}.parquet") for name in ("reference", "windows"))
    started = time.process_time()
    names = REGRESSION if plan["regression"] else CLASSIFIER
    common = {"y_true": "label", "metrics": list(names.values()), "chunk_size": plan["rows"]}
    if plan["regression"]:
        estimator = nannyml.DLE(feature_column_names=plan["features"], y_pred="answer", **common)
    else:
        kind = "classification_binary"
        estimator = nannyml.CBPE(y_pred_proba="answer", y_pred="predicted", problem_type=kind, **common)
    estimator.fit(reference)
    found = estimator.estimate(windows.drop(columns="label")).filter(period="analysis").to_df()
    stated = [_window(row, names) for _, row in found.iterrows()]
    print(json.dumps({"windows": stated, "seconds": time.process_time() - started}))


def _window(row: Any, names: dict[str, str]) -> dict[str, list[float]]:
    stated = {}
    for ours, theirs in names.items():
        value, error = float(row[(theirs, "value")]), float(row[(theirs, "sampling_error")])
        stated[ours] = [value, value - _Z * error, value + _Z * error]
    return stated


if __name__ == "__main__":
    main()
