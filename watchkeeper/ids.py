"""Ids of predictions as they are kept outside of captures and labels: digests, for an id may name a person.

A digest is the first 16 bytes of the SHA-256 of the id's UTF-8 text. Whoever has an id can compute it, in Athena as
`substr(lower(to_hex(sha256(to_utf8('…')))), 1, 32)`; nobody reads the id from it. That is pseudonymous, not anonymous.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ids: TypeAlias = NDArray[np.bytes_]
"""Digests, of dtype S16: equal, ordered and searched as 16 bytes each."""

BYTES = 16
DTYPE = np.dtype(f"S{BYTES}")


def digests(texts: Iterable[bytes]) -> Ids:
    """The digests of ids, given as UTF-8."""
    sha256 = hashlib.sha256
    return np.frombuffer(b"".join([sha256(text).digest()[:BYTES] for text in texts]), DTYPE)


def digest(text: str) -> Ids:
    """The digest of one id, as an array of one."""
    return digests([text.encode()])


def unknown(rows: int) -> Ids:
    """The digests of as many records that have no id: those of the empty text."""
    return np.full(rows, NOTHING)


NOTHING: np.bytes_ = digests([b""])[0]
"""The digest of no id."""


def to_hex(ids: Ids) -> bytes:
    """All ids in hexadecimal, 32 characters each, one after the other."""
    return binascii.hexlify(np.ascontiguousarray(ids).tobytes())


def from_hex(text: bytes) -> Ids:
    """Read what `to_hex` wrote."""
    return np.frombuffer(binascii.unhexlify(text), DTYPE)


def cut(ordered: Ids, digits: int) -> Iterator[tuple[str, slice]]:
    """Ids in ascending order by their first hexadecimal digits, so many: the digits, and where the ids with them are.

    Digits that no id begins with are left out.
    """
    names = [f"{number:0{digits}x}" for number in range(16**digits)] if digits else [""]
    begins = from_hex("".join(name.ljust(2 * BYTES, "0") for name in names).encode())
    places = np.searchsorted(ordered, begins).tolist()
    for name, (begin, end) in zip(names, pairwise([*places, len(ordered)]), strict=True):
        if begin < end:
            yield name, slice(begin, end)


def places(wanted: Ids, among: Ids) -> NDArray[np.intp]:
    """Where each wanted id is in `among`, which is in ascending order; -1 where it is not."""
    if not len(among):
        return np.full(len(wanted), -1, np.intp)
    found = np.minimum(np.searchsorted(among, wanted), len(among) - 1)
    return np.where(among[found] == wanted, found, -1)
