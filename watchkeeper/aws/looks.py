"""What the monitors found, by time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from watchkeeper import naming
from watchkeeper.attribution import AttributionLook
from watchkeeper.aws.store import Store
from watchkeeper.bias import BiasLook
from watchkeeper.estimation import EstimateLook
from watchkeeper.findings import Findings
from watchkeeper.performance import PerformanceLook
from watchkeeper.quality import Quality

DRIFT, QUALITY, PERFORMANCE, BIAS, ATTRIBUTION = "drift", "quality", "performance", "bias", "attribution"
ESTIMATED_PERFORMANCE = "estimated-performance"
"""The monitors, as keys name them."""
Look = TypeVar("Look")
_DAYS_BACK = 2
"""Looks are at most a day apart, and an alarm follows its look within minutes."""


def newest_findings(store: Store, model: str, until: datetime) -> tuple[str, Findings] | None:
    """Key and content of the newest findings of a window that ended by `until`; None when there is none of late."""
    return _newest(store, model, DRIFT, until, Findings.from_json)


def newest_quality(store: Store, model: str, until: datetime) -> tuple[str, Quality] | None:
    """The same of the data-quality monitor."""
    return _newest(store, model, QUALITY, until, Quality.from_json)


def newest_performance(store: Store, model: str, until: datetime) -> tuple[str, PerformanceLook] | None:
    """The same of the performance monitor."""
    return _newest(store, model, PERFORMANCE, until, PerformanceLook.from_json)


def newest_estimate(store: Store, model: str, until: datetime) -> tuple[str, EstimateLook] | None:
    """The same of the monitor of estimated performance."""
    return _newest(store, model, ESTIMATED_PERFORMANCE, until, EstimateLook.from_json)


def newest_attribution(store: Store, model: str, until: datetime) -> tuple[str, AttributionLook] | None:
    """The same of the attribution monitor."""
    return _newest(store, model, ATTRIBUTION, until, AttributionLook.from_json)


def newest_bias(store: Store, model: str, until: datetime) -> tuple[str, BiasLook] | None:
    """The same of the bias monitor."""
    return _newest(store, model, BIAS, until, BiasLook.from_json)


def _newest(
    store: Store, model: str, monitor: str, until: datetime, read: Callable[[bytes], Look]
) -> tuple[str, Look] | None:
    last = naming.findings_key(model, monitor, until)
    for back in range(_DAYS_BACK + 1):
        day = naming.findings_key(model, monitor, until - timedelta(days=back)).rpartition("/")[0]
        for key in sorted((key for key in store.keys(f"{day}/") if key <= last), reverse=True):
            stored = store.get(key)
            if stored is not None:
                return key, read(stored)
    return None
