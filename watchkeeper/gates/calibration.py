"""Can the challenger's probabilities be trusted as far as the champion's?

The expected calibration error with bins of equal numbers of rows (Nixon et al. 2019): the mean distance between mean
score and share of hits. A binary model's score stands for the positive class, that of several classes for its decision
being right. The errors of both models are biased upwards alike, and their difference is bootstrapped in pairs.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.gates.contest import Answers, Contest
from watchkeeper.gates.draws import Draws, Values, resampled, whole
from watchkeeper.gates.result import GateResult, Status
from watchkeeper.spec import Gate, Task

NAME = "calibration"
BINS = 10


def calibration(gate: Gate, contest: Contest, seed: int = 0) -> GateResult:
    """Compare calibration errors; the challenger fails when its own is surely larger, by more than is tolerated."""
    tolerated = gate.calibration_loss
    if tolerated is None:
        return GateResult.not_applicable(NAME, "switched off")
    if not contest.classifies:
        return GateResult.not_applicable(NAME, "a regression gives no probabilities")
    both = contest.champion, contest.challenger
    for answers in both:
        if not np.all((answers.scores >= 0) & (answers.scores <= 1)):
            return GateResult.not_applicable(NAME, f"the {answers.name} does not answer all rows with a probability")
    hits = [_hits(contest, answers) for answers in both]
    every = whole(contest.rows)
    before, after = (float(error(hit, each.scores, every)[0]) for hit, each in zip(hits, both, strict=True))

    def worsening(draws: Draws) -> Values:
        first, second = (error(hit, each.scores, draws) for hit, each in zip(hits, both, strict=True))
        return second - first

    drawn = resampled(worsening, contest.rows, seed)
    low, high = (float(np.quantile(drawn, q)) for q in (1 - gate.confidence, gate.confidence))
    failed = after - before > tolerated and low > 0
    reason = (
        f"probabilities are off by {before:.2%} → {after:.2%} on average (change {after - before:+.2%}, at least "
        f"{low:+.2%} at {gate.confidence:.0%}; tolerated {tolerated:+.2%})"
    )
    return GateResult(NAME, Status.FAILED if failed else Status.PASSED, reason, before, after, -high, -low)


def error(hits: Values, scores: Values, draws: Draws) -> Values:
    """Expected calibration error of each draw, over bins that hold equal numbers of all rows.

    Parameters
    ----------
    hits : 1 where what the score is of came true, else 0; shape (rows,)
    draws : how often each row was drawn, shape (draws, rows)
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, scores, side="left")
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    gaps: Values = np.abs(np.add.reduceat((draws * (hits - scores))[:, order], starts, axis=1))
    errors: Values = gaps.sum(axis=1) / draws.sum(axis=1)
    return errors


def _hits(contest: Contest, answers: Answers) -> Values:
    if contest.task is Task.BINARY:
        return contest.truth
    right: Values = (answers.decisions == contest.truth).astype(np.float64)
    return right
