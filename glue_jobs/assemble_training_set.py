"""Spark job: a labelled training set and a holdout, from captures and their labels or from a file.

Captured rows are joined with the newest ground truth of their id. The most recent share is the holdout, so that a
candidate is judged on what traffic looks like now and on nothing that it was trained on. A file has no times: its
holdout is a seeded random share.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from glue_jobs import sources
from glue_jobs.job import arguments, session
from watchkeeper import naming
from watchkeeper.aws import label_values
from watchkeeper.aws.deployed import store
from watchkeeper.errors import DatasetError
from watchkeeper.spec import InputFormat, ModelSpec, Task, deployed_spec
from watchkeeper.trainingset import HOLDOUT_FEATURES, HOLDOUT_LABELS, MANIFEST, TRAIN, Manifest, Split

SEED = 20261121
ROWS_A_FILE = 200_000
ROW_BITS = 33
"""`monotonically_increasing_id` numbers a partition's rows in so many bits, and the partitions in those above."""


def main() -> None:
    """Assemble the set of one run."""
    options = arguments(["BUCKET", "RUN", "NOW"], ["SOURCE"])
    spec, bucket = deployed_spec(), options["BUCKET"]
    spark = session(f"{spec.name}: assemble training set")
    if "SOURCE" in options:
        rows, counts = _from_file(sources.filed(spark, spec, options["SOURCE"]))
    else:
        now = datetime.fromisoformat(options["NOW"])
        known = label_values.known(store(bucket), spec.name)
        rows, counts = _from_captures(
            sources.captured(spark, spec, bucket, now).cache(),
            sources.labels(spark, spec, bucket, known).cache(),
        )
    split = Split.RANDOM if "SOURCE" in options else Split.RECENT
    ranked, total = _ranked(rows, split)
    if not total:
        raise DatasetError(
            f"No labelled row was found ({counts}): check that label records name the inference id or event id of "
            "captured requests, and lie under the labels prefix."
        )
    train_rows = total - max(1, round(total * spec.retraining.holdout_share))
    train, holdout = ranked.where(F.col("rank") <= train_rows), ranked.where(F.col("rank") > train_rows)
    prefix = naming.run_prefix(spec.name, options["RUN"])
    _write(train, train_rows, bucket, {prefix + TRAIN + "part-{:05d}.csv": ("label", "features")})
    extension = "csv" if spec.input_format is InputFormat.CSV else "jsonl"
    names: dict[str, tuple[str, ...]] = {
        prefix + HOLDOUT_FEATURES + "part-{:05d}." + extension: ("request",),
        prefix + HOLDOUT_LABELS + "part-{:05d}.csv": ("label",),
    }
    _write(holdout, total - train_rows, bucket, names)
    manifest = _manifest(spec, ranked, train, holdout, split, counts)
    store(bucket).put(prefix + MANIFEST, manifest.to_json())


