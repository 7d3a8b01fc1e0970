"""The same in a notebook's way: `python -m benchmarks.labels.notebook CAPTURE LABELS` prints CPU seconds, as JSON.

Each line by `json.loads`, a DataFrame of each side, `merge`, and scikit-learn's metrics. Features are left aside.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from benchmarks import model


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("capture", "labels"):
        options.add_argument(name, type=Path)
    chosen = options.parse_args()
    started = time.process_time()
    predictions = pd.DataFrame(_lines(chosen.capture, _prediction), columns=["id", "score"])
    labels = pd.DataFrame(_lines(chosen.labels, _label), columns=["id", "label"]).drop_duplicates("id", keep="last")
    joined = predictions.merge(labels, on="id")
    step = time.process_time()
    accuracy = accuracy_score(joined["label"], joined["score"] >= model.THRESHOLD)
    roc_auc_score(joined["label"], joined["score"])
    log_loss(joined["label"], joined["score"])
    seconds = {"join": step - started, "score": time.process_time() - step}
    print(json.dumps({**seconds, "rows": len(joined), "accuracy": float(accuracy)}))


def _lines(path: Path, read: Any) -> list[tuple[str, float]]:
    with path.open() as lines:
        return [read(json.loads(line)) for line in lines]


def _prediction(record: dict[str, Any]) -> tuple[str, float]:
    metadata = record["eventMetadata"]
    return metadata.get("inferenceId") or metadata["eventId"], float(record["captureData"]["endpointOutput"]["data"])


def _label(record: dict[str, Any]) -> tuple[str, float]:
    return record["eventMetadata"]["eventId"], float(record["groundTruthData"]["data"])


if __name__ == "__main__":
    main()
