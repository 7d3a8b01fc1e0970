"""The keys of rows that came as JSON objects: which features' keys are absent, and which keys are no feature's.

An absent key and a null are both a missing value; to whoever mends the client they are not the same. Nothing but names
is kept: of keys that nobody expects the first characters, and never what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

LONGEST_KEY = 64
"""Characters kept of an unknown key."""


class KeyShape(NamedTuple):
    """How the keys of a row differ from the features."""

    absent: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


Keys: TypeAlias = Mapping[KeyShape, int]
"""Rows that came as objects, by how their keys differ."""

_AS_EXPECTED = KeyShape()


class KeyReader:
    """Looks at the keys of one model's rows."""

    def __init__(self, features: Sequence[str]) -> None:
        self._features = tuple(features)
        self._expected = frozenset(features)

    def shapes(self, rows: Iterable[Any]) -> list[KeyShape]:
        """How the keys of those rows differ that are objects with a feature among their keys."""
        return [shape for row in rows if isinstance(row, dict) and (shape := self._shape(row.keys())) is not None]

    def _shape(self, keys: Any) -> KeyShape | None:
        if keys == self._expected:
            return _AS_EXPECTED
        absent = tuple(name for name in self._features if name not in keys)
        if len(absent) == len(self._features):
            return None
        return KeyShape(absent, tuple(sorted({_clipped(key) for key in keys if key not in self._expected})))


def _clipped(key: str) -> str:
    """The key's first characters, as text that can be written: JSON may hold halves of characters."""
    return key[:LONGEST_KEY].encode(errors="replace").decode()
