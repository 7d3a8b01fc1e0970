"""New category names, in bounded space: those with the smallest hashes, each with its exact count ("bottom k").

A name that is kept of all rows was kept in every part of them that held it, so its count is exact and merging is
associative. Keeping the most frequent names (space-saving) is not: what is kept then depends on the order of merging.
The same smallest hashes tell how many different names there are (KMV; Bar-Yossef et al. 2002): of hashes spread evenly
over [0, 1) the k-th smallest lies about k/distinct from 0.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

MOST_NAMES = 64
_HASH_BYTES = 8


def kept(names: Mapping[str, int]) -> dict[str, int]:
    """The names with the smallest hashes."""
    if len(names) <= MOST_NAMES:
        return dict(names)
    smallest = sorted(names, key=_hash)[:MOST_NAMES]
    return {name: names[name] for name in smallest}


def merged(accounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The account of the rows of all accounts."""
    total: dict[str, int] = {}
    for account in accounts:
        for name, rows in account.items():
            total[name] = total.get(name, 0) + rows
    return kept(total)


def distinct(account: Mapping[str, int]) -> float:
    """How many different names there were: exact below `MOST_NAMES`, else within about 13 % (one standard error)."""
    if len(account) < MOST_NAMES:
        return float(len(account))
    largest = max(int.from_bytes(_hash(name)) for name in account)
    return float((MOST_NAMES - 1) / ((largest + 1) / (1 << 8 * _HASH_BYTES)))


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=_HASH_BYTES).digest()
