"""Why records could not be read: the reasons in quarantine, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from watchkeeper import jsonio

MOST_REASONS = 50
"""Reasons counted one by one; a bound, for a reason may hold anything that an error says."""
OTHER = "other reasons"

_ROW = re.compile(r", row \d+")


def count_reasons(files: Iterable[bytes]) -> Mapping[str, int]:
    """How many records each reason holds for, of quarantine files (one JSON object a line, with its `reason`)."""
    counts: Counter[str] = Counter()
    for file in files:
        for line in file.splitlines():
            reason = _reason(line)
            counts[reason if reason in counts or len(counts) < MOST_REASONS else OTHER] += 1
    return dict(counts.most_common())


def _reason(line: bytes) -> str:
    """A line's reason without the number of the row, which would make one fault a thousand reasons."""
    try:
        return _ROW.sub("", str(jsonio.loads(line)["reason"]))
    except (ValueError, KeyError, TypeError):
        return OTHER
