"""Does the challenger decide worse? McNemar's test on the rows where exactly one of the two is right.

The metric may rise while decisions at the threshold get worse, as they do where scores rank well but have shifted.
Under equal error rates the rows that the challenger alone gets wrong are half of those on which one is wrong alone
(McNemar 1947; the exact binomial in mid-p form, which Fagerland et al. 2013 recommend). The gate is against a
challenger that is surely worse, and by more than is tolerated.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.drift import tails
from watchkeeper.gates.contest import Contest
from watchkeeper.gates.result import GateResult, Status
from watchkeeper.spec import Gate

NAME = "decisions"


def decisions(gate: Gate, contest: Contest) -> GateResult:
    """Compare right and wrong decisions, row by row."""
    if not contest.classifies:
        return GateResult.not_applicable(NAME, "a regression decides nothing")
    before, after = (answers.decisions == contest.truth for answers in (contest.champion, contest.challenger))
    lost, won = int(np.count_nonzero(before & ~after)), int(np.count_nonzero(~before & after))
    p, loss = mcnemar(lost, won), (lost - won) / contest.rows
    reason = (
        f"right {before.mean():.2%} → {after.mean():.2%}: wrong now in {lost:,} rows that were right, right in {won:,} "
        f"that were wrong (p {p:.2g} of being worse)"
    )
    failed = p < 1 - gate.confidence and loss > gate.maximum_loss
    status = Status.FAILED if failed else Status.PASSED
    return GateResult(NAME, status, reason, float(before.mean()), float(after.mean()))


def mcnemar(lost: int, won: int) -> float:
    """One-sided mid-p of so many rows lost or more, if a row is as likely to be lost as won."""
    n = lost + won
    if not n:
        return 1.0
    at_least = _half_binomial(lost, n)
    return at_least - (at_least - _half_binomial(lost + 1, n)) / 2


def _half_binomial(least: int, n: int) -> float:
    """P(X ≥ least) for a binomial X of n halves: the incomplete beta function."""
    if least <= 0:
        return 1.0
    return 0.0 if least > n else float(tails.beta(0.5, 0.5, least, n - least + 1)[0])
