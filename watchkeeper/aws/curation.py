"""One run of curation: files what was staged, joins the labels that came since, or that wait, and counts what changed.

Joining is a maximum (see `curated.table`), so that runs may overlap, be killed and repeated. What is more than a
function should do is left over, for Spark to do the same (`glue_jobs/join_labels.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.aws.counted_hours import CountedHours
from watchkeeper.aws.curated_hours import CuratedHours, Hour, Shard, Unfiled
from watchkeeper.aws.label_files import Account, LabelFiles, Unsettled
from watchkeeper.aws.store import Listed
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.curated import Joined, Predictions
from watchkeeper.curated.shards import HOUR_BYTES
from watchkeeper.errors import LabelError
from watchkeeper.ids import Ids
from watchkeeper.labels import Faults, LabelReader, Labels

LABELS_AT_ONCE = 500_000
"""Files of so many labels are held at once; a larger file by itself."""


@dataclass(frozen=True)
class Allowance:
    """What one run may do.

    Attributes
    ----------
    hour_bytes : staged rows of one hour
    labels : in all files, and in one file, that are read; a million takes some 15 CPU seconds and 1 GB
    rows : in the files that labels are joined with; a million takes 3 CPU seconds
    counted_bytes : of the files that are counted; a million rows of 20 features have 40 MB, and take 1 CPU second
    """

    hour_bytes: int = HOUR_BYTES
    labels: int = 4_000_000
    labels_of_file: int = 1_500_000
    rows: int = 60_000_000
    counted_bytes: int = 4 << 30

    def admits(self, hour: Unfiled) -> bool:
        """Whether an hour may be filed."""
        return hour.size <= self.hour_bytes and not hour.is_cut


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    left : what is left over for Spark, and why
    filed, joined, counted : hours that were filed anew, in which labels were new, and that were counted anew
    accounts : of the files of labels that were read, by key
    faults : labels that cannot be used, of files that were not read before
    misplaced : folders of labels that are not read
    labels : that were new to their predictions
    median_lag : seconds from prediction to label, of half of the new labels at most; None when no time is known
    """

    left: list[str] = field(default_factory=list)
    filed: set[Hour] = field(default_factory=set)
    joined: set[Hour] = field(default_factory=set)
    counted: set[Hour] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    misplaced: list[str] = field(default_factory=list)
    labels: int = 0
    median_lag: float | None = None

    @property
    def waiting(self) -> int:
        """Labels in the files read whose prediction is not there yet; of files that are given up, none waits."""
        return sum(account.waiting for account in self.accounts.values() if not account.settled)

    @property
    def unusable(self) -> int:
        """Labels that are faulty or do not fit their requests, and files of no known form.

        Labels without a prediction are none of these: of a request that was not captured there is nothing to join.
        """
        settled = [account for account in self.accounts.values() if account.settled]
        return self.faults.total + sum(each.misfits + bool(each.problem) for each in settled)


def curate(hours: CuratedHours, files: LabelFiles, reader: LabelReader, allowance: Allowance) -> Outcome:
    """File what was staged, join what came and count what changed, as far as is allowed.

    Each step needs the one before it whole: a file that labels are joined with looks as if all that is staged were in
    it, and while an hour is cut some of its rows are in two files.
    """
    run = _Run(hours, files, reader, allowance)
    for step in (run.file, run.join, run.count):
        if not run.outcome.left:
            step()
    return run.outcome


