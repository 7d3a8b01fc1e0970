"""The files of labels in the bucket, and the account that is kept of each.

A file is read anew while it was written after its account was, or while labels in it wait for their predictions, which
may be captured later than labels come. So every label is joined, and no file is read for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from watchkeeper import jsonio, naming
from watchkeeper.aws.store import Listed, Store
from watchkeeper.labels import Faults, LabelReader, Labels, Source
from watchkeeper.spec import ModelSpec

FORMAT = 1
_NEVER = datetime.min.replace(tzinfo=UTC)
_SETTLED_WITHIN = timedelta(days=1)
"""Accounts of files that nobody waits for any more are not read; some run will have settled them by then."""
_BYTES_A_LABEL = {"csv": 40, "parquet": 20}
"""About; of a ground truth record 120."""
_YEAR = re.compile(r"\d{4}/")


@dataclass(frozen=True)
class Account:
    """What became of one file of labels.

    Attributes
    ----------
    rows : rows that it labels, corrections counted once
    waiting : of these, how many have no prediction so far
    misfits : how many speak of rows that their requests have not
    faults : labels that could not be used, by reason
    settled : whether nothing more is expected of the file
    problem : why it could not be read at all
    """

    rows: int = 0
    waiting: int = 0
    misfits: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    settled: bool = True
    problem: str = ""

    def to_json(self) -> bytes:
        """JSON bytes."""
        return jsonio.dumps({"format": FORMAT, **asdict(self)})

    @classmethod
    def from_json(cls, text: bytes) -> Account | None:
        """Read what `to_json` wrote; None for another version's, so that the file is read anew."""
        document = jsonio.loads(text)
        return cls(**document) if document.pop("format") == FORMAT else None


class Unsettled(NamedTuple):
    """A file to read; `again` if that was done before, and labels in it wait."""

    file: Listed
    again: bool

    @property
    def labels(self) -> int:
        """How many labels there may be in it, by its size."""
        return self.file.size // _BYTES_A_LABEL.get(self.file.key.rpartition(".")[2].lower(), 120) + 1


@dataclass(frozen=True)
class LabelFiles:
    """The label files of one model.

    Attributes
    ----------
    days : UTC days of collection that are looked at
    patience : how long after its file was written a label waits for its prediction
    """

    store: Store
    spec: ModelSpec
    now: datetime
    days: Sequence[datetime]
    patience: timedelta

    @classmethod
    def of(cls, store: Store, spec: ModelSpec, now: datetime, days: Sequence[datetime]) -> LabelFiles:
        """Those of a deployed model."""
        return cls(store, spec, now, days, timedelta(hours=spec.labelling.patience_hours))

    def to_read(self) -> Iterator[Unsettled]:
        """The files that may hold labels that are not joined: loose ones, and those filed under these days."""
        labels, joined = naming.labels_prefix(self.spec.name), naming.joined_prefix(self.spec.name)
        loose, _ = self.store.folder(labels)
        if loose:
            yield from self._unsettled(loose, self.store.folder(joined)[0])
        for day in self.days:
            dated = f"{day:%Y/%m/%d}/"
            if files := list(self.store.listed(labels + dated)):
                yield from self._unsettled(files, self.store.listed(joined + dated))

    def misplaced(self) -> list[str]:
        """Folders of labels that are nobody's: they are read from `labels/<model>/` itself or by the hour."""
        labels = naming.labels_prefix(self.spec.name)
        _, folders = self.store.folder(labels)
        return [folder for folder in folders if not _YEAR.fullmatch(folder.removeprefix(labels))]

    def read(self, reader: LabelReader, file: Listed) -> tuple[Labels, Faults] | None:
        """The labels of a file; None when it is gone, or filed under no such hour.

        Raises
        ------
        LabelError
            The file as a whole is of no known form.
        """
        source = self.source(file)
        streamed = None if source is None else self.store.stream(file.key)
        return None if source is None or streamed is None else reader.read(source, streamed.chunks)

    def source(self, file: Listed) -> Source | None:
        """When the labels of a file were collected; None when it is filed under no such hour."""
        hour = naming.label_hour(self.spec.name, file.key, file.modified)
        return None if hour is None else Source(file.key, hour, file.modified)

    def account(self, file: Listed, rows: int, waiting: int, misfits: int, faults: Faults) -> Account:
        """Keep the account of a file; its labels that wait do so in vain once patience has run out."""
        settled = waiting == 0 or file.modified + self.patience <= self.now
        counts = {fault.value: count for fault, count in faults.counts.items()}
        return self._kept(file, Account(rows, waiting, misfits, counts, settled))

    def refuse(self, file: Listed, problem: str) -> Account:
        """Keep the account of a file that cannot be read."""
        return self._kept(file, Account(problem=problem))

    def _kept(self, file: Listed, account: Account) -> Account:
        self.store.put(naming.joined_key(self.spec.name, file.key), account.to_json())
        return account

    def _unsettled(self, files: Iterable[Listed], accounts: Iterable[Listed]) -> Iterator[Unsettled]:
        written = {item.key: item.modified for item in accounts}
        for file in files:
            key = naming.joined_key(self.spec.name, file.key)
            if written.get(key, _NEVER) <= file.modified:
                yield Unsettled(file, again=False)
            elif file.modified + self.patience + _SETTLED_WITHIN > self.now and not self._is_settled(key):
                yield Unsettled(file, again=True)

    def _is_settled(self, key: str) -> bool:
        stored = self.store.get(key)
        account = None if stored is None else Account.from_json(stored)
        return account is not None and account.settled
