"""Attribution drift: whether a model goes by other features in a window than in its baseline.

As SageMaker Clarify has it, the window's ranking is scored by its normalised discounted cumulative gain: features in
the window's order, i = 1, 2, …, gain what they contribute in the baseline, a(f), divided by log₂(i + 1); the sum is
divided by that of the baseline's own order. Below 0.90 the model has drifted. Of features that contribute equally in
the window every order is as good, so their mean discount counts (McSherry & Najork 2008).

That score forgives much: a model that no longer goes by its first feature at all may keep 0.95. So each feature's share
of what moves predictions is compared as well; a change by evidence and by size makes a window "shifted".

Few rows rank features by chance, so drift needs evidence too: blocks of rows are drawn anew, in the baseline and in the
window, and the score must be below the limit by more than it varies then.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from watchkeeper.attribution.attributed import Floats
from watchkeeper.attribution.findings import AttributionFindings, Move, Verdict
from watchkeeper.attribution.importance import Importance, check_alike
from watchkeeper.attribution.wording import listed, percent
from watchkeeper.drift.tails import normal
from watchkeeper.errors import ConfigError

_MOST_TOLD = 3


@dataclass(frozen=True)
class DriftSettings:
    """How a window's ranking is judged.

    Attributes
    ----------
    limit : NDCG below which a model goes by other features, as Model Monitor has it
    alpha : chance of drift while the true NDCG is at the limit, and of any shift while all shares are the same
    share_floor : change of a feature's share that matters
    minimum_rows : explained rows that window and baseline need each
    draws, seed : of the bootstrap
    most_moves : features that findings tell of
    """

    limit: float = 0.90
    alpha: float = 0.01
    confidence: float = 0.95
    share_floor: float = 0.05
    minimum_rows: int = 50
    draws: int = 1000
    seed: int = 0
    most_moves: int = 10

    def __post_init__(self) -> None:
        if not (0 < self.limit <= 1 and 0 < self.alpha < 1 and 0 < self.confidence < 1):
            raise ConfigError(
                f"NDCG limit {self.limit}, alpha {self.alpha} and confidence {self.confidence} must lie between 0 and "
                "1: correct the one that does not."
            )
        if self.draws * self.alpha < 5:
            raise ConfigError(f"{self.draws} draws cannot show evidence at alpha {self.alpha}: take more draws.")


def ndcg(baseline: Floats, live: Floats) -> float:
    """Score of the order of `live` contributions, one for each feature, against those of the baseline.

    1 when the baseline has no contributions: then any order is as good.
    """
    discounts = 1 / np.log2(np.arange(2, len(baseline) + 2))
    _, group, sizes = np.unique(-live, return_inverse=True, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    discount = np.add.reduceat(discounts, starts) / sizes
    ideal = float(np.sort(baseline)[::-1] @ discounts)
    return float(baseline @ discount[group]) / ideal if ideal > 0 else 1.0


def examine(baseline: Importance, window: Importance, settings: DriftSettings | None = None) -> AttributionFindings:
    """One look at a window.

    Raises
    ------
    ExplanationError
        Baseline and window are of other features, or on another scale.
    """
    settings = settings or DriftSettings()
    check_alike(baseline, window)
    random = np.random.default_rng(settings.seed)
    score = ndcg(baseline.means, window.means)
    drawn = np.sort([*map(ndcg, _draws(baseline, settings.draws, random), _draws(window, settings.draws, random))])
    # how far draws are from the score is how far the score is from the truth, with the other sign (basic bootstrap)
    as_low = int(np.count_nonzero(drawn - score <= score - settings.limit))
    tail = (1 - settings.confidence) / 2
    highest, lowest = np.quantile(drawn, [1 - tail, tail]).tolist()
    p_value = (1 + as_low) / (1 + settings.draws)
    moves = _moves(baseline, window, settings)
    verdict, summary = _judged(baseline, window, score, p_value, settings)
    if verdict is not Verdict.INSUFFICIENT_DATA:
        summary += _told(moves)
        if verdict is Verdict.NO_DRIFT and any(move.moved for move in moves):
            verdict = Verdict.SHIFTED
    return AttributionFindings(
        verdict=verdict,
        ndcg=score,
        low=min(max(2 * score - highest, 0.0), score),
        high=max(min(2 * score - lowest, 1.0), score),
        limit=settings.limit,
        p_value=p_value,
        alpha=settings.alpha,
        rows=window.total,
        baseline_rows=baseline.total,
        unexplained=window.unexplained,
        moves=moves[: settings.most_moves],
        summary=summary,
    )


def _draws(importance: Importance, draws: int, random: np.random.Generator) -> Floats:
    """Means of blocks drawn with replacement, of shape (draws, features)."""
    held = importance.rows > 0
    blocks = int(held.sum())
    if not blocks:
        return np.zeros((draws, len(importance.features)))
    times = random.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws)
    drawn: Floats = (times @ importance.sums[held]) / (times @ importance.rows[held])[:, None]
    return drawn


def _judged(
    baseline: Importance, window: Importance, score: float, p_value: float, settings: DriftSettings
) -> tuple[Verdict, str]:
    fewest = min(baseline.total, window.total)
    if fewest < settings.minimum_rows:
        return (
            Verdict.INSUFFICIENT_DATA,
            f"Of {window.total} rows of the window and {baseline.total} of the baseline contributions are known; "
            f"{settings.minimum_rows} of each are needed.",
        )
    if not baseline.means.any():
        return Verdict.INSUFFICIENT_DATA, "In the baseline no feature contributes to any prediction."
    if not window.means.any():
        return Verdict.DRIFT, "In the window no feature contributes: the model answers the same whatever it is asked."
    against = f"NDCG {score:.2f}, limit {settings.limit:.2f}"
    if score >= settings.limit:
        return Verdict.NO_DRIFT, f"The model goes by its features in the baseline's order ({against})."
    if p_value >= settings.alpha:
        return (
            Verdict.NO_DRIFT,
            f"The ranking differs from the baseline's ({against}), but no more than {fewest} rows may by chance.",
        )
    return Verdict.DRIFT, f"The model goes by other features than in its baseline ({against})."


def _moves(baseline: Importance, window: Importance, settings: DriftSettings) -> tuple[Move, ...]:
    """All features, those whose shares changed most first."""
    before, after = baseline.shares, window.shares
    errors = np.hypot(baseline.share_errors, window.share_errors)
    change = after - before
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(change == 0, 0.0, np.abs(change) / errors)
    p_values = np.minimum(2 * normal(z), 1.0)
    corrected = np.minimum(p_values * len(change), 1.0)
    ranks_before, ranks_after = baseline.ranks, window.ranks
    found = []
    for place in np.argsort(-np.abs(change), kind="stable").tolist():
        name, places = baseline.features[place], (int(ranks_before[place]), int(ranks_after[place]))
        found.append(
            Move(
                feature=name,
                before=float(before[place]),
                after=float(after[place]),
                rank_before=places[0],
                rank_after=places[1],
                p_value=float(p_values[place]),
                corrected_p=float(corrected[place]),
                moved=bool(corrected[place] < settings.alpha and abs(change[place]) >= settings.share_floor),
                summary=f"{name} {percent(before[place])} → {percent(after[place])}" + _ranks(*places),
            )
        )
    return tuple(found)


def _ranks(before: int, after: int) -> str:
    return f" (rank {before} → {after})" if before != after else ""


def _told(moves: tuple[Move, ...]) -> str:
    told = [move.summary for move in moves if move.moved]
    return f" Shares of what moves predictions: {listed(told, _MOST_TOLD)}." if told else ""
