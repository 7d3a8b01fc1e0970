"""How many labelled rows came: counted in label files, before anything is assembled or paid for."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from watchkeeper import naming
from watchkeeper.aws import label_values
from watchkeeper.aws.store import Store
from watchkeeper.errors import LabelError
from watchkeeper.labels import LabelReader, Source, day_prefixes
from watchkeeper.spec import ModelSpec


class LabelCount(NamedTuple):
    """Rows that were labelled, corrections counted once; and labels that cannot be used."""

    labelled: int
    unusable: int


def count_labels(
    store: Store, spec: ModelSpec, now: datetime, enough: int, since: datetime | None = None
) -> LabelCount:
    """Labelled rows of the training window; counting stops at `enough`.

    Objects are read one after another: while there are too few labels, there are few objects to read.

    Parameters
    ----------
    since : only objects that were written after it
    """
    reader = LabelReader(spec, label_values.known(store, spec.name))
    labelled: set[tuple[bytes, int]] = set()
    unusable = 0
    prefixes = day_prefixes(spec.name, now, spec.retraining.window_days)
    for item in (item for prefix in prefixes for item in store.listed(prefix)):
        hour = naming.label_hour(spec.name, item.key, item.modified)
        if hour is None or (since is not None and item.modified <= since):
            continue
        streamed = store.stream(item.key)
        if streamed is None:
            continue
        try:
            labels, faults = reader.read(Source(item.key, hour, item.modified), streamed.chunks)
        except LabelError:
            unusable += 1
            continue
        unusable += faults.total
        known = labels.taken(labels.known)
        labelled.update(zip(known.ids.tolist(), known.places.tolist(), strict=True))
        if len(labelled) >= enough:
            break
    return LabelCount(min(len(labelled), enough), unusable)
