"""What the drift monitor keeps between looks: how much healthy windows vary, and the slow drifts that stand.

A merge of many increments is tested only when it closes. What it found holds until it closes again: an alarm over a
slow drift must not go out at the next look, which is too short to see it. Everything here could be found again from the
profiles; it is kept so that a look reads only what is new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from watchkeeper import jsonio
from watchkeeper.drift.budget import SCALES
from watchkeeper.drift.calibration import Calibration
from watchkeeper.drift.sequential import Increment, ScaleLook, combined, look_at_scales
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Findings, Verdict
from watchkeeper.profile import Baseline, Profile
from watchkeeper.spec import DriftMonitor

FORMAT = 1


@dataclass(frozen=True)
class Scale:
    """Of the merges of one length.

    Attributes
    ----------
    history : all healthy ones so far, merged
    learned : when the last of them ended
    standing : what the last one found, if that was drift
    """

    history: Profile
    learned: datetime | None = None
    standing: Findings | None = None


@dataclass(frozen=True)
class Memory:
    """Of one baseline; `until` is the end of the last look."""

    calibration: Calibration
    scales: Mapping[int, Scale]
    until: datetime | None = None

    @classmethod
    def blank(cls, baseline: Baseline, calibration: Calibration | None = None) -> Memory:
        """Before the first look; the calibration may come from the baseline's own rows."""
        known = calibration or Calibration(baseline.id)
        return cls(known, {scale: Scale(baseline.empty()) for scale in SCALES})

    def after(self, baseline: Baseline, looks: Sequence[ScaleLook], end: datetime, length: timedelta) -> Memory:
        """With what these looks found; a look that comes again teaches nothing twice."""
        if self.until is not None and end <= self.until:
            return self
        calibration, scales = self.calibration, dict(self.scales)
        for look in looks:
            scale = scales[look.scale]
            verdict = look.findings.verdict
            if verdict is not Verdict.INSUFFICIENT_DATA:
                scale = replace(scale, standing=look.findings if verdict is Verdict.DRIFT else None)
            apart = scale.learned is None or end - look.scale * length >= scale.learned
            if verdict is Verdict.NO_DRIFT and apart:  # windows that overlap would count the same rows twice
                calibration = calibration.add(baseline, look.window, scale.history)
                scale = replace(scale, history=scale.history.merge(look.window), learned=end)
            scales[look.scale] = scale
        return Memory(calibration, scales, end)

    def to_json(self) -> bytes:
        """JSON bytes."""
        scales = {
            str(number): {
                "history": scale.history.to_document(),
                "learned": scale.learned and scale.learned.isoformat(),
                "standing": scale.standing and scale.standing.to_json().decode(),
            }
            for number, scale in self.scales.items()
        }
        until = self.until and self.until.isoformat()
        calibration = self.calibration.to_json().decode()
        return jsonio.dumps({"format": FORMAT, "until": until, "calibration": calibration, "scales": scales})

    @classmethod
    def from_json(cls, text: bytes, baseline: Baseline) -> Memory:
        """Read what `to_json` wrote.

        Raises
        ------
        ProfileError
            The text is no memory of looks at this baseline.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            calibration = Calibration.from_json(document["calibration"].encode())
            if calibration.baseline != baseline.id:
                raise ValueError(f"it is of baseline {calibration.baseline!r}, not {baseline.id!r}")
            scales = {int(number): _scale(item, baseline) for number, item in document["scales"].items()}
            return cls(calibration, scales, _time(document["until"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(
                f"The text is not what the drift monitor keeps ({error!r}): delete the object, and it is learned anew."
            ) from error


def next_look(
    baseline: Baseline, increments: Sequence[Increment], monitor: DriftMonitor, memory: Memory
) -> tuple[Findings, Memory]:
    """One look at the end of the last increment, and what to keep for the next."""
    looks = look_at_scales(baseline, increments, monitor, calibration=memory.calibration)
    length = increments[-1].end - increments[-1].start
    kept = memory.after(baseline, looks, increments[-1].end, length)
    judged = {look.scale for look in looks if look.findings.verdict is not Verdict.INSUFFICIENT_DATA}
    standing = [
        scale.standing for number, scale in sorted(memory.scales.items()) if scale.standing and number not in judged
    ]
    return combined([look.findings for look in looks] + standing), kept


def _scale(document: Mapping[str, Any], baseline: Baseline) -> Scale:
    standing = document["standing"]
    return Scale(
        Profile.from_document(document["history"], baseline.binning),
        _time(document["learned"]),
        standing and Findings.from_json(standing.encode()),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
