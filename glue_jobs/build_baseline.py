"""Spark job: the baseline of a version, and recorded answers to verify its rollout by.

The reference is what the version was judged on: the holdout, whose rows are the most recent, with the version's own
predictions. So after a drift the new version's baseline is the new world, and not a mixture with the old. A random
holdout (from a file) is like the rest of its file, so then the training rows are in the reference as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from glue_jobs.job import arguments, session
from watchkeeper import jsonio, naming
from watchkeeper.aws.deployed import store
from watchkeeper.aws.store import split_uri
from watchkeeper.capture import Block, CaptureReader, payload, prediction_columns
from watchkeeper.drift import Calibration
from watchkeeper.errors import BaselineError, DatasetError
from watchkeeper.holdout import read_answers
from watchkeeper.profile import Baseline, Binning, Profile, merge_all
from watchkeeper.spec import Feature, InputFormat, ModelSpec, deployed_spec
from watchkeeper.table import CategoryColumn, Column, NumberColumn, column, concatenate
from watchkeeper.trainingset import HOLDOUT_FEATURES, MANIFEST, TRAIN, Manifest, Split

SAMPLE_CELLS = 10_000_000
"""Bins are fitted on a sample of about so many values, held by the driver; the reference counts all rows."""
VERIFIED_ROWS = 20
MOST_CHUNKS = 64
LINES = "line string, train boolean, key string, place long"
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
    verification = _verification(spec, _texts(options["BUCKET"], prefix + HOLDOUT_FEATURES), answers)

    spark = session(f"{spec.name}: build baseline")
    lines = _lines(spark, options["BUCKET"], prefix, manifest).cache()
    answered = Answered(_offsets(lines), predictions)
    binning = _fit(spec, lines, manifest, answered)
    reference = merge_all(_profiles(spec, lines, binning, answered), binning.empty("", reference=True))
    created = datetime.fromisoformat(options["NOW"])
    baseline = Baseline.of(spec.name, version, created, binning, reference)

    if manifest.split is Split.RECENT:  # the rows are in order of time
        calibration = _calibration(spec, lines, baseline, answered, manifest.holdout_rows)
        data.put(naming.calibration_key(spec.name, version), calibration.to_json())
    data.put(naming.verification_key(spec.name, version), verification)
    data.put(naming.baseline_key(spec.name, version), baseline.to_json())  # last: it starts the profiling


@dataclass(frozen=True)
class Answered:
    """The version's predictions, and where those to each holdout object begin."""

    offsets: Mapping[str, int]
    predictions: Mapping[str, Column]

    def to(self, lines: pd.DataFrame) -> dict[str, Column]:
        """The predictions for holdout lines, one each."""
        places = lines["key"].map(self.offsets).to_numpy(np.int64) + lines["place"].to_numpy(np.int64)
        return {name: taken(values, places) for name, values in self.predictions.items()}


def _lines(spark: SparkSession, bucket: str, prefix: str, manifest: Manifest) -> DataFrame:
    """The reference rows as text, with key and place: `train` lines begin with the label, the others are requests."""
    folders = [HOLDOUT_FEATURES] if manifest.split is Split.RECENT else [HOLDOUT_FEATURES, TRAIN]
    keys = [(key, folder == TRAIN) for folder in folders for key in store(bucket).keys(prefix + folder)]

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for key, train in batch.itertuples(index=False):
                lines = [line.decode() for line in store(bucket).lines(key) or () if line]
                yield pd.DataFrame({"line": lines, "train": train, "key": key, "place": range(len(lines))})

    objects = spark.createDataFrame(keys, "key string, train boolean").repartition(max(1, len(keys)))
    return objects.mapInPandas(read, LINES).repartition(spark.sparkContext.defaultParallelism)


def _offsets(lines: DataFrame) -> dict[str, int]:
    """How many holdout rows come before each holdout object's: answers are in the order of keys and lines."""
    sizes = lines.filter("not train").groupBy("key").count().toPandas().sort_values("key")
    return dict(zip(sizes["key"], sizes["count"].cumsum() - sizes["count"], strict=True))


