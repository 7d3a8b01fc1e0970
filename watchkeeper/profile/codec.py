"""Arrays in JSON: little-endian bytes in base64, in the fewest bytes a number that hold the largest.

Equal arrays give equal text. Bytes are cut from int64 rather than taken from the next larger of numpy's types: three or
five bytes often suffice where those have four or eight.
"""

from __future__ import annotations

import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOAT = "f8"


def pack_floats(values: NDArray[np.float64]) -> list[str]:
    """Text form of floats."""
    return [_FLOAT, _text(values.astype("<f8").tobytes())]


def pack(values: NDArray[np.int64]) -> list[str]:
    """Text form of integers: the width of each (`i1` to `i8`), and their bytes."""
    width = _width(values)
    octets = values.astype("<i8").view(np.uint8).reshape(-1, 8)
    return [f"i{width}", _text(octets[:, :width].tobytes())]


def unpack(packed: list[str]) -> NDArray[Any]:
    """Read what `pack` or `pack_floats` wrote: int64 or float64.

    Raises
    ------
    ValueError
        It is not of that form.
    """
    kind, text = packed
    octets = binascii.a2b_base64(text)
    if kind == _FLOAT:
        return np.frombuffer(octets, "<f8").astype(np.float64)
    width = int(kind.removeprefix("i"))
    if not 1 <= width <= 8 or len(octets) % width:
        raise ValueError(f"{len(octets)} bytes are no numbers of kind {kind!r}")
    if width in (1, 2, 4, 8):
        return np.frombuffer(octets, f"<i{width}").astype(np.int64)
    padded = np.zeros((len(octets) // width, 8), np.uint8)
    padded[:, 8 - width :] = np.frombuffer(octets, np.uint8).reshape(-1, width)
    return padded.view("<i8")[:, 0].astype(np.int64) >> 8 * (8 - width)  # the shift repeats the sign


def _width(values: NDArray[np.int64]) -> int:
    """Bytes that hold every value with its sign."""
    if not len(values):
        return 1
    bits = max(int(np.max(values)).bit_length(), (~int(np.min(values))).bit_length()) + 1
    return (bits + 7) // 8


def _text(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode()
