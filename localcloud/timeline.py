"""What happened, in order: one append-only list that every bridge writes and the demo and the tests read."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal[
    "alarm",
    "background-error",
    "dead-letter",
    "denied",
    "endpoint",
    "execution",
    "glue",
    "lambda-error",
    "message",
    "schedule",
    "state",
    "training",
]


@dataclass(frozen=True)
class Entry:
    """One thing that happened.

    Attributes
    ----------
    at : when, in virtual time (UTC)
    kind : what sort of thing
    subject : the name of the alarm, endpoint, execution, … that it happened to
    detail : the rest, ready for JSON
    """

    at: datetime
    kind: Kind
    subject: str
    detail: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the entry as the control route sends it."""
        return {"at": self.at.isoformat(), "kind": self.kind, "subject": self.subject, "detail": self.detail}


class Timeline:
    """The entries so far; safe to use from any thread."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def add(self, at: datetime, kind: Kind, subject: str, /, **detail: Any) -> None:
        """Append one entry."""
        with self._lock:
            self._entries.append(Entry(at, kind, subject, detail))

    def since(self, position: int = 0) -> list[Entry]:
        """Return the entries from the given position on."""
        with self._lock:
            return self._entries[position:]
