"""Several windows at once: what is too slow for one of them shows in the sum of many.

Time is cut into increments of equal length. Merges of 1, 2, 4 … 32 of them, aligned to the calendar, are compared by
the same `compare`, each when it closes. Every length gets an equal part of the budget per unit of time, so one of 2^k
increments, tested only every 2^k of them, has 2^k·α/6 at each test. Nothing is tuned, and nothing is kept but the
profiles: a look is a function of the increments and the time, and may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from watchkeeper.drift.budget import SCALES
from watchkeeper.drift.calibration import Calibration
from watchkeeper.drift.compare import LARGEST_ALPHA, alpha_per_look, compare
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Finding, Findings, Verdict
from watchkeeper.profile import Baseline, Profile, merge_all
from watchkeeper.spec import DriftMonitor

_TURNS = 4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Increment:
    """The rows of a stretch of time; all increments are equally long."""

    start: datetime
    end: datetime
    profile: Profile


def closing(end: datetime, length: timedelta, scales: Sequence[int] = SCALES) -> tuple[int, ...]:
    """The merges that close at `end`, counted in increments of this length since 1970."""
    number = round((end - _EPOCH) / length)
    return tuple(scale for scale in scales if number % scale == 0)


@dataclass(frozen=True)
class ScaleLook:
    """What was found in the merge of `scale` increments, and that merge."""

    scale: int
    window: Profile
    findings: Findings


def compare_scales(
    baseline: Baseline,
    increments: Sequence[Increment],
    monitor: DriftMonitor,
    *,
    calibration: Calibration | None = None,
    scales: Sequence[int] = SCALES,
) -> Findings:
    """One look at the end of the last increment, at all merges that close there (see `look_at_scales`)."""
    looks = look_at_scales(baseline, increments, monitor, calibration=calibration, scales=scales)
    return combined([look.findings for look in looks])


def look_at_scales(
    baseline: Baseline,
    increments: Sequence[Increment],
    monitor: DriftMonitor,
    *,
    calibration: Calibration | None = None,
    scales: Sequence[int] = SCALES,
) -> list[ScaleLook]:
    """Compare every merge that closes at the end of the last increment; those without traffic may be left out.

    A finding's `span` is the length of its merge, and `since` when the change most likely began.

    Raises
    ------
    ProfileError
        There is no increment, or they differ in length.
    """
    if len({item.end - item.start for item in increments}) != 1:
        raise ProfileError(
            f"{len(increments)} increments of different lengths, or none, cannot be looked at: give those of one "
            "length, the last of which has just ended."
        )
    ordered = sorted(increments, key=lambda item: item.end)
    end, length = ordered[-1].end, ordered[-1].end - ordered[-1].start
    alpha = alpha_per_look(monitor)
    looks = []
    for scale in closing(end, length, scales):
        inside = [item for item in ordered if item.start >= end - scale * length]
        window = merge_all((item.profile for item in inside), baseline.empty())
        findings = compare(
            baseline,
            window,
            monitor,
            start=end - scale * length,
            end=end,
            calibration=calibration,
            alpha=min(LARGEST_ALPHA, scale * alpha / len(scales)),
        )
        looks.append(ScaleLook(scale, window, _dated(findings, baseline, inside)))
    return looks


def change_point(baseline: Baseline, increments: Sequence[Increment], place: int) -> datetime:
    """When a column most likely began to be as it is in these increments: the maximum of the likelihood ratio.

    Rows before the change look like the baseline's, p, rows after it like the others since then, q; so the sum of
    log(q/p) over the increments from the change on is largest. The change gives q and q the change, by turns, beginning
    with all increments. `place` counts the columns, features first.
    """
    counts = np.array([item.profile.tally(place).counts for item in increments], np.float64)
    before = np.asarray(baseline.reference.tally(place).counts, np.float64)
    first = 0
    for _ in range(_TURNS):
        after = counts[first:].sum(axis=0)
        ratio = np.log((after + 0.5) / (after.sum() + 1)) - np.log((before + 0.5) / (before.sum() + 1))
        first = int(np.argmax(np.cumsum((counts @ ratio)[::-1])[::-1]))
    return increments[first].start


def _dated(findings: Findings, baseline: Baseline, increments: Sequence[Increment]) -> Findings:
    """The same, with `since` of each drifted column looked for within the span."""
    if findings.verdict is not Verdict.DRIFT or len(increments) < 2:
        return findings
    binning = baseline.binning
    places = {name: place for place, name in enumerate(binning.features)}
    predicted = {name: place for place, name in enumerate(binning.predictions, len(places))}

    def dated(found: tuple[Finding, ...], where: dict[str, int]) -> tuple[Finding, ...]:
        return tuple(
            replace(finding, since=change_point(baseline, increments, where[finding.feature]))
            if finding.drifted
            else finding
            for finding in found
        )

    return replace(
        findings, features=dated(findings.features, places), predictions=dated(findings.predictions, predicted)
    )


def combined(looks: Sequence[Findings]) -> Findings:
    """The findings of the shortest merge with enough rows, each replaced by a longer one's that drifted alone."""
    first, *longer = [look for look in looks if look.verdict is not Verdict.INSUFFICIENT_DATA] or looks[:1]
    joined = replace(
        first,
        verdict=Verdict.DRIFT if any(look.verdict is Verdict.DRIFT for look in looks) else first.verdict,
    )
    for look in longer:
        joined = replace(
            joined,
            features=_preferred(joined.features, look.features),
            predictions=_preferred(joined.predictions, look.predictions),
            joint=(*joined.joint, *(finding for finding in look.joint if finding.drifted)),
        )
    return joined


def _preferred(found: tuple[Finding, ...], longer: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Keep what drifted already; take from the longer look what drifted there only, or was not seen before."""
    of_longer = {finding.feature: finding for finding in longer}
    kept = [
        of_longer[finding.feature] if not finding.drifted and _drifted(of_longer.get(finding.feature)) else finding
        for finding in found
    ]
    names = {finding.feature for finding in found}
    return (*kept, *(finding for finding in longer if finding.feature not in names))


def _drifted(finding: Finding | None) -> bool:
    return finding is not None and finding.drifted
