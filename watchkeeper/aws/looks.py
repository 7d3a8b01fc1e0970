"""The drift monitor's findings, by time."""

from __future__ import annotations

from datetime import datetime, timedelta

from watchkeeper import naming
from watchkeeper.aws.store import Store
from watchkeeper.findings import Findings

MONITOR = "drift"
_DAYS_BACK = 2
"""Looks are at most a day apart, and an alarm follows its look within minutes."""


def newest_findings(store: Store, model: str, until: datetime) -> tuple[str, Findings] | None:
    """Key and content of the newest findings of a window that ended by `until`; None when there is none of late."""
    last = naming.findings_key(model, MONITOR, until)
    for back in range(_DAYS_BACK + 1):
        day = naming.findings_key(model, MONITOR, until - timedelta(days=back)).rpartition("/")[0]
        for key in sorted((key for key in store.keys(f"{day}/") if key <= last), reverse=True):
            stored = store.get(key)
            if stored is not None:
                return key, Findings.from_json(stored)
    return None
