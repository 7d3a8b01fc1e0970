"""A label for each captured row of the speed benchmark: drawn so that its score means what it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.speed import inputs

SEED = 4


def labels(rows: int) -> Path:
    """Ground truth records, in another order than the captures."""
    inputs.prepare((rows,))
    path = inputs.FOLDER / f"labels-{rows}.jsonl"
    if path.exists():
        return path
    random = np.random.default_rng(SEED)
    scores = pq.read_table(inputs.current(rows, "parquet"), columns=["score"])["score"].to_numpy()
    truth = (random.random(rows) < scores).astype(int)
    with inputs.current(rows, "jsonl").open("rb") as lines:
        ids = [json.loads(line)["eventMetadata"]["inferenceId"] for line in lines]
    with path.open("w") as file:
        for place in random.permutation(rows):
            data = {"data": str(truth[place]), "encoding": "CSV"}
            record = {"groundTruthData": data, "eventMetadata": {"eventId": ids[place]}, "eventVersion": "0"}
            file.write(json.dumps(record) + "\n")
    return path
