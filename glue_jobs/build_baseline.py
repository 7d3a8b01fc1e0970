"""Spark job: the baseline of a version, and recorded answers to verify its rollout by.

The reference is what the version was judged on: the holdout, whose rows are the most recent, with the version's own
predictions. So after a drift the new version's baseline is the new world, and not a mixture with the old. A random
holdout (from a file) is like the rest of its file, so then the training rows are in the reference as well.

The rows are read twice by the executors, for a sample that the bins are fitted on and for the counts over those bins.
The driver holds the sample and a few dozen profiles, however many rows there are.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, groupby, islice
from operator import itemgetter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from glue_jobs import labelled
from glue_jobs.job import arguments, session
from glue_jobs.merging import batch, merged, queue
from watchkeeper import jsonio, naming
from watchkeeper.attribution import RequestSample
from watchkeeper.aws import label_values, reference
from watchkeeper.aws.deployed import store
from watchkeeper.aws.reference import Run, Task
from watchkeeper.aws.store import Store
from watchkeeper.capture import Block
from watchkeeper.drift import Calibration
from watchkeeper.errors import BaselineError
from watchkeeper.gates import Judgement
from watchkeeper.lineage import Lineage
from watchkeeper.profile import Baseline, Binning, Observer, Profile
from watchkeeper.profile.profile import rebased
from watchkeeper.spec import InputFormat, ModelSpec, deployed_spec
from watchkeeper.table import concatenate, taken
from watchkeeper.trainingset import MANIFEST, Manifest, Split

SAMPLE_CELLS = 2_000_000
"""Bins are fitted on a sample of about so many values, held by the driver; the reference counts all rows."""
VERIFIED_ROWS = 20
SAMPLE_ROWS = 500
"""Requests that are kept to explain others by, and to explain: as long as the baseline is."""
MOST_STRETCHES = 64
SAMPLES = "requests string, rows long, sample binary"
PARTIALS = "stretch long, profile binary"
REFERENCE = -1
"""`stretch` of the partial profiles of the reference itself."""
CONTENT_TYPES = {InputFormat.CSV: "text/csv", InputFormat.JSON: "application/json"}


def main() -> None:
    """Build the baseline of one version from one run's data."""
    options = arguments(["BUCKET", "RUN", "VERSION", "PREDICTIONS", "NOW"])
    spec, data, version = deployed_spec(), store(options["BUCKET"]), options["VERSION"]
    prefix = naming.run_prefix(spec.name, options["RUN"])
    stored = data.get(prefix + MANIFEST)
    if stored is None:
        raise BaselineError(f"There is no manifest under {prefix}: assemble the training set of this run first.")
    manifest = Manifest.from_json(stored)
    run = Run(options["BUCKET"], options["RUN"], options["PREDICTIONS"])
    holdout = run.holdout(spec)
    verification = _verification(spec, holdout)

    spark = session(f"{spec.name}: build baseline")
    ordered = manifest.split is Split.RECENT  # the rows are in order of time
    rows = Rows(spec, [*holdout, *([] if ordered else run.train(spec))])
    sample = rows.sampled(spark, manifest.holdout_rows if ordered else manifest.rows)
    size = max(spec.drift.minimum_rows, math.ceil(manifest.holdout_rows / MOST_STRETCHES)) if ordered else None
    profiles = rows.profiled(spark, sample.binning, sample.first_rows(holdout), size)
    created = datetime.fromisoformat(options["NOW"])
    baseline = Baseline.of(spec.name, version, created, sample.binning, profiles.pop(REFERENCE))

    if ordered:
        # How much windows vary, from the holdout's own stretches: a beginning, until there is healthy traffic.
        in_order = [profile for _, profile in sorted(profiles.items())]
        calibration = Calibration.learn(baseline, [rebased(profile, baseline.id) for profile in in_order])
        data.put(naming.calibration_key(spec.name, version), calibration.to_json())
    label_values.keep(data, spec.name, manifest.spellings)
    judged = labelled.judged(spark, spec, version, holdout, _share(spec, manifest.holdout_rows, spec.output.classes))
    if judged.estimator is not None:
        data.put(naming.estimator_key(spec.name, version), judged.estimator.to_json())
    if judged.groups is not None:
        data.put(naming.group_baseline_key(spec.name, version), judged.groups.to_json())
    data.put(naming.outcome_baseline_key(spec.name, version), judged.outcomes.to_json())
    data.put(naming.verification_key(spec.name, version), verification)
    requests = RequestSample(baseline.id, reference.spread(holdout, manifest.holdout_rows, SAMPLE_ROWS))
    data.put(naming.sample_key(spec.name, version), requests.to_json())
    data.put(naming.lineage_key(spec.name, version), _lineage(spec, data, version, run, manifest, created).to_json())
    data.put(naming.baseline_key(spec.name, version), baseline.to_json())  # last: it starts the profiling


