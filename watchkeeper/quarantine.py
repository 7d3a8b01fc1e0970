"""What is kept of records that could not be read: the reason of each and, where that is no one's secret, its bytes."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from watchkeeper import jsonio
from watchkeeper.capture import Unreadable
from watchkeeper.spec import ModelSpec

MOST_BYTES = 8 << 20
"""Kept of one captured object. A client that sends nothing but rubbish must not fill the memory or the bucket."""
MOST_RECORD_BYTES = 64 << 10
"""Kept of one record; its beginning tells what it is."""


@dataclass
class Quarantine:
    """The unreadable records of one captured object, as JSON Lines, up to a limit; all of them are counted elsewhere.

    Of a model with personal fields the reasons alone are kept: the bytes may hold those fields.
    """

    spec: ModelSpec
    _lines: list[bytes] = field(default_factory=list)
    _bytes: int = 0

    def add(self, records: Iterable[Unreadable]) -> None:
        """Keep records while there is room."""
        keep_bytes = not any(feature.personal for feature in self.spec.features)
        for record in records:
            if self._bytes >= MOST_BYTES:
                return
            entry: dict[str, Any] = {"line": record.line, "reason": record.reason}
            if keep_bytes:
                entry["record"] = base64.b64encode(record.raw[:MOST_RECORD_BYTES]).decode()
            line = jsonio.dumps(entry)
            self._lines.append(line)
            self._bytes += len(line) + 1

    def content(self) -> bytes:
        """The object to store; empty when every record was read."""
        return b"".join(line + b"\n" for line in self._lines)
