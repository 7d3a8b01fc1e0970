"""pyarrow's arrays as numpy's, and back, by their buffers alone.

pyarrow's own ways would import its compute module, or pandas: neither is in a Lambda layer, and both cost a cold start.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def values(array: Any, dtype: type[np.generic]) -> NDArray[Any]:
    """An array's values, without a copy; those that are missing may be anything."""
    if not len(array) or array.buffers()[1] is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * np.dtype(dtype).itemsize)


def present(array: Any) -> NDArray[np.bool_]:
    """Which values are not missing."""
    if not array.null_count:
        return np.ones(len(array), bool)
    if array.buffers()[0] is None:  # an array of nulls has no buffers
        return np.zeros(len(array), bool)
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].view(np.bool_)


def filled(array: Any, dtype: type[np.generic], missing: Any) -> NDArray[Any]:
    """An array's values, with another in place of those that are missing."""
    return np.where(present(array), values(array, dtype), missing) if array.null_count else values(array, dtype)


def only(column: Any) -> Any:
    """The one array of a column whose chunks were combined."""
    import pyarrow as pa

    return column.chunk(0) if column.num_chunks else pa.array([], column.type)