@dataclass(frozen=True)
class Sample:
    """Bins fitted on some of the rows, and how many rows each object has."""

    binning: Binning
    rows: Mapping[str, int]

    def first_rows(self, holdout: Sequence[Task]) -> dict[str, int]:
        """How many rows of the holdout come before each of its files."""
        sizes = [self.rows[task.requests] for task in holdout]
        return dict(zip((task.requests for task in holdout), np.cumsum([0, *sizes]).tolist(), strict=False))


@dataclass(frozen=True)
class Rows:
    """The reference rows of one version, as what the executors are asked to read."""

    spec: ModelSpec
    tasks: Sequence[Task]

    def sampled(self, spark: SparkSession, rows: int) -> Sample:
        """Count all rows, and fit bins on a share of them that does not grow with their number."""
        spec = self.spec
        share = _share(spec, rows)

        def sample(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for task in _tasks(batches):
                random = np.random.default_rng([task.start, *task.requests.encode()])
                for block in reference.blocks(spec, task):
                    kept = block if share == 1.0 else _taken(block, np.flatnonzero(random.random(block.rows) < share))
                    yield batch(SAMPLES, task.requests, block.rows, pickle.dumps(kept))

        counts: dict[str, int] = {}
        blocks: list[Block] = []
        for row in queue(spark, self.tasks, reference.SCHEMA).mapInArrow(sample, SAMPLES).toLocalIterator():
            counts[row["requests"]] = counts.get(row["requests"], 0) + row["rows"]
            blocks.append(pickle.loads(row["sample"]))  # noqa: S301  # our own executors wrote it
        return Sample(_fitted(blocks), counts)

    def profiled(
        self, spark: SparkSession, binning: Binning, first: Mapping[str, int], size: int | None
    ) -> dict[int, Profile]:
        """The reference profile, and with `size` that of each stretch of so many rows of the holdout.

        The executors' partial profiles are merged by executors as well: one profile a stretch comes to the driver.
        """
        spec = self.spec

        def observe(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            whole = Observer(binning, "", reference=True)
            for task in _tasks(batches):
                if size is None:
                    for block in reference.blocks(spec, task):
                        whole.add(block)
                    continue
                found = reference.stretches(spec, task, first[task.requests], size)
                for number, part in groupby(found, key=itemgetter(0)):
                    stretch = Observer(binning, "")
                    for _, block in part:
                        stretch.add(block)
                        whole.add(block)
                    yield batch(PARTIALS, number, stretch.profile().to_json())
            yield batch(PARTIALS, REFERENCE, whole.profile().to_json())

        partials = queue(spark, self.tasks, reference.SCHEMA).mapInArrow(observe, PARTIALS)
        read = partial(Profile.from_json, binning=binning)
        return {row["stretch"]: read(bytes(row["profile"])) for row in merged(partials, "stretch", read).collect()}


def _share(spec: ModelSpec, rows: int, classes: Sequence[str] = ()) -> float:
    """Of so many rows, which may hold a probability for each of some classes, the share that bins are fitted on."""
    return min(1.0, SAMPLE_CELLS / max(1, rows * (len(spec.profiled_features) + len(classes))))


def _tasks(batches: Iterator[pa.RecordBatch]) -> Iterator[Task]:
    return (Task(**row) for rows in batches for row in rows.to_pylist())


def _fitted(blocks: Sequence[Block]) -> Binning:
    """Bins for the rows of all blocks, of which some may have no answers."""
    features = {name: concatenate(block.features[name] for block in blocks) for name in blocks[0].features}
    predictions = {name: concatenate(block.predictions[name] for block in blocks) for name in blocks[0].predictions}
    return Binning.fit(features, predictions)


def _taken(block: Block, places: NDArray[np.intp]) -> Block:
    """Some rows of a block; what is missing and what was wrong are alike to the bins."""
    features = {name: taken(column, places) for name, column in block.features.items()}
    predictions = {n: taken(column, places) if len(column) else column for n, column in block.predictions.items()}
    return Block(len(places), features, predictions)


def _lineage(spec: ModelSpec, data: Store, version: str, run: Run, manifest: Manifest, created: datetime) -> Lineage:
    """Where the version comes from; what a first version replaces, nobody has judged."""
    judged = data.get(naming.gate_key(spec.name, run.name))
    verdict = None if judged is None else Judgement.from_json(judged)
    place = f"s3://{data.bucket}/{naming.run_prefix(spec.name, run.name)}"
    return Lineage(version, run.name, place, created, manifest, verdict)


def _verification(spec: ModelSpec, holdout: Sequence[Task]) -> bytes:
    """Some requests of the holdout with the version's own answers."""
    pairs = list(islice(chain.from_iterable(reference.head(task, VERIFIED_ROWS) for task in holdout), VERIFIED_ROWS))
    content_type = CONTENT_TYPES[spec.input_format]
    return jsonio.dumps(
        {
            "requests": [{"content_type": content_type, "body": body} for body, _ in pairs],
            "responses": [answer for _, answer in pairs],
        }
    )


if __name__ == "__main__":
    main()
