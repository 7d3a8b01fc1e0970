"""One run of curation: files what was staged, and joins the labels that came since, or that wait.

Joining is a maximum (see `curated.table`), so that runs may overlap, be killed and repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from watchkeeper import ids
from watchkeeper.aws.curated_hours import MOST_BYTES, CuratedHours, Hour
from watchkeeper.aws.label_files import Account, LabelFiles, Unsettled
from watchkeeper.aws.store import Listed
from watchkeeper.cells import UNKNOWN_TIME
from watchkeeper.curated import Joined, Predictions
from watchkeeper.errors import LabelError
from watchkeeper.labels import Faults, LabelReader, Labels

BYTES_AT_ONCE = 64 << 20
"""Labels of so many bytes of files are held at once; a larger file by itself."""


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    filed, joined : hours that were filed anew, and hours in which labels were new
    too_large : hours that were not filed, because they would not fit into memory
    accounts : of the files of labels that were read, by key
    faults : labels that cannot be used, of files that were not read before
    misplaced : folders of labels that are not read
    lags : seconds from prediction to label, of the labels that were new
    """

    filed: set[Hour] = field(default_factory=set)
    joined: set[Hour] = field(default_factory=set)
    too_large: set[Hour] = field(default_factory=set)
    accounts: dict[str, Account] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    misplaced: list[str] = field(default_factory=list)
    lags: list[NDArray[np.float64]] = field(default_factory=list)

    @property
    def labels(self) -> int:
        """Labels that were new to their predictions."""
        return sum(map(len, self.lags))

    @property
    def waiting(self) -> int:
        """Labels in the files read whose prediction is not there yet; of files that are given up, none waits."""
        return sum(account.waiting for account in self.accounts.values() if not account.settled)

    @property
    def unusable(self) -> int:
        """Labels that are faulty or do not fit their requests, files of no known form and hours of no fitting size.

        Labels without a prediction are none of these: of a request that was not captured there is nothing to join.
        """
        settled = [account for account in self.accounts.values() if account.settled]
        unfit = sum(each.misfits + bool(each.problem) for each in settled)
        return self.faults.total + unfit + len(self.too_large)

    @property
    def median_lag(self) -> float | None:
        """Seconds from prediction to label, of half of the new labels at most; None when the time of none is known."""
        known = np.concatenate([*self.lags, np.empty(0)])
        known = known[~np.isnan(known)]
        return float(np.median(known)) if len(known) else None


def curate(hours: CuratedHours, files: LabelFiles, reader: LabelReader) -> Outcome:
    """File what was staged and join what came."""
    outcome = Outcome(misplaced=files.misplaced())
    for hour, parts in hours.to_file():
        if sum(part.size for part in parts) > MOST_BYTES:
            outcome.too_large.add(hour)
            continue
        hours.file(hour, parts)
        outcome.filed.add(hour)
    for some in _groups(files.to_read()):
        _join_files(hours, files, reader, some, outcome)
    return outcome


def _groups(files: Iterable[Unsettled]) -> Iterator[list[Unsettled]]:
    """Files of which so many are held at once."""
    group: list[Unsettled] = []
    size = 0
    for each in files:
        if group and size + each.file.size > BYTES_AT_ONCE:
            yield group
            group, size = [], 0
        group.append(each)
        size += each.file.size
    if group:
        yield group


def _join_files(
    hours: CuratedHours, files: LabelFiles, reader: LabelReader, some: Iterable[Unsettled], outcome: Outcome
) -> None:
    """Join all labels of some files, and keep the account of each."""
    read: list[tuple[Listed, Labels, Faults]] = []
    for file, again in some:
        try:
            content = files.read(reader, file)
        except LabelError as error:
            _account(files, file, Account(problem=str(error)), outcome)
            continue
        if content is not None:
            read.append((file, *content))
            if not again:
                outcome.faults.merge(content[1])
    if not read:
        return
    labels = Labels.newest([part for _, part, _ in read])
    found, misfits = join(hours, labels, outcome)
    for file, part, faults in read:
        waiting = int(np.count_nonzero(~np.isin(part.ids, labels.ids[found])))
        account = Account(
            rows=len(part),
            waiting=waiting,
            misfits=int(np.count_nonzero(np.isin(part.ids, labels.ids[misfits]))),
            faults={fault.value: count for fault, count in faults.counts.items()},
            settled=waiting == 0 or files.is_given_up(file),
        )
        _account(files, file, account, outcome)


def _account(files: LabelFiles, file: Listed, account: Account, outcome: Outcome) -> None:
    files.keep(file, account)
    outcome.accounts[file.key] = account


def join(hours: CuratedHours, labels: Labels, outcome: Outcome) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Join labels with the predictions of every hour: which of them have any, and which do not fit theirs."""
    found, misfits = np.zeros(len(labels), bool), np.zeros(len(labels), bool)
    for hour, held in hours.ids():
        here = np.flatnonzero(ids.places(labels.ids, held) >= 0)
        joined = _join_hour(hours, hour, labels.taken(here)) if len(here) else None
        if joined is None:
            continue
        found[here[joined.found]] = True
        misfits[here[joined.misfits]] = True
        if len(joined.changed):
            outcome.joined.add(hour)
            outcome.lags.append(_lags(joined))
    return found, misfits


def _join_hour(hours: CuratedHours, hour: Hour, labels: Labels) -> Joined | None:
    """Join labels with the predictions of one hour, which is written if any of them is new; None when it is gone."""
    joined: Joined | None = None

    def change(kept: Predictions | None) -> Predictions | None:
        nonlocal joined
        joined = None if kept is None else kept.joined(labels)
        return None if joined is None or not len(joined.changed) else joined.predictions

    hours.change(hour, change)
    return joined


def _lags(joined: Joined) -> NDArray[np.float64]:
    """Seconds from prediction to label, of the new labels; NaN where the time of the prediction is not known."""
    rows, changed = joined.predictions, joined.changed
    predicted = rows.times[changed]
    return np.where(predicted == UNKNOWN_TIME, np.nan, rows.collected[changed] / 1e6 - predicted)
