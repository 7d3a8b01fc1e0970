"""The hours of curated predictions in the bucket: every captured row filed once, with its hour.

Profiling stages the rows of each captured object; here they are put together, an hour and version a file, beside the
ids that the file holds. An hour is filed anew while rows of it were staged after it was written, or shortly before: so
nothing is remembered, and who is killed half-way changes nothing. An hour is written only if nobody else has written it
since it was read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from watchkeeper import ids, naming
from watchkeeper.aws.store import Listed, Store
from watchkeeper.curated import Predictions, from_parquet, from_stream, to_parquet
from watchkeeper.errors import LabelError
from watchkeeper.ids import Ids
from watchkeeper.spec import ModelSpec

LONGEST_RUN = timedelta(minutes=15)
"""As long as a function may take: what was staged so long before an hour was written may not be in it."""
MOST_BYTES = 160 << 20
"""Staged rows of one hour that are filed here, compressed: some four million of 20 features, in 3 GB of memory."""
_ATTEMPTS = 20
_BINARY = "application/octet-stream"


class Hour(NamedTuple):
    """One version's predictions of a UTC hour."""

    start: datetime
    version: str


@dataclass(frozen=True)
class CuratedHours:
    """The curated predictions of one model, of the days that `horizon` before `now` touches."""

    store: Store
    spec: ModelSpec
    now: datetime
    horizon: timedelta

    @property
    def days(self) -> list[datetime]:
        """These days, newest first."""
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return [today - timedelta(days=back) for back in range(self.horizon.days + 1)]

    def to_file(self) -> Iterator[tuple[Hour, list[Listed]]]:
        """The hours of which rows may be staged that are not filed, with all that is staged of them."""
        model = self.spec.name
        for day in self.days:
            staged: defaultdict[Hour, list[Listed]] = defaultdict(list)
            for item in self.store.listed(naming.staged_prefix(model, day)):
                staged[_hour_of(item.key.removeprefix(naming.staged_prefix(model)))].append(item)
            filed = self.store.listed(naming.predictions_prefix(model, day)) if staged else ()
            written = {item.key: item.modified for item in filed}
            for hour, parts in sorted(staged.items()):
                at = written.get(naming.predictions_key(model, hour.version, hour.start))
                if at is None or max(part.modified for part in parts) + LONGEST_RUN >= at:
                    yield hour, parts

    def file(self, hour: Hour, parts: Sequence[Listed]) -> None:
        """Put what is staged of an hour with what is filed of it."""
        staged = self.store.get_many(item.key for item in parts)
        read = [part for data in staged for part in from_stream(self.spec, data)]
        if not read:
            return

        def filed(kept: Predictions | None) -> Predictions:
            rows = Predictions.together(read if kept is None else [*read, kept])
            # The ids first: labels would wait for ever for an hour whose ids are not kept.
            self.store.put(naming.ids_key(self.spec.name, hour.version, hour.start), rows.ids.tobytes(), _BINARY)
            return rows

        self.change(hour, filed)

    def change(self, hour: Hour, change: Callable[[Predictions | None], Predictions | None]) -> None:
        """Change the predictions of an hour (None: as they are, or there are none), as if nobody else did.

        Raises
        ------
        LabelError
            Somebody else changed them every time.
        """
        key = naming.predictions_key(self.spec.name, hour.version, hour.start)
        for _ in range(_ATTEMPTS):
            kept = self.store.get_tagged(key)
            rows = change(None if kept is None else from_parquet(self.spec, kept[0]))
            if rows is None:
                return
            data = to_parquet(self.spec, hour.version, rows)
            if self.store.put_if(key, data, None if kept is None else kept[1], _BINARY):
                return
        raise LabelError(f"{key} was changed by others {_ATTEMPTS} times in a row: run the join again.")

    def filed(self, day: datetime) -> Iterator[tuple[Hour, Listed]]:
        """The hours of a UTC day that are filed, with the objects that their predictions are in."""
        for item in self.store.listed(naming.predictions_prefix(self.spec.name, day)):
            yield Hour(*naming.parse_predictions_key(self.spec.name, item.key)), item

    def ids(self) -> Iterator[tuple[Hour, Ids]]:
        """The ids of every hour, in ascending order; the newest day first."""
        whole = naming.ids_prefix(self.spec.name)
        for day in self.days:
            for key, data in self.store.get_each(self.store.keys(naming.ids_prefix(self.spec.name, day))):
                yield _hour_of(key.removeprefix(whole)), np.frombuffer(data, ids.DTYPE)


def _hour_of(filed: str) -> Hour:
    """Which hour something is of that is filed as `yyyy/mm/dd/hh/<version>` and perhaps `--` and more."""
    year, month, day, hour, name = filed.split("/")
    return Hour(datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC), name.partition("--")[0])