def _fit(spec: ModelSpec, lines: DataFrame, manifest: Manifest, answered: Answered) -> Binning:
    """Bins from a sample of the rows, and from all predictions."""
    rows = manifest.rows if manifest.split is Split.RANDOM else manifest.holdout_rows
    share = min(1.0, SAMPLE_CELLS / max(1, rows * len(spec.features)))
    sample = (lines if share == 1.0 else lines.sample(share, seed=0)).toPandas()
    train, asked = _blocks(spec, sample, answered)
    features = {name: concatenate([values, asked.features[name]]) for name, values in train.features.items()}
    return Binning.fit(features, answered.predictions)


def _profiles(spec: ModelSpec, lines: DataFrame, binning: Binning, answered: Answered) -> Iterator[Profile]:
    """Profiles of the reference's parts, made by the executors with the same code as in Lambda."""

    def observe(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            observer = binning.observer("", reference=True)
            for block in _blocks(spec, batch, answered):
                observer.add(block)
            yield pd.DataFrame({"profile": [observer.profile().to_json()]})

    for row in lines.mapInPandas(observe, "profile binary").collect():
        yield Profile.from_json(bytes(row["profile"]), binning)


def _calibration(spec: ModelSpec, lines: DataFrame, baseline: Baseline, answered: Answered, rows: int) -> Calibration:
    """How much windows vary, from the holdout's own chunks: a beginning, until there is healthy traffic."""
    size = max(spec.drift.minimum_rows, math.ceil(rows / MOST_CHUNKS))

    def number(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            yield batch.assign(chunk=(batch["key"].map(answered.offsets) + batch["place"]) // size)

    def observe(chunk: tuple[int], part: pd.DataFrame) -> pd.DataFrame:
        _, block = _blocks(spec, part.sort_values(["key", "place"]), answered)
        return pd.DataFrame({"chunk": [chunk[0]], "profile": [baseline.observe(block).to_json()]})

    numbered = lines.filter("not train").mapInPandas(number, f"{LINES}, chunk long")
    found = numbered.groupBy("chunk").applyInPandas(observe, "chunk long, profile binary").orderBy("chunk").collect()
    return Calibration.learn(baseline, [baseline.read(bytes(row["profile"])) for row in found])


def _blocks(spec: ModelSpec, lines: pd.DataFrame, answered: Answered) -> tuple[Block, Block]:
    """The rows that the version was trained on, and the holdout's with their predictions."""
    train, asked = lines[lines["train"]], lines[~lines["train"]]
    rows: list[Sequence[object]] = [row[1:] for row in _csv(train["line"])]
    block = Block(len(train), _columns(rows, spec.profiled_features), prediction_columns(spec.task, []))
    return block, Block(len(asked), _asked_columns(spec, asked["line"]), answered.to(asked))


def _asked_columns(spec: ModelSpec, requests: pd.Series[str]) -> dict[str, Column]:
    """Typed columns of the holdout's requests."""
    if spec.input_format is InputFormat.CSV:
        asked = _csv(requests)
    else:
        asked = [row for line in requests for row in payload.json_rows(line, "holdout request")]
    rows = CaptureReader(spec).input_rows(asked, "holdout") if len(asked) else []
    columns = _columns(rows, spec.features)
    return {feature.name: columns[feature.name] for feature in spec.profiled_features}


def _columns(rows: Sequence[Sequence[object]], features: Sequence[Feature]) -> dict[str, Column]:
    """Typed columns of rows of raw values."""
    raw = list(zip(*rows, strict=True)) or [()] * len(features)
    return {feature.name: column(feature.kind, values) for feature, values in zip(features, raw, strict=True)}


def taken(values: Column, places: NDArray[np.int64]) -> Column:
    """The rows at `places` of a column of predictions."""
    if isinstance(values, CategoryColumn):
        return CategoryColumn(values.codes[places], values.levels)
    assert isinstance(values, NumberColumn)  # predictions are labels and numbers
    return NumberColumn(values.values[places])


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
