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


def parsed(value: object) -> datetime | None:
    """The time that a record holds; without an offset it is UTC's."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def seconds(time: datetime | None) -> int:
    """Whole seconds since 1970, `UNKNOWN_TIME` of no time."""
    return UNKNOWN_TIME if time is None else (time - _EPOCH) // _SECOND


@lru_cache(maxsize=1 << 12)
def seconds_of(text: str) -> int:
    """Whole seconds since 1970 of a text."""
    return seconds(parsed(text))


def unknown(records: int) -> NDArray[np.int64]:
    """The times of records that have none."""
    return np.full(records, UNKNOWN_TIME)


def of_texts(texts: Texts, prefix: bytes, suffix: bytes, fits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The times between `prefix` and `suffix`, given which texts begin and end so; `UNKNOWN_TIME` of the others."""
    some = texts if fits.all() else texts.only(fits)
    bodies, lengths = some.runs(len(prefix), len(suffix))
    times = np.repeat(np.array([seconds_of(body.decode()) for body in bodies], np.int64), lengths)
    if some is texts:
        return times
    found = unknown(texts.count)
    found[fits] = times
    return found