def _from_file(rows: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    labelled = rows.where(F.col("label").isNotNull())
    unreadable = rows.where(F.col("label").isNull()).count()
    plain = labelled.withColumn("time", F.lit(None).cast("timestamp")).withColumn("version", F.lit(""))
    return plain, {"unreadable": unreadable}


def _from_captures(rows: DataFrame, labels: DataFrame) -> tuple[DataFrame, dict[str, int]]:
    """Join rows with labels by id and position; a label that says how many rows its request has must be right."""
    readable, truths = rows.where(F.col("position") >= 0), labels.where(F.col("position") >= 0)
    first = Window.partitionBy("id", "position").orderBy("time", "features")
    unique = readable.withColumn("copy", F.row_number().over(first)).where("copy = 1").drop("copy").cache()
    told = truths.select("id", "position", F.col("size").alias("told"), "label")
    fits = F.expr("label is not null and (told = 0 or told = size)")
    joined = unique.join(told, ["id", "position"], "left").withColumn("label", F.when(fits, F.col("label"))).cache()
    known = unique.select("id").distinct()
    unlabelled = joined.where(F.col("label").isNull()).count()
    counts = {
        "duplicates": readable.count() - unique.count(),
        "unlabelled": unlabelled,
        "unknown_labels": truths.select("id").distinct().join(known, "id", "left_anti").count(),
        "unreadable": rows.count() - readable.count() + labels.count() - truths.count(),
    }
    return joined.where(F.col("label").isNotNull()), counts


def _ranked(rows: DataFrame, split: Split) -> tuple[DataFrame, int]:
    """Rows numbered from 1 in the order that decides who is in the holdout, and how many; ties fall alike in every run.

    They are sorted side by side: each part's rows are numbered within it, behind those of the parts before.
    """
    mixed = F.xxhash64(F.lit(SEED), "id", "position")
    order = [mixed] if split is Split.RANDOM else [F.col("time"), mixed]
    placed = rows.orderBy(*order, "id", "position").withColumn("place", F.monotonically_increasing_id()).cache()
    part = F.shiftright("place", ROW_BITS)
    sizes = placed.groupBy(part.alias("part")).count().orderBy("part").collect()
    before = np.cumsum([0, *(row["count"] for row in sizes)]).tolist()
    offsets = F.create_map(*(F.lit(n) for row, first in zip(sizes, before, strict=False) for n in (row["part"], first)))
    within = F.col("place").bitwiseAND(F.lit((1 << ROW_BITS) - 1))
    numbered = placed.withColumn("rank", within + 1 + (offsets[part] if sizes else F.lit(0)))
    return numbered.drop("place"), before[-1]


def _write(rows: DataFrame, count: int, bucket: str, names: dict[str, tuple[str, ...]]) -> None:
    """Write rows in their order as numbered files; every name in `names` gets lines of its columns."""
    files = max(1, math.ceil(count / ROWS_A_FILE))
    first = rows.agg(F.min("rank")).first()
    start = first[0] if first and first[0] is not None else 1
    placed = rows.withColumn("file", F.floor((F.col("rank") - start) / ROWS_A_FILE).cast("int"))

    def write(_: tuple[int], part: pd.DataFrame) -> pd.DataFrame:
        part = part.sort_values("rank")
        number = int(part["file"].iloc[0])
        for name, columns in names.items():
            lines = part[columns[0]] if len(columns) == 1 else part["label"].map(_quoted) + "," + part["features"]
            store(bucket).put(name.format(number), ("\n".join(lines) + "\n").encode(), "text/csv")
        return pd.DataFrame({"file": [number]})

    written = placed.groupBy("file").applyInPandas(write, "file int").count()
    if written != files:
        raise DatasetError(f"{written} of {files} files were written: run the job again.")


def _quoted(label: str) -> str:
    """A label as a field of CSV."""
    return '"' + label.replace('"', '""') + '"' if {",", '"'} & set(label) else label


def _manifest(
    spec: ModelSpec, rows: DataFrame, train: DataFrame, holdout: DataFrame, split: Split, counts: dict[str, int]
) -> Manifest:
    span = rows.agg(F.min("time").alias("first"), F.max("time").alias("last")).first() or Row(first=None, last=None)
    classes = ({}, {}) if spec.task is Task.REGRESSION else (_counted(train, "label"), _counted(holdout, "label"))
    spelled = spec.task is not Task.REGRESSION and "spelling" in rows.columns
    train_rows, holdout_rows = train.count(), holdout.count()
    return Manifest(
        rows=train_rows + holdout_rows,
        train_rows=train_rows,
        holdout_rows=holdout_rows,
        split=split,
        columns=(spec.label.name, *(feature.name for feature in spec.profiled_features)),
        classes=classes[0],
        holdout_classes=classes[1],
        first=span["first"].isoformat() + "+00:00" if span["first"] else "",
        last=span["last"].isoformat() + "+00:00" if span["last"] else "",
        spellings=_counted(rows, "spelling") if spelled else {},
        versions={name: count for name, count in _counted(rows, "version").items() if name},
        **counts,
    )


def _counted(rows: DataFrame, name: str) -> dict[str, int]:
    return {row[name]: row["count"] for row in rows.groupBy(name).count().collect()}


if __name__ == "__main__":
    main()
