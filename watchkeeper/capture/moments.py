"""When a request was answered: the `inferenceTime` of its record, in whole seconds since 1970.

SageMaker writes whole seconds, and the records of a capture were answered within minutes of each other. So a column of
times is a few texts, mostly in runs, and each is parsed about once.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from watchkeeper.capture.framed import Texts
from watchkeeper.cells import FIRST_SECOND, LAST_SECOND, UNKNOWN_TIME, parse_time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def seconds(value: object) -> int:
    """Whole seconds since 1970 of what a record holds for its time: text, read as a cell of times is."""
    return _of_text(value) if isinstance(value, str) else UNKNOWN_TIME


def time(seconds: int) -> datetime | None:
    """The time that `seconds` told of a record."""
    return None if seconds == UNKNOWN_TIME else _EPOCH + timedelta(seconds=seconds)


@lru_cache(maxsize=1 << 12)
def _of_text(text: str) -> int:
    try:
        found = parse_time(text)
    except ValueError:
        return UNKNOWN_TIME
    return math.floor(found) if FIRST_SECOND <= found <= LAST_SECOND else UNKNOWN_TIME  # it may be missing


def unknown(records: int) -> NDArray[np.int64]:
    """The times of records that have none."""
    return np.full(records, UNKNOWN_TIME)


def of_texts(texts: Texts, prefix: bytes, suffix: bytes, fits: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The times between `prefix` and `suffix`, given which texts begin and end so; `UNKNOWN_TIME` of the others."""
    some = texts if fits.all() else texts.only(fits)
    bodies, places = some.distinct(len(prefix), len(suffix))
    times = np.array([seconds(body.decode()) for body in bodies], np.int64)[places]
    if some is texts:
        return times
    found = unknown(texts.count)
    found[fits] = times
    return found
