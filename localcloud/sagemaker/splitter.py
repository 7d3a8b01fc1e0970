"""Divide a stream by weights, evenly and without chance: after n picks each share is met to within one.

Every option earns its weight at each pick and the richest pays for it (smooth weighted round-robin), so a 10 % canary
gets every tenth request, in tests and in replays alike.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Generic, TypeVar

Option = TypeVar("Option")


class Splitter(Generic[Option]):
    """Picks options in proportion to their weights; safe to use from any thread."""

    def __init__(self, weights: Mapping[Option, float]) -> None:
        if sum(weights.values()) <= 0:
            raise ValueError(f"The weights {dict(weights)} leave nothing to pick: at least one must be positive.")
        self._weights = dict(weights)
        self._credits = dict.fromkeys(weights, 0.0)
        self._lock = threading.Lock()

    def pick(self) -> Option:
        """Return the next option."""
        with self._lock:
            for option, weight in self._weights.items():
                self._credits[option] += weight
            richest = max(self._credits, key=lambda option: self._credits[option])
            self._credits[richest] -= sum(self._weights.values())
            return richest
