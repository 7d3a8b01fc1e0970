"""What the monitors found, by time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from watchkeeper import naming
from watchkeeper.attribution import AttributionLook
from watchkeeper.aws.store import Store
from watchkeeper.estimation import EstimateLook
from watchkeeper.findings import Findings
from watchkeeper.performance import PerformanceLook
from watchkeeper.quality import Quality

DRIFT, QUALITY, PERFORMANCE, ATTRIBUTION = "drift", "quality", "performance", "attribution"
ESTIMATED_PERFORMANCE = "estimated-performance"
"""The monitors, as keys name them."""
_DAYS_BACK = 2
"""Looks are at most a day apart, and an alarm follows its look within minutes."""


def newest_findings(store: Store, model: str, until: datetime) -> tuple[str, Findings] | None:
    """Key and content of the newest findings of a window that ended by `until`; None when there is none of late."""
    return next(((key, Findings.from_json(stored)) for key, stored in _newest(store, model, DRIFT, until)), None)


def newest_quality(store: Store, model: str, until: datetime) -> tuple[str, Quality] | None:
    """The same of the data-quality monitor."""
    return next(((key, Quality.from_json(stored)) for key, stored in _newest(store, model, QUALITY, until)), None)


def newest_performance(store: Store, model: str, until: datetime) -> tuple[str, PerformanceLook] | None:
    """The same of the performance monitor."""
    found = _newest(store, model, PERFORMANCE, until)
    return next(((key, PerformanceLook.from_json(stored)) for key, stored in found), None)


def newest_estimate(store: Store, model: str, until: datetime) -> tuple[str, EstimateLook] | None:
    """The same of the monitor of estimated performance."""
    found = _newest(store, model, ESTIMATED_PERFORMANCE, until)
    return next(((key, EstimateLook.from_json(stored)) for key, stored in found), None)


def newest_attribution(store: Store, model: str, until: datetime) -> tuple[str, AttributionLook] | None:
    """The same of the attribution monitor."""
    found = _newest(store, model, ATTRIBUTION, until)
    return next(((key, AttributionLook.from_json(stored)) for key, stored in found), None)


def _newest(store: Store, model: str, monitor: str, until: datetime) -> Iterator[tuple[str, bytes]]:
    """Outcomes of looks, newest first."""
    last = naming.findings_key(model, monitor, until)
    for back in range(_DAYS_BACK + 1):
        day = naming.findings_key(model, monitor, until - timedelta(days=back)).rpartition("/")[0]
        for key in sorted((key for key in store.keys(f"{day}/") if key <= last), reverse=True):
            stored = store.get(key)
            if stored is not None:
                yield key, stored
