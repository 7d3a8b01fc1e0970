"""What captures and profiles of so many features cost: `python -m benchmarks.scale.wide COPIES` prints JSON.

The model has the table's twenty features so many times over. A fake S3 in a process of its own holds the objects, so
that the client's own work is in the figures; CPU seconds are of this process alone.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks import data, files, model
from benchmarks.process import ChildFailed
from watchkeeper import naming
from watchkeeper.aws import profiling
from watchkeeper.aws.store import Store, Streamed
from watchkeeper.aws.windows import StoredProfiles
from watchkeeper.capture import CaptureReader
from watchkeeper.drift import compare
from watchkeeper.naming import CaptureKey
from watchkeeper.profile import Baseline, Binning, Profile, merge_all
from watchkeeper.spec import Feature, ModelSpec
from watchkeeper.table import concatenate

HOUR = datetime(2026, 1, 1, 5, tzinfo=UTC)
SIZES = (5_000, 25_000)
REFERENCE_ROWS = 20_000
PARTS = 500
SMALL_OBJECTS = 50
BUCKET = "data"


def main() -> None:
    """Measure."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("copies", type=int)
    copies = options.parse_args().copies
    spec = wide_spec(copies)
    baseline = _baseline(spec, copies)
    captured = [capture(rows, copies, seed=rows) for rows in SIZES]
    profile = _profiled(spec, baseline, captured[0])  # and imports and caches, before the clock
    costs = [_cpu(lambda body=body: _profiled(spec, baseline, body)) for body in captured]
    texts = [profile.to_json()] * PARTS
    found = {
        "features": len(spec.features),
        "row": (costs[1] - costs[0]) / (SIZES[1] - SIZES[0]),
        "bytes_of_row": len(captured[1]) / SIZES[1],
        "bytes_of_profile": len(texts[0]),
        "read": _cpu(lambda: [baseline.read(text) for text in texts]) / PARTS,
        "merge": _cpu(lambda: merge_all([profile] * PARTS, baseline.empty())) / PARTS,
        "compare": _compared(spec, baseline, profile),
    }
    with _fake_s3() as store:
        print(json.dumps(found | _through_s3(store, spec, baseline, texts[0])))


def wide_spec(copies: int) -> ModelSpec:
    """The benchmarks' model with its features so many times."""
    spec = model.spec()
    features = [Feature(f"{feature.name} {copy}", feature.kind) for copy in range(copies) for feature in spec.features]
    return replace(spec, features=tuple(features))


def capture(rows: int, copies: int, seed: int) -> bytes:
    """So many records of the wide model."""
    tables = [data.make(rows, seed * copies + copy) for copy in range(copies)]
    requests = pc.binary_join_element_wise(*map(files.csv_rows, tables), ",")
    answers = pa.array([f"{score:.6f}" for score in tables[0]["score"]])
    times = pa.array(["2026-01-01T05:00:00Z"] * rows)
    return bytes(files.records(requests, answers, times, np.random.default_rng(seed)))


def _baseline(spec: ModelSpec, copies: int) -> Baseline:
    blocks = list(CaptureReader(spec).blocks([capture(REFERENCE_ROWS, copies, seed=1)]))
    features = {name: concatenate(block.features[name] for block in blocks) for name in blocks[0].features}
    predictions = {name: concatenate(block.predictions[name] for block in blocks) for name in blocks[0].predictions}
    baseline = Baseline.build(spec.name, "v1", HOUR, Binning.fit(features, predictions), blocks)
    return Baseline.from_json(baseline.to_json())


def _profiled(spec: ModelSpec, baseline: Baseline, body: bytes) -> Profile:
    step = 1 << 20
    chunks = (body[start : start + step] for start in range(0, len(body), step))
    return profiling.observe(spec, baseline, _key(0), Streamed(chunks, HOUR)).profile


def _key(number: int) -> CaptureKey:
    return CaptureKey(f"capture/{number}", "v1", HOUR)


def _compared(spec: ModelSpec, baseline: Baseline, profile: Profile) -> float:
    window = merge_all([profile] * 24, baseline.empty())
    return _cpu(lambda: compare(baseline, window, spec.drift, start=HOUR, end=HOUR + timedelta(hours=24)))


def _through_s3(store: Store, spec: ModelSpec, baseline: Baseline, profile: bytes) -> dict[str, float]:
    """What an object costs whatever it holds, and what a look costs for each profile that it reads."""
    store.put(naming.baseline_key(spec.name, "v1"), baseline.to_json())
    small = capture(1, len(spec.features) // len(model.spec().features), seed=2)

    def profile_one(number: int) -> None:
        key = _key(number)
        store.put(key.key, small)
        stored = Baseline.from_json(store.get(naming.baseline_key(spec.name, "v1")) or b"")
        streamed = store.stream(key.key)
        assert streamed is not None  # it was put there just now
        profiling.write(spec, stored, store, key, profiling.observe(spec, stored, key, streamed))

    profile_one(-1)
    each = _cpu(lambda: [profile_one(number) for number in range(SMALL_OBJECTS)]) / SMALL_OBJECTS
    hour = HOUR - timedelta(hours=1)
    for part in range(PARTS):
        store.put(naming.part_key(spec.name, baseline.id, hour, f"{part:05d}"), profile)
    stored = StoredProfiles(store, baseline, HOUR + timedelta(hours=24))
    return {
        "object": each,
        "part": _cpu(lambda: stored.window([hour])) / PARTS,
        "hour": _cpu(lambda: stored.window([hour])),
    }


@contextmanager
def _fake_s3() -> Iterator[Store]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        while "Running on" not in server.stderr.readline():
            if server.poll() is not None:
                raise ChildFailed(f"moto's server ended at once with status {server.returncode}.")
        Thread(target=server.stderr.read, daemon=True).start()  # its log goes on, and must not fill the pipe
        os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield Store(client, BUCKET)
    finally:
        server.terminate()
        server.wait()


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    main()
