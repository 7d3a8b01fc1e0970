"""Is the challenger good enough? Both answer the same labelled rows; their difference is bootstrapped in pairs.

It passes when its gain is at least the minimum, and the lower confidence bound of the gain above the loss that is
tolerated.
"""

from __future__ import annotations

import numpy as np

from watchkeeper.errors import DatasetError
from watchkeeper.gates.contest import Answers, Contest
from watchkeeper.gates.draws import LOWER_IS_BETTER, METRICS, Draws, Values, resampled, whole
from watchkeeper.gates.result import GateResult, Status
from watchkeeper.spec import Gate

NAME = "performance"


def performance(gate: Gate, contest: Contest, seed: int = 0) -> GateResult:
    """Compare the metric that the model's file names.

    Raises
    ------
    DatasetError
        A row has no answer that the metric can use, or the labels do not allow it.
    """
    labels, metric = contest.truth, METRICS[gate.metric]
    champion, challenger = (_values(gate, answers) for answers in (contest.champion, contest.challenger))
    if gate.metric == "roc_auc" and len(np.unique(labels)) < 2:
        raise DatasetError("The holdout holds one class only, so roc_auc is undefined: more labelled rows are needed.")
    sign = -1.0 if gate.metric in LOWER_IS_BETTER else 1.0

    def gains(draws: Draws) -> Values:
        return sign * (metric(labels, challenger, draws) - metric(labels, champion, draws))

    every = whole(contest.rows)
    before, after = float(metric(labels, champion, every)[0]), float(metric(labels, challenger, every)[0])
    drawn = resampled(gains, contest.rows, seed)
    low, high = (float(np.nanquantile(drawn, q)) for q in (1 - gate.confidence, gate.confidence))
    status, reason = _verdict(gate, before, after, sign * (after - before), low)
    return GateResult(NAME, status, reason, before, after, low, high)


def _values(gate: Gate, answers: Answers) -> Values:
    values = answers.decisions if gate.metric == "accuracy" else answers.scores
    if (unknown := int(np.isnan(values).sum())) > 0:
        raise DatasetError(
            f"The {answers.name} left {unknown} of {len(values)} holdout rows without an answer that {gate.metric} can "
            "use. Check the model's output section."
        )
    return values


def _verdict(gate: Gate, before: float, after: float, gain: float, low: float) -> tuple[Status, str]:
    figures = (
        f"{gate.metric} {before:.4f} → {after:.4f} (gain {gain:+.4f}, at least {low:+.4f} at {gate.confidence:.0%})"
    )
    if gain < gate.minimum_gain:
        return Status.FAILED, f"{figures}: the gain is below the minimum of {gate.minimum_gain:+.4f}"
    if low < -gate.maximum_loss:
        return Status.FAILED, f"{figures}: a loss of more than {gate.maximum_loss:.4f} cannot be ruled out"
    return Status.PASSED, f"{figures}: good enough to replace the champion"
