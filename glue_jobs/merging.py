"""Work spread over the executors, and the partial profiles that they make merged by executors as well.

The driver sees one row of each kind, and nothing that grows with the rows that were read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from watchkeeper.profile import Profile, merge_all

TASKS_A_CORE = 4
"""So many parts of the work for each core: none of them waits long for the last."""


def queue(spark: SparkSession, tasks: Sequence[tuple[Any, ...]], schema: str) -> DataFrame:
    """A DataFrame of what is to be read, spread so that every core reads some."""
    partitions = max(1, min(len(tasks), TASKS_A_CORE * spark.sparkContext.defaultParallelism))
    return spark.createDataFrame(list(tasks), schema).repartition(partitions)


def batch(schema: str, *values: object) -> pa.RecordBatch:
    """A row to hand on, its columns named as in a schema of Spark's."""
    names = [field.split()[0] for field in schema.split(", ")]
    return pa.RecordBatch.from_pydict({name: [value] for name, value in zip(names, values, strict=True)})


def merged(partials: DataFrame, by: str, read: Callable[[bytes], Profile]) -> DataFrame:
    """The partial profiles (column `profile`) of each value of the column `by`, as one."""

    def meet(part: pd.DataFrame) -> pd.DataFrame:
        profiles = map(read, map(bytes, part["profile"]))
        whole = merge_all(profiles, next(profiles))  # of profiles alone: which of them is first changes nothing
        return pd.DataFrame({by: part[by].iloc[:1], "profile": [whole.to_json()]})

    return partials.select(by, "profile").groupBy(by).applyInPandas(meet, partials.select(by, "profile").schema)
