"""The labels that a model's first training data had, as they were spelled: what comes later must be one of them.

A binary model's label is positive or it is not; so one that is spelled otherwise than ever before (`<=50K.` where
`<=50K` was meant) would silently be a negative one. It is refused instead, and counted.
"""

from __future__ import annotations

from collections.abc import Iterable

from watchkeeper import jsonio, naming
from watchkeeper.aws.store import Store

MOST = 1000
"""Of a label with more values nobody can say that one is wrong."""


def keep(data: Store, model: str, spellings: Iterable[str]) -> None:
    """Keep what training data had; nothing where they do not tell."""
    values = sorted(set(spellings))
    if values and len(values) <= MOST:
        data.put(naming.label_values_key(model), jsonio.dumps({"values": values}))


def known(data: Store, model: str) -> list[str] | None:
    """The labels that may come; None when nobody knows."""
    stored = data.get(naming.label_values_key(model))
    return None if stored is None else list(jsonio.loads(stored)["values"])
