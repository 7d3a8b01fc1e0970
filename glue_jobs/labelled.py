"""What the labels of a holdout say of a version: the bins of its outcomes, and the outcomes to compare windows with.

The rows are read twice by the executors, as those of the baseline are: for a sample that the bins are fitted on, and
the estimator of performance without labels, and for the counts over these bins.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from glue_jobs import reference
from glue_jobs.merging import batch, queue
from glue_jobs.reference import Task
from watchkeeper.errors import DatasetError
from watchkeeper.estimation import Estimator
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, Outcomes, merge_all, observe
from watchkeeper.spec import ModelSpec

log = logging.getLogger("labelled")
SAMPLES, PARTIALS = "sample binary", "outcomes binary"


@dataclass(frozen=True)
class Judged:
    """What a version was judged on.

    Attributes
    ----------
    estimator : of performance without labels; None when there are too few rows to learn from
    """

    outcomes: OutcomeBaseline
    estimator: Estimator | None


def judged(spark: SparkSession, spec: ModelSpec, version: str, holdout: Sequence[Task], share: float) -> Judged:
    """What the labels of a holdout say of the version's predictions.

    Parameters
    ----------
    share : of the rows, that bins and estimator are fitted on

    Raises
    ------
    DatasetError
        Rows cannot be read, or have no label.
    """
    work = queue(spark, holdout, reference.SCHEMA)

    def sample(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for task in _tasks(batches):
            random = np.random.default_rng([task.start, *task.requests.encode()])
            for rows in reference.labelled(spec, task):
                kept = rows if share == 1.0 else rows.taken(np.flatnonzero(random.random(rows.rows) < share))
                yield batch(SAMPLES, pickle.dumps(kept))

    sampled = work.mapInArrow(sample, SAMPLES).toLocalIterator()
    parts = [pickle.loads(row["sample"]) for row in sampled]  # noqa: S301  # our own executors wrote it
    rows = Labelled.together(parts)
    binning = OutcomeBinning.fit(spec, rows)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        counted = (observe(binning, rows) for task in _tasks(batches) for rows in reference.labelled(spec, task))
        yield batch(PARTIALS, merge_all(counted, Outcomes.empty(binning)).to_json())

    partials = work.mapInArrow(count, PARTIALS).toLocalIterator()
    found = (Outcomes.from_json(bytes(row["outcomes"]), binning) for row in partials)
    outcomes = OutcomeBaseline(version, merge_all(found, Outcomes.empty(binning)))
    return Judged(outcomes, _estimator(version, binning, rows))


def _estimator(version: str, binning: OutcomeBinning, rows: Labelled) -> Estimator | None:
    try:
        return Estimator.fit(binning, rows)
    except DatasetError as error:
        log.warning("%s gets no estimate of its performance without labels. %s", version, error)
        return None


def _tasks(batches: Iterator[pa.RecordBatch]) -> Iterator[Task]:
    return (Task(**row) for rows in batches for row in rows.to_pylist())