@dataclass
class _Run:
    """What a run works with, and what it did so far."""

    hours: CuratedHours
    files: LabelFiles
    reader: LabelReader
    allowance: Allowance
    outcome: Outcome = field(default_factory=Outcome)
    rows: int = 0
    lags: list[NDArray[np.float64]] = field(default_factory=list)

    def file(self) -> None:
        """File what was staged."""
        for hour in self.hours.to_file():
            if self.allowance.admits(hour):
                self.hours.file(Shard(hour.hour), self.hours.staged(part.key for part in hour.parts))
                self.outcome.filed.add(hour.hour)
            else:
                name = f"{hour.hour.start.isoformat()} of {hour.hour.version}"
                self.outcome.left.append(f"the hour {name} has {hour.size} bytes staged")

    def join(self) -> None:
        """Join what came."""
        self.outcome.misplaced = self.files.misplaced()
        found = list(self.files.to_read())
        labels = [file.labels for file in found]
        if sum(labels) > self.allowance.labels or max(labels, default=0) > self.allowance.labels_of_file:
            self.outcome.left.append(f"{len(found)} files hold some {sum(labels)} labels")
            return
        for some in _groups(found):
            if not self.outcome.left:
                self._join_files(some)
        self.outcome.median_lag = median(np.concatenate([*self.lags, np.empty(0)]))

    def count(self) -> None:
        """Count what changed."""
        counted = CountedHours.of(self.hours)
        found = list(counted.to_count())
        if (size := sum(each.size for each in found)) > self.allowance.counted_bytes:
            self.outcome.left.append(f"{len(found)} hours to count have {size} bytes")
            return
        for each in found:
            counted.count(each)
            self.outcome.counted.add(each.hour)

    def _join_files(self, some: Iterable[Unsettled]) -> None:
        """Join all labels of some files, and keep the account of each."""
        read = list(self._read(some))
        if not read:
            return
        labels = Labels.newest([part for _, part, _ in read])
        matches = list(match(self.hours, self.hours.with_ids(), labels))
        self.rows += sum(each.rows for each in matches)
        if self.rows > self.allowance.rows:
            self.outcome.left.append(f"the files that labels are joined with have {self.rows} rows")
            return
        found, misfits = self._join_shards(labels, matches)
        for (file, again), part, faults in read:
            if not again:
                self.outcome.faults.merge(faults)
            self.outcome.accounts[file.key] = self.files.account(
                file,
                rows=len(part),
                waiting=int(np.count_nonzero(~np.isin(part.ids, found))),
                misfits=int(np.count_nonzero(np.isin(part.ids, misfits))),
                faults=faults,
            )

    def _read(self, some: Iterable[Unsettled]) -> Iterator[tuple[Unsettled, Labels, Faults]]:
        """Files with their labels; of one that cannot be read, the account is kept at once."""
        for unsettled in some:
            try:
                content = self.files.read(self.reader, unsettled.file)
            except LabelError as error:
                self.outcome.accounts[unsettled.file.key] = self.files.refuse(unsettled.file, str(error))
                continue
            if content is not None:
                yield unsettled, *content

    def _join_shards(self, labels: Labels, matches: Iterable[Match]) -> tuple[Ids, Ids]:
        """Join labels with the files that have their predictions: which ids were there, and which do not fit."""
        found, misfits = [ids.unknown(0)], [ids.unknown(0)]
        for shard, here, _ in matches:
            some = labels.taken(here)
            joined = join_shard(self.hours, shard, some)
            if joined is None:
                continue
            found.append(some.ids[joined.found])
            misfits.append(some.ids[joined.misfits])
            if len(joined.changed):
                self.outcome.joined.add(shard.hour)
                self.outcome.labels += len(joined.changed)
                self.lags.append(lags(joined))
        return np.concatenate(found), np.concatenate(misfits)


def _groups(files: Iterable[Unsettled]) -> Iterator[list[Unsettled]]:
    """Files of which so many are held at once."""
    group: list[Unsettled] = []
    labels = 0
    for each in files:
        if group and labels + each.labels > LABELS_AT_ONCE:
            yield group
            group, labels = [], 0
        group.append(each)
        labels += each.labels
    if group:
        yield group


class Match(NamedTuple):
    """Labels that have predictions in a file: their places among all, and how many rows the file has."""

    shard: Shard
    labels: NDArray[np.intp]
    rows: int


def match(hours: CuratedHours, files: Iterable[tuple[Shard, Listed]], labels: Labels) -> Iterator[Match]:
    """Which of the files have predictions of labels, by their ids."""
    for shard, held in hours.ids(files):
        here = np.flatnonzero(ids.places(labels.ids, held) >= 0)
        if len(here):
            yield Match(shard, here, len(held))


def join_shard(hours: CuratedHours, shard: Shard, labels: Labels) -> Joined | None:
    """Join labels with the predictions in a file, which is written if any of them is new; None when it is gone."""
    joined: Joined | None = None

    def change(kept: Predictions | None) -> Predictions | None:
        nonlocal joined
        joined = None if kept is None else kept.joined(labels)
        return None if joined is None or not len(joined.changed) else joined.predictions

    hours.change(shard, change)
    return joined


def lags(joined: Joined) -> NDArray[np.float64]:
    """Seconds from prediction to label, of the new labels; NaN where the time of the prediction is not known."""
    rows, changed = joined.predictions, joined.changed
    predicted = rows.times[changed]
    return np.where(predicted == UNKNOWN_TIME, np.nan, rows.collected[changed] / 1e6 - predicted)


def median(seconds: NDArray[np.float64]) -> float | None:
    """Of the numbers among them; None when there is none."""
    known = seconds[~np.isnan(seconds)]
    return float(np.median(known)) if len(known) else None
