"""May a candidate replace the champion? Both answer the same labelled rows; their difference is bootstrapped in pairs.

Rows are drawn with replacement, the same for both models, so that what is hard for both cancels. The candidate passes
when its gain is at least the minimum, and the lower confidence bound of the gain is above the loss that is tolerated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from watchkeeper import jsonio
from watchkeeper.errors import DatasetError
from watchkeeper.spec import Gate

Values = NDArray[np.float64]
Draws = NDArray[np.float64]

RESAMPLES = 1000
_CELLS = 4_000_000
"""Draws held at a time: 32 MB."""


@dataclass(frozen=True)
class GateResult:
    """The gate's verdict.

    Attributes
    ----------
    champion, challenger : the metric of each on all rows
    gain : how much better the challenger is (for rmse: how much lower)
    low, high : one-sided confidence bounds of the gain
    """

    passed: bool
    reason: str
    metric: str
    champion: float
    challenger: float
    gain: float
    low: float
    high: float
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, text: bytes) -> GateResult:
        """Read a verdict as it is stored, beside what else is said of the run.

        Raises
        ------
        DatasetError
            The text is no verdict.
        """
        try:
            document = jsonio.loads(text)
            return cls(**{field.name: document[field.name] for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"The gate's verdict cannot be read ({error!r}): run the retraining again.") from error


def roc_auc(labels: Values, scores: Values, draws: Draws) -> Values:
    """Area under the ROC curve for each draw: the chance that a positive row scores above a negative one (ties half).

    Parameters
    ----------
    labels : 0 or 1, shape (n,)
    scores : shape (n,)
    draws : how often each row was drawn, shape (draws, n)

    Returns
    -------
    Shape (draws,); NaN where a draw lacks one of the classes.
    """
    order = np.argsort(scores, kind="stable")
    positive = draws[:, order] * labels[order]
    negative = draws[:, order] * (1 - labels[order])
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))  # rows of one score are one step of the curve
    positive, negative = np.add.reduceat(positive, starts, axis=1), np.add.reduceat(negative, starts, axis=1)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    areas = np.full(len(draws), np.nan)
    np.divide((positive * below).sum(axis=1), pairs, out=areas, where=pairs > 0)
    return areas


def accuracy(labels: Values, predicted: Values, draws: Draws) -> Values:
    """Share of rows whose predicted class is the label, for each draw (classes as numbers)."""
    return _mean(np.asarray(labels == predicted, dtype=np.float64), draws)


def rmse(labels: Values, predicted: Values, draws: Draws) -> Values:
    """Root of the mean squared error, for each draw."""
    roots: Values = np.sqrt(_mean(np.square(labels - predicted), draws))
    return roots


def _mean(values: Values, draws: Draws) -> Values:
    means: Values = draws @ values / draws.sum(axis=1)
    return means


METRICS: dict[str, Callable[[Values, Values, Draws], Values]] = {"roc_auc": roc_auc, "accuracy": accuracy, "rmse": rmse}
LOWER_IS_BETTER = frozenset({"rmse"})


def judge(gate: Gate, labels: Values, champion: Values, challenger: Values, seed: int = 0) -> GateResult:
    """Compare two models' answers to the same rows.

    Parameters
    ----------
    labels, champion, challenger : shape (n,); for roc_auc 0/1 and scores, for accuracy classes as numbers, for rmse
        values

    Raises
    ------
    DatasetError
        The answers do not match the labels, or the labels do not allow the metric.
    """
    _check(gate, labels, champion, challenger)
    metric = METRICS[gate.metric]
    sign = -1.0 if gate.metric in LOWER_IS_BETTER else 1.0
    whole = np.ones((1, len(labels)))
    before, after = float(metric(labels, champion, whole)[0]), float(metric(labels, challenger, whole)[0])
    gains = sign * _resampled(metric, labels, champion, challenger, seed)
    low, high = (float(np.nanquantile(gains, q)) for q in (1 - gate.confidence, gate.confidence))
    gain = sign * (after - before)
    passed, reason = _verdict(gate, before, after, gain, low)
    return GateResult(passed, reason, gate.metric, before, after, gain, low, high, len(labels))


def _check(gate: Gate, labels: Values, champion: Values, challenger: Values) -> None:
    if not len(labels) == len(champion) == len(challenger):
        raise DatasetError(
            f"{len(labels)} labels, {len(champion)} answers of the champion and {len(challenger)} of the challenger: "
            "every holdout row needs one of each. Look into the transform jobs' outputs."
        )
    if not len(labels):
        raise DatasetError("The holdout is empty: more labelled rows are needed.")
    for name, answers in (("champion", champion), ("challenger", challenger)):
        if np.isnan(answers).any():
            raise DatasetError(
                f"The {name} left {int(np.isnan(answers).sum())} of {len(answers)} holdout rows without an answer that "
                f"{gate.metric} can use. Check the model's output section."
            )
    if gate.metric == "roc_auc" and len(np.unique(labels)) < 2:
        raise DatasetError("The holdout holds one class only, so roc_auc is undefined: more labelled rows are needed.")


def _resampled(
    metric: Callable[[Values, Values, Draws], Values], labels: Values, champion: Values, challenger: Values, seed: int
) -> Values:
    """Challenger minus champion, on the same draws for both."""
    generator = np.random.default_rng(seed)
    rows = len(labels)
    batch = max(1, min(RESAMPLES, _CELLS // rows))
    differences = []
    for start in range(0, RESAMPLES, batch):
        size = min(batch, RESAMPLES - start)
        picks = generator.integers(rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        draws = np.bincount(picks.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)
        differences.append(metric(labels, challenger, draws) - metric(labels, champion, draws))
    return np.concatenate(differences)


def _verdict(gate: Gate, before: float, after: float, gain: float, low: float) -> tuple[bool, str]:
    figures = (
        f"{gate.metric} {before:.4f} → {after:.4f} (gain {gain:+.4f}, at least {low:+.4f} at {gate.confidence:.0%})"
    )
    if gain < gate.minimum_gain:
        return False, f"{figures}: the gain is below the minimum of {gate.minimum_gain:+.4f}"
    if low < -gate.maximum_loss:
        return False, f"{figures}: a loss of more than {gate.maximum_loss:.4f} cannot be ruled out"
    return True, f"{figures}: good enough to replace the champion"
