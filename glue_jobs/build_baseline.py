"""Spark job: the baseline of a version, and recorded answers to verify its rollout by.

The reference is what the version was judged on: the holdout, whose rows are the most recent, with the version's own
predictions. So after a drift the new version's baseline is the new world, and not a mixture with the old. A random
holdout (from a file) is like the rest of its file, so then the training rows are in the reference as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pandas as pd
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.job import arguments, session
from watchkeeper import jsonio, naming, payload
from watchkeeper.aws.deployed import store
from watchkeeper.aws.store import split_uri
from watchkeeper.capture import Block, CaptureReader, prediction_columns
from watchkeeper.errors import BaselineError, DatasetError
from watchkeeper.holdout import read_answers
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.profile.profile import merge_all
from watchkeeper.spec import InputFormat, ModelSpec, deployed_spec
from watchkeeper.table import Column, column
from watchkeeper.trainingset import HOLDOUT_FEATURES, MANIFEST, TRAIN, Manifest, Split

SAMPLE_CELLS = 10_000_000
"""Bins are fitted on a sample of about so many values, held by the driver; the reference counts all rows."""
VERIFIED_ROWS = 20
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
    answers = _texts(*split_uri(options["PREDICTIONS"]))
    predictions = prediction_columns(spec.task, read_answers(spec, answers, manifest.holdout_rows))

    spark = session(f"{spec.name}: build baseline")
    lines = _lines(spark, options["BUCKET"], prefix, manifest).cache()
    binning = Binning.fit(_sampled(spec, lines, manifest), predictions)
    blank = CaptureReader(spec).feature_columns([])
    reference = merge_all(_profiles(spec, lines, binning), binning.observe(Block(0, blank, predictions), ""))
    created = datetime.fromisoformat(options["NOW"])
    baseline = Baseline.of(spec.name, version, created, binning, replace(reference, unreadable=0))

    requests = _texts(options["BUCKET"], prefix + HOLDOUT_FEATURES)
    data.put(naming.verification_key(spec.name, version), _verification(spec, requests, answers))
    data.put(naming.baseline_key(spec.name, version), baseline.to_json())  # last: it starts the profiling


def _lines(spark: SparkSession, bucket: str, prefix: str, manifest: Manifest) -> DataFrame:
    """The reference rows as text: `train` lines begin with the label, the others are requests."""
    folders = [HOLDOUT_FEATURES] if manifest.split is Split.RECENT else [HOLDOUT_FEATURES, TRAIN]
    keys = [(key, folder == TRAIN) for folder in folders for key in store(bucket).keys(prefix + folder)]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for key, train in batch.itertuples(index=False):
                lines = [line.decode() for line in store(bucket).lines(key) or () if line]
                yield pd.DataFrame({"line": lines, "train": train})

    objects = spark.createDataFrame(keys, "key string, train boolean").repartition(max(1, len(keys)))
    return objects.mapInPandas(read, "line string, train boolean").repartition(spark.sparkContext.defaultParallelism)


def _sampled(spec: ModelSpec, lines: DataFrame, manifest: Manifest) -> dict[str, Column]:
    rows = manifest.rows if manifest.split is Split.RANDOM else manifest.holdout_rows
    share = min(1.0, SAMPLE_CELLS / max(1, rows * len(spec.features)))
    sample = (lines if share == 1.0 else lines.sample(share, seed=0)).toPandas()
    return _columns(spec, sample)


def _profiles(spec: ModelSpec, lines: DataFrame, binning: Binning) -> Iterator[Profile]:
    """Profiles of the reference's parts, made by the executors with the same code as in Lambda."""
    nothing = prediction_columns(spec.task, [])

    def observe(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            profile = binning.observe(Block(len(batch), _columns(spec, batch), nothing), "")
            yield pd.DataFrame({"profile": [profile.to_json()]})

    for row in lines.mapInPandas(observe, "profile binary").collect():
        yield Profile.from_json(bytes(row["profile"]))


def _columns(spec: ModelSpec, lines: pd.DataFrame) -> dict[str, Column]:
    """Typed columns of reference rows."""
    features = spec.profiled_features
    rows: list[tuple[object, ...]] = [tuple(row[1:]) for row in _csv(lines.loc[lines["train"], "line"])]
    requests = lines.loc[~lines["train"], "line"]
    if spec.input_format is InputFormat.CSV:
        asked = _csv(requests)
    else:
        asked = [row for line in requests for row in payload.json_rows(line, "holdout request")]
    if len(asked):
        kept = [place for place, feature in enumerate(spec.features) if not feature.personal]
        rows += [tuple(row[place] for place in kept) for row in CaptureReader(spec).input_rows(asked, "holdout")]
    raw = list(zip(*rows, strict=True)) or [()] * len(features)
    return {feature.name: column(feature.kind, values) for feature, values in zip(features, raw, strict=True)}


def _csv(lines: Iterable[str]) -> list[list[str]]:
    text = "\n".join(lines)
    return payload.csv_rows(text) if text else []


def _texts(bucket: str, prefix: str) -> list[str]:
    found: list[str] = [data.decode() for data in store(bucket).get_many(store(bucket).keys(prefix))]
    if not found:
        raise DatasetError(f"There is nothing under s3://{bucket}/{prefix}: look into the step before this job.")
    return found


def _verification(spec: ModelSpec, requests: Sequence[str], answers: Sequence[str]) -> bytes:
    """Some requests of the holdout with the version's own answers."""
    asked = [line for text in requests for line in text.split("\n") if line]
    answered = [line for text in answers for line in text.split("\n") if line]
    if len(asked) != len(answered):
        raise DatasetError(
            f"{len(asked)} requests have {len(answered)} lines of answers: the model must answer every row on a line "
            "of its own, or its rollouts cannot be verified."
        )
    content_type = CONTENT_TYPES[spec.input_format]
    return jsonio.dumps(
        {
            "requests": [{"content_type": content_type, "body": body} for body in asked[:VERIFIED_ROWS]],
            "responses": answered[:VERIFIED_ROWS],
        }
    )


if __name__ == "__main__":
    main()
