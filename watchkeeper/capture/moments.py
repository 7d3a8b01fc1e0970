"""When a request was answered: the `inferenceTime` of its record, in whole seconds since 1970.

Records lie in a capture in the order in which they were answered, and SageMaker writes whole seconds. So a column of
times is a few runs of equal texts, and a text is parsed once for each run.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.framed import Texts
from watchkeeper.cells import UNKNOWN_TIME

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def seconds(value: object) -> int:
    """Whole seconds since 1970 of what a record holds for its time; without an offset it is UTC's."""
    return _of_text(value) if isinstance(value, str) else UNKNOWN_TIME


def time(seconds: int) -> datetime | None:
    """The time that `seconds` told of a record."""
    return None if seconds == UNKNOWN_TIME else _EPOCH + seconds * _SECOND


@lru_cache(maxsize=1 << 12)
def _of_text(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
        return ((time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)) - _EPOCH) // _SECOND
    except (ValueError, OverflowError):
        return UNKNOWN_TIME


def unknown(records: int) -> NDArray[np.int64]:
    """The times of records that have none."""
    return np.full(records, UNKNOWN_TIME)


def of_texts(texts: Texts, prefix: bytes, suffix: bytes, fits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The times between `prefix` and `suffix`, given which texts begin and end so; `UNKNOWN_TIME` of the others."""
    some = texts if fits.all() else texts.only(fits)
    bodies, lengths = some.runs(len(prefix), len(suffix))
    times = np.repeat(np.array([seconds(body.decode()) for body in bodies], np.int64), lengths)
    if some is texts:
        return times
    found = unknown(texts.count)
    found[fits] = times
    return found
