"""Ours: `python -m benchmarks.labels.ours CAPTURE LABELS FOLDER` prints CPU seconds by step, as JSON.

Captured rows are staged as the profiling function does it, filed and joined as the joining function does, and counted.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import model
from benchmarks.labels.folder import Folder
from watchkeeper import naming
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Allowance, curate
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.capture import CaptureReader
from watchkeeper.curated import Stager, from_parquet
from watchkeeper.labels import LabelReader
from watchkeeper.outcomes import OutcomeBinning, observe
from watchkeeper.performance import measure

NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("capture", "labels", "folder"):
        options.add_argument(name, type=Path)
    chosen = options.parse_args()
    shutil.rmtree(chosen.folder, ignore_errors=True)
    store, spec, seconds = Folder(chosen.folder), model.spec(), {}
    last = time.process_time()

    def step(name: str) -> None:
        nonlocal last
        now = time.process_time()
        seconds[name], last = now - last, now

    key = naming.parse_capture_key(spec.name, f"capture/{spec.name}/v1/e/AllTraffic/{HOUR:%Y/%m/%d/%H}/a.jsonl")
    store.put(key.key, chosen.capture.read_bytes())
    label_key = f"{naming.labels_prefix(spec.name)}{HOUR:%Y/%m/%d/%H}/a.jsonl"
    store.put(label_key, chosen.labels.read_bytes())
    last = time.process_time()

    stager, streamed = Stager(spec, key.key), store.stream(key.key)
    assert streamed is not None
    for block in CaptureReader(spec, identified=True).blocks(streamed.chunks):
        stager.add(block)
    store.put(naming.staged_key(spec.name, key), stager.content())
    step("stage")
    hours = CuratedHours(store, spec, NOW, timedelta(days=1))
    files = LabelFiles(store, spec, NOW, hours.days, timedelta(days=1))
    outcome = curate(hours, files, LabelReader(spec), Allowance())
    step("join")
    data = store.get(naming.predictions_key(spec.name, "v1", HOUR))
    assert data is not None
    rows = from_parquet(spec, data).labelled()
    step("read")
    binning = OutcomeBinning.fit(spec, rows)
    step("fit")
    performance = measure(observe(binning, rows))
    step("score")
    accuracy = next(metric.value for metric in performance.metrics if metric.name == "accuracy")
    print(json.dumps({**seconds, "rows": rows.rows, "labels": outcome.labels, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
