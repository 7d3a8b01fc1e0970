"""The hours of curated predictions in the bucket: every captured row filed once, with its hour.

Profiling stages the rows of each captured object; here they are put together, an hour and version a file, beside the
ids that the file holds. An hour too large for that is several files (see `curated.shards`), which Spark writes. An hour
is filed anew while rows of it were staged after it was written, or shortly before: so nothing is remembered, and who is
killed half-way changes nothing. A file is written only if nobody else has written it since it was read.

When an hour is cut, its rows are in the finer files first; then the coarser one is left without rows. It is kept, so
that nobody who still takes the hour for a small one files it there again. Meanwhile queries may see rows twice.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np

from watchkeeper import ids, naming
from watchkeeper.aws.store import Listed, Store
from watchkeeper.curated import Predictions, from_parquet, from_stream, nothing, to_parquet
from watchkeeper.curated.shards import LONGEST_RUN
from watchkeeper.errors import LabelError
from watchkeeper.ids import Ids
from watchkeeper.spec import ModelSpec

_ATTEMPTS = 20
_BINARY = "application/octet-stream"
_AT_ONCE = 256 << 20
"""Bytes of ids that are read side by side."""


class Hour(NamedTuple):
    """One version's predictions of a UTC hour."""

    start: datetime
    version: str


class Shard(NamedTuple):
    """One file of an hour: the predictions whose ids begin with these hexadecimal digits; without digits, all."""

    hour: Hour
    digits: str = ""


@dataclass(frozen=True)
class Unfiled:
    """An hour of which rows may be staged that are not filed.

    Attributes
    ----------
    parts : all that is staged of it
    files : what is filed of it, by first digits
    """

    hour: Hour
    parts: list[Listed]
    files: dict[str, Listed]

    @property
    def size(self) -> int:
        """Bytes that are staged."""
        return sum(part.size for part in self.parts)

    @property
    def is_cut(self) -> bool:
        """Whether it has several files already."""
        return any(self.files)


