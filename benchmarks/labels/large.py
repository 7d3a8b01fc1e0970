"""An hour of any size, by the function or by Spark: `python -m benchmarks.labels.large {function,spark} ROWS`, as JSON.

Rows of twenty random features are staged in a fake S3 in memory, each with a label, and filed and joined. What is
measured are the processes that do it: the one in the function's place, or the driver and the workers of a local Spark.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from moto.server import ThreadedMotoServer

from benchmarks import model
from benchmarks.process import ROOT
from localcloud.java import require_java_home
from watchkeeper import ids, naming
from watchkeeper.aws.store import Store
from watchkeeper.capture.block import CONFIDENCE, PREDICTED_LABEL, PREDICTED_SCORE
from watchkeeper.curated import Predictions, to_stream
from watchkeeper.labels.table import UNLABELLED, truths
from watchkeeper.spec import Kind, ModelSpec
from watchkeeper.table import CategoryColumn, Column, NumberColumn

PARTS = 20
BUCKET = "data"
NOW = datetime.now(UTC)
HOUR = NOW.replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
FUNCTION = """
import sys, resource
from datetime import datetime
from benchmarks import model
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.curation import Allowance, curate
from watchkeeper.aws.deployed import store
from watchkeeper.aws.label_files import LabelFiles
from watchkeeper.labels import LabelReader
spec, now = model.spec(), datetime.fromisoformat(sys.argv[1])
hours = CuratedHours.of(store("data"), spec, now)
outcome = curate(hours, LabelFiles.of(store("data"), spec, now, hours.days), LabelReader(spec), Allowance(1 << 40))
print(outcome.labels, outcome.left)
"""


def main() -> None:
    """Run the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("by", choices=("function", "spark"))
    options.add_argument("rows", type=int)
    options.add_argument("--labels", type=int, default=100_000, help="rows that have a label")
    chosen = options.parse_args()
    spec = model.spec()
    with _s3() as store, tempfile.TemporaryDirectory() as folder:
        _stage(store, spec, chosen.rows, chosen.labels)
        staged = sum(item.size for item in store.listed(naming.staged_prefix(spec.name)))
        command = _function() if chosen.by == "function" else _spark(spec, Path(folder))
        started = time.monotonic()
        peaks = _run(command)
        seconds = time.monotonic() - started
        files = [item.size for item in store.listed(naming.predictions_prefix(spec.name))]
    result = {"rows": chosen.rows, "staged_mb": staged >> 20, "seconds": seconds, "files": len(files), "peak_mb": peaks}
    print(json.dumps(result))


@contextmanager
def _s3() -> Iterator[Store]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield Store(client, BUCKET)
    server.stop()


def _stage(store: Store, spec: ModelSpec, rows: int, labels: int) -> None:
    random = np.random.default_rng(1)
    each = rows // PARTS
    for part in range(PARTS):
        names = [f"{part}-{number}".encode() for number in range(each)]
        content = to_stream(spec, _rows(spec, random, ids.digests(names)))
        store.put(f"{naming.staged_prefix(spec.name)}{HOUR:%Y/%m/%d/%H}/v1--{part:02d}.arrow", content)
    told = random.choice(rows, labels, replace=False)
    lines = "".join(f"{row // each}-{row % each},{row % 2}\n" for row in told.tolist())
    store.put(f"{naming.labels_prefix(spec.name)}{NOW:%Y/%m/%d/%H}/a.csv", f"id,label\n{lines}".encode())


def _rows(spec: ModelSpec, random: np.random.Generator, names: ids.Ids) -> Predictions:
    count = len(names)

    def column(kind: Kind) -> Column:
        if kind is Kind.CATEGORY:
            return CategoryColumn.coded(random.integers(0, 12, count), [f"level {level}" for level in range(12)])
        return NumberColumn(np.round(random.normal(50, 10, count), 2))

    score = random.random(count)
    answers = CategoryColumn.coded((score > 0.5).astype(np.int32), ["negative", "positive"])
    return Predictions(
        ids=names,
        places=np.zeros(count, np.int32),
        sizes=np.ones(count, np.int32),
        times=np.full(count, int(HOUR.timestamp())),
        features={feature.name: column(feature.kind) for feature in spec.profiled_features},
        predictions={
            PREDICTED_LABEL: answers,
            PREDICTED_SCORE: NumberColumn(score),
            CONFIDENCE: NumberColumn(np.maximum(score, 1 - score)),
        },
        truth=truths(spec.task, [None] * count),
        collected=np.full(count, UNLABELLED),
        orders=np.zeros(count, np.int64),
    )


def _function() -> list[str]:
    return [sys.executable, "-c", FUNCTION, NOW.isoformat()]


def _spark(spec: ModelSpec, folder: Path) -> list[str]:
    archive = folder / "archive.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for package in ("watchkeeper", "glue_jobs"):
            for path in (ROOT / package).rglob("*.py"):
                zipped.write(path, path.relative_to(ROOT))
        zipped.writestr("watchkeeper_model/__init__.py", "")
        zipped.writestr("watchkeeper_model/model.json", spec.to_json())
    os.environ |= {
        "PYTHONPATH": str(archive),
        "JAVA_HOME": require_java_home(),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_SUBMIT_ARGS": "--master local[2] --driver-memory 1g --conf spark.ui.enabled=false pyspark-shell",
    }
    script = ROOT / "glue_jobs" / "join_labels.py"
    return [sys.executable, str(script), "--BUCKET", BUCKET, "--AT", NOW.isoformat(), "--MOST_BYTES", "0"]


def _run(command: list[str]) -> dict[str, int]:
    """Run a command; the largest resident memory that any of its processes had, in MB, by program (Linux)."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr)
    peaks: dict[str, int] = {}
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, ended))
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(code)
    return peaks


def _watch(pid: int, peaks: dict[str, int], ended: threading.Event) -> None:
    while not ended.wait(0.2):
        for found in _family(pid):
            try:
                status = dict(line.split(":", 1) for line in Path(f"/proc/{found}/status").read_text().splitlines())
                words = Path(f"/proc/{found}/cmdline").read_bytes().split(b"\0")
            except (OSError, ValueError):  # it has ended meanwhile
                continue
            name = "worker" if b"pyspark.daemon" in words else Path(words[0].decode()).name
            peaks[name] = max(peaks.get(name, 0), int(status.get("VmHWM", "0").split()[0]) >> 10)


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found: Any = children.read_text().split()
        except OSError:
            continue
        for child in map(int, found):
            yield from _family(child)


if __name__ == "__main__":
    main()
