"""One trial: a reference drawn anew, windows observed against it, and what the monitor says of each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from watchkeeper.capture import Block
from watchkeeper.drift import Calibration, compare
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline, Binning, Profile
from watchkeeper.spec import DriftMonitor

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Rate:
    """How many of the windows had evidence, and how many also size: an alarm.

    Attributes
    ----------
    alarms : of the windows beside each reference, with how many windows that were
    """

    evidence: int = 0
    alarms: list[tuple[int, int]] = field(default_factory=list)

    @property
    def windows(self) -> int:
        """How many were judged."""
        return sum(windows for _, windows in self.alarms)

    @property
    def share(self) -> float:
        """Alarms a window."""
        return sum(alarms for alarms, _ in self.alarms) / max(self.windows, 1)

    @property
    def error(self) -> float:
        """Standard error of the share: windows beside one reference share its luck, and count together.

        Never below that of independent windows, which for a share of 0 is taken as half an alarm's.
        """
        windows = max(self.windows, 1)
        apart = math.sqrt(max(self.share * (1 - self.share), 0.5 / windows) / windows)
        together = math.sqrt(sum((alarms - count * self.share) ** 2 for alarms, count in self.alarms)) / windows
        return max(apart, together)


def monitor(alpha: float) -> DriftMonitor:
    """A monitor whose looks may each have this chance of a false alarm."""
    return DriftMonitor("rate(1 hour)", 1 / alpha, 24, 1.0, 1)


def baseline(block: Block) -> Baseline:
    """A baseline of these rows."""
    return Baseline.build("simulated", "v1", AT, Binning.fit(block.features, block.predictions), [block])


def judge(
    base: Baseline, windows: Iterable[Block | Profile], rate: Rate, alpha: float, calibration: Calibration | None = None
) -> None:
    """Compare windows with one reference, and count."""
    alarms = count = 0
    for window in windows:
        profile = window if isinstance(window, Profile) else base.observe(window)
        findings = compare(base, profile, monitor(alpha), start=AT, end=AT, calibration=calibration)
        every = (*findings.features, *findings.predictions, *findings.joint)
        rate.evidence += any(finding.corrected_p < findings.alpha for finding in every)
        alarms += findings.verdict is Verdict.DRIFT
        count += 1
    rate.alarms.append((alarms, count))
