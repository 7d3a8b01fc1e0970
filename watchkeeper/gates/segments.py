"""Does the challenger fail anybody? Both models' losses in every segment of every feature, row by row.

Segments are the cells that performance is watched by. In each with enough rows the challenger's loss is compared with
the champion's on the same rows: wrong decisions by McNemar's test, absolute errors by a paired t-test. P-values are
corrected by Holm's method over all segments, and the gate is against a challenger that is surely worse somewhere, by
more than is tolerated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from watchkeeper.drift import tails
from watchkeeper.gates.contest import Answers, Contest
from watchkeeper.gates.decisions import mcnemar
from watchkeeper.gates.draws import Values
from watchkeeper.gates.result import GateResult, Status
from watchkeeper.outcomes import partition
from watchkeeper.outcomes.segments import Segments
from watchkeeper.performance.segments import holm
from watchkeeper.spec import Gate

NAME = "segments"
SHOWN = 3
_LEAST = 1e-300
"""Of a champion that is never off."""


@dataclass(frozen=True)
class Loss:
    """One segment's rows.

    Attributes
    ----------
    worse : mean loss of the challenger less that of the champion: a share of rows, or of the champion's mean error
    p : one-sided, of being worse
    """

    segment: str
    rows: int
    worse: float
    p: float


def segments(gate: Gate, contest: Contest) -> GateResult:
    """Compare losses by segment."""
    tolerated = gate.segment_loss
    if tolerated is None:
        return GateResult.not_applicable(NAME, "switched off")
    found = _losses(contest, gate.segment_rows)
    if not found:
        return GateResult.not_applicable(NAME, f"no segment has {gate.segment_rows} labelled rows")
    corrected = holm(np.array([each.p for each in found]))
    sure = corrected < 1 - gate.confidence
    failing = [each for each, is_sure in zip(found, sure.tolist(), strict=True) if is_sure and each.worse > tolerated]
    if failing:
        worst = sorted(failing, key=lambda each: -each.worse)[:SHOWN]
        told = "; ".join(f"{each.segment} ({each.rows:,} rows) {each.worse:+.1%}" for each in worst)
        more = f" and {len(failing) - SHOWN} more" if len(failing) > SHOWN else ""
        reason = f"the loss grows by more than {tolerated:.0%} in {told}{more}, beyond chance in {len(found)} segments"
        return GateResult(NAME, Status.FAILED, reason)
    worst_of_all = max(found, key=lambda each: each.worse)
    reason = (
        f"in none of {len(found)} segments is the loss surely more than {tolerated:.0%} larger; the largest change is "
        f"{worst_of_all.worse:+.1%} in {worst_of_all.segment} ({worst_of_all.rows:,} rows)"
    )
    return GateResult(NAME, Status.PASSED, reason)


def _losses(contest: Contest, least: int) -> list[Loss]:
    """Of every segment that has so many rows."""
    before, after = (_loss(contest, answers) for answers in (contest.champion, contest.challenger))
    known = ~np.isnan(before) & ~np.isnan(after)
    scale = (
        1.0 if contest.classifies else max(float(before[known].mean()) if known.any() else 0.0, np.finfo(float).tiny)
    )
    difference = (after - before) / scale
    cells, found = Segments.fit(contest.features), []
    names = iter(cells.names())
    for name, each in cells.partitions.items():
        places = partition.places(name, each, contest.features)
        for cell in range(each.cells):
            label = next(names).cell
            rows = difference[known & (places == cell)]
            if len(rows) >= least:
                p = _of_decisions(rows) if contest.classifies else _of_errors(rows)
                found.append(Loss(f"{name} {label}", len(rows), float(rows.mean()), p))
    return found


def _loss(contest: Contest, answers: Answers) -> Values:
    """1 for a wrong decision; how far off a value is. NaN without an answer."""
    if contest.classifies:
        return np.where(np.isnan(answers.decisions), np.nan, (answers.decisions != contest.truth).astype(np.float64))
    away: NDArray[np.float64] = np.abs(answers.decisions - contest.truth)
    return away


def _of_decisions(differences: Values) -> float:
    return mcnemar(int(np.count_nonzero(differences > 0)), int(np.count_nonzero(differences < 0)))


def _of_errors(differences: Values) -> float:
    mean, deviation = float(differences.mean()), float(differences.std(ddof=1))
    if deviation == 0:
        return 0.0 if mean > 0 else 1.0
    return float(tails.student(mean * math.sqrt(len(differences)) / deviation, len(differences) - 1)[0])
