"""What the labels of a holdout say of a version: its outcomes, and those by groups of people, to compare windows with.

The rows are read twice by the executors, as those of the baseline are: for a sample that the bins are fitted on, the
groups and the estimator of performance without labels, and for the counts over these. Fliptests, which need rows, are
made of that sample. Groups are of the holdout, and not of the training rows, also for the metrics that are of labels
alone: only the holdout has the version's own answers, and a window is compared with what it was judged on.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession

from glue_jobs.merging import batch, queue
from watchkeeper import bias
from watchkeeper.aws import reference
from watchkeeper.aws.reference import Task
from watchkeeper.bias import Flips, GroupBaseline, GroupBinning, GroupCounts, group_settings
from watchkeeper.errors import DatasetError
from watchkeeper.estimation import Estimator
from watchkeeper.outcomes import Labelled, OutcomeBaseline, OutcomeBinning, Outcomes, merge_all, observe
from watchkeeper.spec import ModelSpec

log = logging.getLogger("labelled")
SAMPLES, PARTIALS = "sample binary", "outcomes binary, groups binary"


@dataclass(frozen=True)
class Judged:
    """What a version was judged on.

    Attributes
    ----------
    groups : None for a model without sensitive attributes
    estimator : of performance without labels; None when there are too few rows to learn from
    """

    outcomes: OutcomeBaseline
    groups: GroupBaseline | None
    estimator: Estimator | None


@dataclass(frozen=True)
class Counting:
    """Bins of outcomes and groups, as executors are given them to count rows over."""

    outcomes: OutcomeBinning
    groups: GroupBinning | None

    @classmethod
    def fit(cls, spec: ModelSpec, rows: Labelled) -> Counting:
        """For some of the rows; ConfigError where they do not have the groups that the model's file names."""
        groups = None if spec.bias is None else GroupBinning.fit(group_settings(spec.bias, spec.task), rows)
        return cls(OutcomeBinning.fit(spec, rows), groups)

    def count(self, parts: Iterator[Labelled]) -> tuple[bytes, bytes]:
        """The counts of all rows, of which there may be none."""
        found, groups = Outcomes.empty(self.outcomes), None if self.groups is None else GroupCounts.empty(self.groups)
        for rows in parts:
            found = found.merge(observe(self.outcomes, rows))
            groups = None if groups is None else groups.merge(bias.observe(groups.binning, rows))
        return found.to_json(), b"" if groups is None else groups.to_json()

    def together(
        self, version: str, partials: Sequence[tuple[bytes, bytes]]
    ) -> tuple[OutcomeBaseline, GroupBaseline | None]:
        """The baselines, of counts of parts of the rows."""
        read = (Outcomes.from_json(each, self.outcomes) for each, _ in partials)
        outcomes = OutcomeBaseline(version, merge_all(read, Outcomes.empty(self.outcomes)))
        if self.groups is None:
            return outcomes, None
        by_group = (GroupCounts.from_json(each, self.groups) for _, each in partials)
        return outcomes, GroupBaseline(version, bias.merge_all(by_group, GroupCounts.empty(self.groups)))


def judged(spark: SparkSession, spec: ModelSpec, version: str, holdout: Sequence[Task], share: float) -> Judged:
    """What the labels of a holdout say of the version's predictions.

    Parameters
    ----------
    share : of the rows, that bins, groups and estimator are fitted on, and fliptests made of

    Raises
    ------
    ConfigError
        The rows do not have the groups that the model's file names.
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
    counting = Counting.fit(spec, rows)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = (rows for task in _tasks(batches) for rows in reference.labelled(spec, task))
        yield batch(PARTIALS, *counting.count(found))

    partials = work.mapInArrow(count, PARTIALS).toLocalIterator()
    counted = [(bytes(row["outcomes"]), bytes(row["groups"])) for row in partials]
    outcomes, groups = counting.together(version, counted)
    if groups is not None:
        groups = replace(groups, flips=Flips.of(groups.binning, rows))
    return Judged(outcomes, groups, _estimator(version, counting.outcomes, rows))


def _estimator(version: str, binning: OutcomeBinning, rows: Labelled) -> Estimator | None:
    try:
        return Estimator.fit(binning, rows)
    except DatasetError as error:
        log.warning("%s gets no estimate of its performance without labels. %s", version, error)
        return None


def _tasks(batches: Iterator[pa.RecordBatch]) -> Iterator[Task]:
    return (Task(**row) for rows in batches for row in rows.to_pylist())
