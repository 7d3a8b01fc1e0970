"""What a model goes by as a whole: the mean |contribution| of each feature, mergeable over windows.

Rows are summed in blocks, in their order. Two importances merge by adding block to block, so that any window is a
merge of small files. The blocks tell how much the means vary by chance, also where rows come in bursts: those of a
burst share a block.

Sampled contributions are noisy, which raises their size: means by an eighth at 4 pairs of walks, by a thirtieth at 16.
It raises those of all features alike, so shares and ranks hardly notice; compare means of equal numbers of pairs only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from watchkeeper import jsonio
from watchkeeper.attribution.attributed import Attributions, Floats, Scale
from watchkeeper.drift.tails import normal_quantile
from watchkeeper.errors import ExplanationError
from watchkeeper.spec import AttributionMethod

FORMAT = 1
BLOCKS = 64


@dataclass(frozen=True)
class Ranked:
    """One feature's part in what a model goes by.

    Attributes
    ----------
    rank : 1 for the feature that contributes most
    mean, low, high : mean |contribution|, with its interval
    share, share_low, share_high : of the sum over all features, with its interval
    """

    feature: str
    rank: int
    mean: float
    low: float
    high: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True)
class Importance:
    """Sums of |contributions| of some explained rows.

    Attributes
    ----------
    rows : int64 of shape (blocks,): explained rows in each block
    sums : of shape (blocks, features): their |contributions|
    unexplained : rows that could not be explained, for want of answers
    because : why it was sampled though exact values were wanted
    """

    features: tuple[str, ...]
    scale: Scale
    rows: NDArray[np.int64]
    sums: Floats
    unexplained: int = 0
    method: AttributionMethod = AttributionMethod.SAMPLING
    because: str = ""

    @classmethod
    def of(cls, found: Attributions, because: str = "") -> Importance:
        """Of attributions, whose rows are best in the order in which they were served."""
        good = found.explained
        count = int(good.sum())
        block = np.arange(count) * BLOCKS // max(count, 1)
        sums = np.zeros((BLOCKS, len(found.features)))
        np.add.at(sums, block, np.abs(found.values[good]))
        rows = np.bincount(block, minlength=BLOCKS).astype(np.int64)
        return cls(found.features, found.scale, rows, sums, len(good) - count, found.method, because)

    @property
    def total(self) -> int:
        """Explained rows."""
        return int(self.rows.sum())

    @property
    def means(self) -> Floats:
        """Mean |contribution| of each feature."""
        means: Floats = self.sums.sum(axis=0) / max(self.total, 1)
        return means

    @property
    def errors(self) -> Floats:
        """Standard error of each mean."""
        return self._error_of_ratio(self.means, self.rows[:, None].astype(np.float64))

    @property
    def shares(self) -> Floats:
        """Each feature's share of the sum of all means; nothing where no feature contributes."""
        means = self.means
        whole = means.sum()
        return means / whole if whole > 0 else np.zeros(len(means))

    @property
    def share_errors(self) -> Floats:
        """Standard error of each share."""
        return self._error_of_ratio(self.shares, self.sums.sum(axis=1, keepdims=True))

    @property
    def ranks(self) -> NDArray[np.int64]:
        """Each feature's rank, 1 for the largest mean; of equal ones, the model's order decides."""
        ranks = np.empty(len(self.features), np.int64)
        ranks[np.argsort(-self.means, kind="stable")] = np.arange(1, len(self.features) + 1)
        return ranks

    def ranking(self, confidence: float = 0.95) -> tuple[Ranked, ...]:
        """All features, the one that contributes most first."""
        reach = float(normal_quantile((1 + confidence) / 2).item())
        means, errors, shares, share_errors = self.means, self.errors, self.shares, self.share_errors
        return tuple(
            Ranked(
                self.features[place],
                int(self.ranks[place]),
                *_interval(means[place], reach * errors[place], np.inf),
                *_interval(shares[place], reach * share_errors[place], 1.0),
            )
            for place in np.argsort(-means, kind="stable").tolist()
        )

    def merge(self, other: Importance) -> Importance:
        """Of both one's rows.

        Raises
        ------
        ExplanationError
            They are of other features, on another scale, or found out in another way.
        """
        check_alike(self, other)
        return replace(
            self,
            rows=self.rows + other.rows,
            sums=self.sums + other.sums,
            unexplained=self.unexplained + other.unexplained,
        )

    def to_json(self) -> bytes:
        """JSON bytes."""
        document = {"format": FORMAT, "features": self.features, "scale": self.scale, "unexplained": self.unexplained}
        how = {"method": self.method, "because": self.because}
        return jsonio.dumps(document | how | {"rows": self.rows.tolist(), "sums": self.sums.tolist()})

    @classmethod
    def from_json(cls, text: bytes) -> Importance:
        """Read what `to_json` wrote.

        Raises
        ------
        ExplanationError
            The text is no importance of this format.
        """
        try:
            document = jsonio.loads(text)
            if document["format"] != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            features = tuple(document["features"])
            rows, sums = np.array(document["rows"], np.int64), np.array(document["sums"], np.float64)
            if rows.shape != (BLOCKS,) or sums.shape != (BLOCKS, len(features)):
                raise ValueError("its blocks are not complete")
            # one of a time when there was no other way than sampling does not say so
            method = AttributionMethod(document.get("method", AttributionMethod.SAMPLING))
            unexplained, because = int(document["unexplained"]), str(document.get("because", ""))
            return cls(features, Scale(document["scale"]), rows, sums, unexplained, method, because)
        except (ValueError, KeyError, TypeError) as error:
            raise ExplanationError(
                f"The text is no record of what a model goes by ({error!r}): explain the window anew."
            ) from error

    def _error_of_ratio(self, ratio: Floats, below: Floats) -> Floats:
        """Standard error of the ratio of sums over blocks to sums of `below`, by linearisation."""
        held = self.rows > 0
        blocks, whole = int(held.sum()), float(below.sum())
        if blocks < 2 or whole <= 0:
            return np.full(len(ratio), np.inf)
        away = (self.sums - ratio * below)[held]
        errors: Floats = np.sqrt(blocks / (blocks - 1) * np.square(away).sum(axis=0)) / whole
        return errors


def check_alike(one: Importance, other: Importance) -> None:
    """Refuse importances that cannot be put together or compared.

    Raises
    ------
    ExplanationError
        They are of other features, on another scale, or found out in another way.
    """
    if (one.features, one.scale, one.method) != (other.features, other.scale, other.method):
        raise ExplanationError(
            f"Contributions of {len(one.features)} features as {one.scale} ({one.method}) and of "
            f"{len(other.features)} features as {other.scale} ({other.method}) are of different models or scales: take "
            "both of one version, explained in one way."
        )


def _interval(value: float, reach: float, most: float) -> tuple[float, float, float]:
    return float(value), max(0.0, float(value - reach)), min(most, float(value + reach))
