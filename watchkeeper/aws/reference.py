"""The rows that a version is judged on and its baseline is made of, as typed columns.

The holdout's requests are read beside the version's answers to them: the answers to `x.csv` are in `x.csv.out`, line by
line, as a batch transform job leaves them. Training rows are lines of CSV behind their label, and have no answers. Both
are read by the reader of batch captures, so a value means here what it means in production.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import NamedTuple

import numpy as np

from watchkeeper import ids, naming
from watchkeeper.aws import pieces
from watchkeeper.aws.deployed import store
from watchkeeper.aws.store import split_uri
from watchkeeper.capture import Block
from watchkeeper.capture.batch import BatchReader, paired
from watchkeeper.errors import DatasetError
from watchkeeper.labels.table import rows_of, truths
from watchkeeper.outcomes import Labelled
from watchkeeper.spec import Feature, InputFormat, Kind, ModelSpec
from watchkeeper.trainingset import HOLDOUT_FEATURES, HOLDOUT_LABELS, TRAIN

LINES_AT_ONCE = 20_000


class Task(NamedTuple):
    """A holdout file with its answers, or a piece of a training file, which has none (`answers` is "")."""

    requests: str
    answers: str
    start: int
    stop: int


SCHEMA = "requests string, answers string, start long, stop long"


@dataclass(frozen=True)
class Run:
    """Where one retraining run's files are, and the version's answers to its holdout (an `s3://` prefix)."""

    bucket: str
    name: str
    predictions: str

    def holdout(self, spec: ModelSpec) -> list[Task]:
        """The holdout's files, in the order of its rows.

        Raises
        ------
        DatasetError
            There is none, or one without answers.
        """
        asked = [f"s3://{self.bucket}/{key}" for key in self._keys(spec, HOLDOUT_FEATURES)]
        bucket, prefix = split_uri(self.predictions)
        answers = [f"s3://{bucket}/{key}" for key in store(bucket).keys(prefix)]
        return [Task(pair.requests, _present(pair.answers, pair.requests), 0, 0) for pair in paired(asked, answers)]

    def train(self, spec: ModelSpec, largest: int = pieces.PIECE_BYTES) -> list[Task]:
        """The training files, in pieces."""
        listed = list(store(self.bucket).listed(naming.run_prefix(spec.name, self.name) + TRAIN))
        cut = [piece for item in listed for piece in pieces.pieces(item.key, item.size, largest)]
        return [Task(f"s3://{self.bucket}/{piece.key}", "", piece.start, piece.stop) for piece in cut]

    def _keys(self, spec: ModelSpec, folder: str) -> list[str]:
        prefix = naming.run_prefix(spec.name, self.name) + folder
        found = list(store(self.bucket).keys(prefix))
        if not found:
            raise DatasetError(
                f"There is nothing under s3://{self.bucket}/{prefix}: look into the step before this job."
            )
        return found


def _present(answers: str | None, requests: str) -> str:
    if answers is None:
        raise DatasetError(f"{requests} has no answers: let the transform job answer every file of the holdout.")
    return answers


def blocks(spec: ModelSpec, task: Task) -> Iterator[Block]:
    """The rows of a task; memory does not grow with their number.

    Raises
    ------
    DatasetError
        An object has gone, or a line cannot be read, or has no answer.
    """
    if task.answers:
        yield from (block for _, block in stretches(spec, task, 0, None))
        return
    bucket, key = split_uri(task.requests)
    streamed = pieces.read(store(bucket), pieces.Piece(key, task.start, task.stop))
    chunks = None if streamed is None else streamed.chunks
    label = Feature(spec.label.name, Kind.CATEGORY, personal=True)  # the reader passes personal fields over
    as_requests = replace(spec, features=(label, *spec.profiled_features), input_format=InputFormat.CSV)
    yield from _readable(BatchReader(as_requests).blocks(_there(chunks, task.requests), None), task)


def stretches(spec: ModelSpec, task: Task, first: int, size: int | None) -> Iterator[tuple[int, Block]]:
    """The rows of a holdout file, each block with the number of the stretch of `size` rows that it belongs to.

    Parameters
    ----------
    first : how many rows of the holdout come before this file's
    size : None for a single stretch
    """
    reader, place = BatchReader(spec), first
    pairs = zip_longest(_lines(task.requests), _lines(task.answers), fillvalue=b"")
    while True:
        number = 0 if size is None else place // size
        room = LINES_AT_ONCE if size is None else min(LINES_AT_ONCE, (number + 1) * size - place)
        some = list(islice(pairs, room))
        if not some:
            return
        place += len(some)
        sides = [b"\n".join(side) for side in zip(*some, strict=True)]
        yield from ((number, block) for block in _readable(reader.blocks(sides[:1], sides[1:]), task))


def labelled(spec: ModelSpec, task: Task) -> Iterator[Labelled]:
    """The rows of a holdout file beside their labels, in the file's order; memory does not grow with their number.

    Raises
    ------
    DatasetError
        An object has gone, or a line cannot be read, or has no answer or label.
    """
    reader = BatchReader(spec, identified=True, numbered=True)
    folder, _, name = task.requests.rpartition(HOLDOUT_FEATURES)
    labels = _lines(f"{folder}{HOLDOUT_LABELS}{name.rpartition('.')[0]}.csv")
    rows = zip_longest(_lines(task.requests), _lines(task.answers), labels, fillvalue=b"")
    while some := list(islice(rows, LINES_AT_ONCE)):
        *sides, told = zip(*some, strict=True)
        truth = truths(spec.task, (text.decode() or None for text in told))
        names = ids.digests(str(line).encode() for line in range(1, len(some) + 1))
        order = np.argsort(names)
        requests, answers = (b"\n".join(side) for side in sides)
        parts, lines = [], []
        for block in _readable(reader.blocks([requests], [answers]), task):
            assert block.identities is not None  # a row is a line of the file
            places = order[ids.places(block.identities.ids, names[order])]
            told_of = rows_of(truth, places)
            parts.append(Labelled(block.rows, block.features, block.predictions, told_of, block.shares))
            lines.append(places)
        yield Labelled.together(parts).taken(np.argsort(np.concatenate(lines), kind="stable"))


def head(task: Task, rows: int) -> list[tuple[str, str]]:
    """The first requests of a holdout file with their answers, as text."""
    pairs = zip(_lines(task.requests), _lines(task.answers), strict=False)
    return [(asked.decode(), told.decode()) for asked, told in islice(pairs, rows)]


def spread(tasks: Sequence[Task], rows: int, wanted: int) -> tuple[str, ...]:
    """At most so many requests of a holdout of so many rows, evenly spread over it, as text."""
    every = max(1, math.ceil(rows / wanted))
    lines = chain.from_iterable(_lines(task.requests) for task in tasks)
    return tuple(line.decode() for line in islice(lines, 0, None, every))


def _lines(uri: str) -> Iterator[bytes]:
    bucket, key = split_uri(uri)
    return (line for line in _there(store(bucket).lines(key), uri) if line.strip())


def _there(found: Iterable[bytes] | None, uri: str) -> Iterable[bytes]:
    if found is None:
        raise DatasetError(f"{uri} has gone while the baseline was built: start the job again.")
    return found


def _readable(found: Iterable[Block], task: Task) -> Iterator[Block]:
    for block in found:
        if block.unreadable:
            raise DatasetError(_complaint(task, [item.reason for item in block.unreadable]))
        yield block


def _complaint(task: Task, reasons: Sequence[str]) -> str:
    beside = f" with its answers in {task.answers}" if task.answers else ""
    return (
        f"{len(reasons)} lines of {task.requests}{beside} cannot be read; the first: {reasons[0]} "
        "The model must answer every row of a request, in its order, one a line."
    )