@dataclass(frozen=True)
class CuratedHours:
    """The curated predictions of one model, of the days that `horizon` before `now` touches."""

    store: Store
    spec: ModelSpec
    now: datetime
    horizon: timedelta

    @classmethod
    def of(cls, store: Store, spec: ModelSpec, now: datetime) -> CuratedHours:
        """Those of a deployed model."""
        return cls(store, spec, now, timedelta(days=spec.labelling.horizon_days))

    @property
    def days(self) -> list[datetime]:
        """These days, newest first."""
        today = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return [today - timedelta(days=back) for back in range(self.horizon.days + 1)]

    def to_file(self) -> Iterator[Unfiled]:
        """The hours of which rows may be staged that are not filed."""
        model = self.spec.name
        for day in self.days:
            staged: defaultdict[Hour, list[Listed]] = defaultdict(list)
            for item in self.store.listed(naming.staged_prefix(model, day)):
                staged[_shard_of(item.key.removeprefix(naming.staged_prefix(model))).hour].append(item)
            filed: defaultdict[Hour, dict[str, Listed]] = defaultdict(dict)
            for shard, item in self.filed(day) if staged else ():
                filed[shard.hour][shard.digits] = item
            for hour, parts in sorted(staged.items()):
                # Of an hour that was cut, the file without digits says when all others were written.
                whole = filed[hour].get("")
                if whole is None or max(part.modified for part in parts) + LONGEST_RUN >= whole.modified:
                    yield Unfiled(hour, parts, filed[hour])

    def staged(self, keys: Iterable[str]) -> list[Predictions]:
        """What was staged under some keys."""
        return [part for data in self.store.get_many(keys) for part in from_stream(self.spec, data)]

    def file(self, shard: Shard, staged: list[Predictions]) -> int:
        """Put staged rows with what is filed already; how many rows that are."""
        rows = 0

        def filed(kept: Predictions | None) -> Predictions | None:
            nonlocal rows
            if not staged or (kept is not None and not len(kept)):
                return None  # the latter: the hour was cut meanwhile, by somebody who knew of more rows
            together = Predictions.together(staged if kept is None else [*staged, kept])
            # The ids first: labels would wait for ever for a file whose ids are not kept.
            self._put_ids(shard, together.ids)
            rows = len(together)
            return together

        self.change(shard, filed)
        return rows

    def empty(self, shard: Shard, tag: str | None) -> bool:
        """Leave a file without rows, which are in finer ones; False when it was changed since it had the tag."""
        self._put_ids(shard, ids.unknown(0))
        data = to_parquet(self.spec, shard.hour.version, nothing(self.spec))
        return self.store.put_if(self.key(shard), data, tag, _BINARY)

    def read(self, shard: Shard) -> Predictions | None:
        """The predictions in a file; None when there is none."""
        data = self.store.get(self.key(shard))
        return None if data is None else from_parquet(self.spec, data)

    def change(self, shard: Shard, change: Callable[[Predictions | None], Predictions | None]) -> None:
        """Change the predictions in a file (None: as they are, or there are none), as if nobody else did.

        Raises
        ------
        LabelError
            Somebody else changed them every time.
        """
        key = self.key(shard)
        for _ in range(_ATTEMPTS):
            kept = self.store.get_tagged(key)
            rows = change(None if kept is None else from_parquet(self.spec, kept[0]))
            if rows is None:
                return
            data = to_parquet(self.spec, shard.hour.version, rows)
            if self.store.put_if(key, data, None if kept is None else kept[1], _BINARY):
                return
        raise LabelError(f"{key} was changed by others {_ATTEMPTS} times in a row: run the join again.")

    def listed_again(self, hour: Unfiled) -> Unfiled:
        """An hour with its files as they are now."""
        files = {shard.digits: item for shard, item in self.filed(hour.hour.start) if shard.hour == hour.hour}
        return replace(hour, files=files)

    def filed(self, day: datetime) -> Iterator[tuple[Shard, Listed]]:
        """The files of a UTC day."""
        for item in self.store.listed(naming.predictions_prefix(self.spec.name, day)):
            start, version, digits = naming.parse_predictions_key(self.spec.name, item.key)
            yield Shard(Hour(start, version), digits), item

    def with_ids(self) -> Iterator[tuple[Shard, Listed]]:
        """Every file that has rows, with the object of their ids; the newest day first."""
        whole = naming.ids_prefix(self.spec.name)
        for day in self.days:
            for item in self.store.listed(naming.ids_prefix(self.spec.name, day)):
                if item.size:
                    yield _shard_of(item.key.removeprefix(whole)), item

    def ids(self, files: Iterable[tuple[Shard, Listed]]) -> Iterator[tuple[Shard, Ids]]:
        """The ids of these files, in ascending order; some files are read side by side."""
        some: dict[str, Shard] = {}
        size = 0
        for shard, item in files:
            if size + item.size > _AT_ONCE:
                yield from self._ids(some)
                some, size = {}, 0
            some[item.key] = shard
            size += item.size
        yield from self._ids(some)

    def ids_among(self, files: Iterable[tuple[Shard, Listed]], digits: str) -> Iterator[tuple[Shard, Ids]]:
        """The ids of these files that begin with some digits; perhaps others beside them."""
        whole = []
        for shard, item in files:
            if shard.digits.startswith(digits):
                whole.append((shard, item))
            elif digits.startswith(shard.digits):
                yield shard, self._ids_near(shard, item, digits)
        yield from self.ids(whole)

    def key(self, shard: Shard) -> str:
        """Where the predictions of a file are kept."""
        return naming.predictions_key(self.spec.name, shard.hour.version, shard.hour.start, shard.digits)

    def _ids(self, shards: dict[str, Shard]) -> Iterator[tuple[Shard, Ids]]:
        for key, data in self.store.get_each(shards):
            yield shards[key], np.frombuffer(data, ids.DTYPE)

    def _ids_near(self, shard: Shard, item: Listed, digits: str) -> Ids:
        """The ids in a file that begin with some digits, and a few before and after them.

        Digests are spread evenly, so that where those are is known but for chance. Where a request of many rows, which
        have one id, upsets that, all ids are read.
        """
        count, more = item.size // ids.BYTES, digits.removeprefix(shard.digits)
        place, places = int(more, 16), 16 ** len(more)
        chance = 4 * math.isqrt(count) + 8  # eight standard deviations
        first, last = max(count * place // places - chance, 0), min(count * (place + 1) // places + chance, count)
        held = np.frombuffer(self.store.get_range(item.key, first * ids.BYTES, last * ids.BYTES), ids.DTYPE)
        least, most = (ids.from_hex(digits.ljust(2 * ids.BYTES, digit).encode())[0] for digit in "0f")
        if (first and held[0] >= least) or (last < count and held[-1] <= most):
            held = np.frombuffer(self.store.get(item.key) or b"", ids.DTYPE)
        return held

    def _put_ids(self, shard: Shard, held: Ids) -> None:
        key = naming.ids_key(self.spec.name, shard.hour.version, shard.hour.start, shard.digits)
        self.store.put(key, held.tobytes(), _BINARY)


def _shard_of(filed: str) -> Shard:
    """Whose ids are filed as `yyyy/mm/dd/hh/<version>`, perhaps `--` and digits; of what is staged, the hour counts."""
    year, month, day, hour, name = filed.split("/")
    version, _, digits = name.partition("--")
    return Shard(Hour(datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC), version), digits)
