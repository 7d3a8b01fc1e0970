"""What the monitors have put on record so far, read from the embedded AWS as anybody would from an account."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from localcloud.client import LocalCloud
from watchkeeper import naming
from watchkeeper.attribution import Importance
from watchkeeper.aws.curated_hours import CuratedHours
from watchkeeper.aws.looks import BIAS, ESTIMATED_PERFORMANCE, PERFORMANCE
from watchkeeper.aws.outcome_hours import OutcomeHours
from watchkeeper.aws.store import Store
from watchkeeper.bias import BiasLook
from watchkeeper.estimation import EstimateLook
from watchkeeper.performance import Performance, PerformanceLook, measure
from watchkeeper.spec import ModelSpec


@dataclass(frozen=True)
class Records:
    """Of one model, in one data bucket."""

    cloud: LocalCloud
    spec: ModelSpec
    bucket: str

    def importance(self, version: str) -> Importance | None:
        """What a version goes by on its baseline; None while nobody knows."""
        for key in self._store.keys(naming.importance_prefix(self.spec.name, version)):
            stored = self._store.get(key)
            return None if stored is None else Importance.from_json(stored)
        return None

    def performance(self) -> PerformanceLook | None:
        """The performance monitor's newest look that knows labels."""
        return next(self.performances(), None)

    def performances(self) -> Iterator[PerformanceLook]:
        """All of its looks that do, newest first."""
        looks = map(PerformanceLook.from_json, self._looks(PERFORMANCE))
        return (look for look in looks if look.performance.labelled)

    def bias(self) -> BiasLook | None:
        """The bias monitor's newest look that had rows enough."""
        return next((look for look in map(BiasLook.from_json, self._looks(BIAS)) if look.judged), None)

    def estimate(self) -> EstimateLook | None:
        """The newest look at estimated performance that had enough rows."""
        return next(self.estimates(), None)

    def estimates(self) -> Iterator[EstimateLook]:
        """All of those, newest first."""
        looks = map(EstimateLook.from_json, self._looks(ESTIMATED_PERFORMANCE))
        return (look for look in looks if look.primary.value is not None)

    def realised(self, look: EstimateLook) -> Performance | None:
        """What the labels known by now say of the predictions that a look estimated."""
        now = self.cloud.now()
        counted = OutcomeHours(CuratedHours(self._store, self.spec, now, now - look.start))
        baseline = counted.baseline(look.version)
        hours = naming.window_hours(look.end, -int((look.start - look.end) // timedelta(hours=1)))
        return None if baseline is None else measure(counted.window(baseline, hours))

    @property
    def _store(self) -> Store:
        return Store(self.cloud.client("s3"), self.bucket)

    def _looks(self, monitor: str) -> Iterator[bytes]:
        """The looks of a monitor, newest first."""
        keys = sorted(self._store.keys(f"{naming.findings_prefix(self.spec.name)}{monitor}/"), reverse=True)
        return (stored for key in keys if (stored := self._store.get(key)) is not None)
