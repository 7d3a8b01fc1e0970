"""One trial: a reference drawn anew, windows observed against it, and what the monitor says of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, compare
from watchkeeper.findings import Findings, Verdict
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.spec import DriftMonitor

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Rate:
    """How many of the windows had evidence, and how many also size: an alarm."""

    windows: int = 0
    evidence: int = 0
    alarms: int = 0
    by: dict[str, int] = field(default_factory=dict)

    def add(self, findings: Findings) -> None:
        """Count one window."""
        every = (*findings.features, *findings.predictions, *findings.joint)
        self.windows += 1
        self.evidence += any(finding.corrected_p < findings.alpha for finding in every)
        self.alarms += findings.verdict is Verdict.DRIFT
        for group in ("features", "predictions", "joint"):
            self.by[group] = self.by.get(group, 0) + any(f.drifted for f in getattr(findings, group))

    @property
    def share(self) -> float:
        """Alarms a window."""
        return self.alarms / max(self.windows, 1)

    @property
    def error(self) -> float:
        """Standard error of the share, as if windows were independent."""
        return math.sqrt(max(self.share * (1 - self.share), 0.5 / max(self.windows, 1)) / max(self.windows, 1))


def monitor(alpha: float) -> DriftMonitor:
    """A monitor whose looks may each have this chance of a false alarm."""
    return DriftMonitor("rate(1 hour)", 1 / alpha, 24, 1.0, 1)


def baseline(block: Block) -> Baseline:
    """A baseline of these rows."""
    return Baseline.build("simulated", "v1", AT, Binning.fit(block.features, block.predictions), [block])


def judge(
    base: Baseline, windows: Iterable[Block | Profile], rate: Rate, alpha: float, calibration: Calibration | None = None
) -> None:
    """Compare windows, and count."""
    for window in windows:
        profile = window if isinstance(window, Profile) else base.observe(window)
        rate.add(compare(base, profile, monitor(alpha), start=AT, end=AT, calibration=calibration))
