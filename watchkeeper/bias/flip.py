"""The counterfactual fliptest (FT): would people of one group have been answered otherwise, judged like their like?

Each member of the disfavoured group is answered by the majority of its k nearest neighbours in the favoured group, by
all features but those that make the groups. FT = (F⁺ − F⁻)/n_d: F⁺ counts those who were answered negatively and
whose neighbours were answered positively, F⁻ the reverse. Counts cannot tell who is near whom, so it needs rows: it is
made once of a version, of the rows that it was judged on (`flips`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.bias.binning import GroupBinning
from watchkeeper.bias.facet import Comparison
from watchkeeper.bias.metric import Basis, Stage
from watchkeeper.bias.positive import POSITIVE_OUTCOME, UNKNOWN
from watchkeeper.bias.result import Measurement, Verdict
from watchkeeper.bias.settings import BiasSettings
from watchkeeper.bias.sides import Floats
from watchkeeper.bias.wording import told
from watchkeeper.drift.tails import normal_quantile
from watchkeeper.outcomes.rows import Labelled
from watchkeeper.table import CategoryColumn, Column, NumberColumn

SHORT, NAME = "FT", "counterfactual fliptest"
MOST_LEVELS = 50
"""Categories that are told apart; rarer ones are alike."""
MOST_DIMENSIONS = 1_000
"""Of all categorical features together: where there are many, fewer categories of each are told apart."""
_AT_ONCE = 256
"""People whose distances are held in memory at a time."""
_ROUGHLY = 1e-8
"""Of the largest square there is: more than squares of distances are off that are computed as differences."""
_EQUAL = 1e-9
"""Distances that differ by no more are ties."""

Booleans: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class FlipSettings:
    """How neighbours are looked for.

    Attributes
    ----------
    neighbours : how many answer for a person; odd, so that there is a majority
    most_disfavoured, most_favoured : rows of either group that are looked at; of more, a random sample
    """

    neighbours: int = 5
    most_disfavoured: int = 5_000
    most_favoured: int = 20_000
    seed: int = 0


@dataclass(frozen=True)
class FlipTest:
    """The outcome for one comparison.

    Attributes
    ----------
    upward, downward : F⁺ and F⁻
    n, against_n : rows looked at of the disfavoured and of the favoured group
    """

    upward: int
    downward: int
    n: int
    against_n: int

    @property
    def value(self) -> float:
        """(F⁺ − F⁻)/n_d; 0 is neutral, and above it the group is treated worse than its like."""
        return (self.upward - self.downward) / self.n if self.n else 0.0

    def interval(self, deviations: float) -> tuple[float, float]:
        """So many standard deviations to either side, at most from −1 to 1; the neighbours are taken as they are.

        The variance is that of a difference of two shares of one multinomial, with half a row added to each count.
        """
        n = self.n + 1.5
        up, down = (self.upward + 0.5) / n, (self.downward + 0.5) / n
        reach = deviations * math.sqrt((up + down - (up - down) ** 2) / n)
        return max(-1.0, self.value - reach), min(1.0, self.value + reach)


def flip_test(
    binning: GroupBinning, comparison: Comparison, labelled: Labelled, settings: FlipSettings | None = None
) -> FlipTest:
    """Test rows that were answered; labels are not looked at.

    Raises
    ------
    DatasetError
        An attribute is none of the rows' columns, or the predictions are of the wrong kind.
    """
    settings = settings or FlipSettings()
    random = np.random.default_rng(settings.seed)
    places, outcomes = binning.places(comparison.facet, labelled), binning.positive.of_predictions(labelled)
    known = outcomes != UNKNOWN
    chosen = [
        _sample(np.flatnonzero(known & np.isin(places, members)), most, random)
        for members, most in (
            (comparison.disfavoured, settings.most_disfavoured),
            (comparison.favoured, settings.most_favoured),
        )
    ]
    people, others = chosen
    if not len(people) or not len(others):
        return FlipTest(0, 0, len(people), len(others))
    own_group = binning.facet(comparison.facet).attributes
    features = {name: column for name, column in labelled.features.items() if name not in own_group}
    points = encoded(features, np.concatenate(chosen))
    positive = outcomes == POSITIVE_OUTCOME
    votes = _votes(points[: len(people)], points[len(people) :], positive[others], settings.neighbours)
    own = positive[people]
    upward, downward = int(np.count_nonzero(~own & (votes > 0.5))), int(np.count_nonzero(own & (votes < 0.5)))
    return FlipTest(upward, downward, len(people), len(others))


def measurement(test: FlipTest, comparison: Comparison, settings: BiasSettings) -> Measurement:
    """A test's outcome among those of the metrics from counts: judged alone, never against a baseline."""
    shown, sure = (
        test.interval(float(normal_quantile(1 - tail / 2))) for tail in (1 - settings.confidence, settings.alpha)
    )
    limit = settings.tolerated.share
    near = max(sure[0], -sure[1])
    small = min(test.n, test.against_n) < settings.minimum_rows
    known = test.n > 0 and test.against_n > 0
    biased = not small and near > limit
    return Measurement(
        facet=comparison.facet,
        group=comparison.group,
        against=comparison.against,
        metric=SHORT,
        stage=Stage.MODEL,
        basis=Basis.PREDICTIONS,
        value=test.value if known else None,
        low=shown[0] if known else None,
        high=shown[1] if known else None,
        sure_low=None if small else sure[0],
        sure_high=None if small else sure[1],
        tolerated_low=-limit,
        tolerated_high=limit,
        verdict=_verdict(test, biased=biased, small=small, limit=limit),
        score=near / limit if biased else 0.0,
        baseline=None,
        drifted=False,
        drift_score=0.0,
        n=test.n,
        against_n=test.against_n,
        summary=_words(test, comparison, shown),
    )


def _verdict(test: FlipTest, *, biased: bool, small: bool, limit: float) -> Verdict:
    if not test.n or not test.against_n:
        return Verdict.NOT_MEASURED
    if small:
        return Verdict.TOO_SMALL
    if biased:
        return Verdict.BIASED
    return Verdict.WITHIN if abs(test.value) <= limit else Verdict.UNSURE


def _words(test: FlipTest, comparison: Comparison, interval: tuple[float, float]) -> str:
    more, sign = ("more", 1) if test.value >= 0 else ("less", -1)
    if not test.n or not test.against_n:
        return (
            f"{comparison.facet} {comparison.group} (n = {test.n:,}): {SHORT} is not measured, for nobody is to compare"
        )
    low, high = sorted(sign * end for end in interval)
    return (
        f"{comparison.facet} {comparison.group} (n = {test.n:,}) would be predicted positive {told(abs(test.value))} "
        f"{more} often, judged like their neighbours among {comparison.against}; {told(low)} to {told(high)}"
    )


def encoded(features: Mapping[str, Column], rows: NDArray[np.int64]) -> Floats:
    """Some rows as points, float64 of shape (rows, dimensions).

    Numbers and times are standardised over these rows; two different categories are one standard deviation apart. A
    missing number is taken as the mean, and has a dimension that says so; a missing category is a category.
    """
    parts: list[Floats] = [np.zeros((len(rows), 1))]  # there is a dimension, even without features
    categories = sum(isinstance(column, CategoryColumn) for column in features.values())
    levels = min(MOST_LEVELS, max(2, MOST_DIMENSIONS // max(1, categories)))
    for column in features.values():
        if isinstance(column, CategoryColumn):
            parts.append(_one_hot(column, rows, levels))
        else:
            values = column.values if isinstance(column, NumberColumn) else column.seconds
            parts.append(_standardised(values[rows]))
    return np.concatenate(parts, axis=1)


def _one_hot(column: CategoryColumn, rows: NDArray[np.int64], most: int) -> Floats:
    found = np.bincount(column.codes[rows] + 1, minlength=len(column.levels) + 1)
    kept = np.argsort(-found, kind="stable")[:most]
    hot: Floats = (column.codes[rows, None] + 1 == kept[None, found[kept] > 0]).astype(np.float64) / math.sqrt(2)
    return hot


def _standardised(values: Floats) -> Floats:
    given = np.isfinite(values)
    mean, deviation = (float(values[given].mean()), float(values[given].std())) if given.any() else (0.0, 0.0)
    scaled = np.where(given, values - mean, 0.0) / deviation if deviation else np.zeros(len(values))
    return scaled[:, None] if given.all() else np.stack([scaled, ~given], axis=1)


def _sample(rows: NDArray[np.int64], most: int, random: np.random.Generator) -> NDArray[np.int64]:
    return rows if len(rows) <= most else np.sort(random.choice(rows, most, replace=False))


def _votes(people: Floats, others: Floats, positive: Booleans, neighbours: int) -> Floats:
    """The share of positive answers among each one's nearest neighbours.

    Where more are equally far than are needed, each of them has an equal part of the votes that are left, so that no
    order of rows matters. Equal points are put together first, or few distinct ones would make many ties.

    All distances are computed, as a product of matrices: trees are slower where there are more than a few features.
    That is rough where points are close, so those that may be the nearest are measured again.
    """
    points, which = np.unique(others, axis=0, return_inverse=True)
    rows = np.bincount(which.ravel(), minlength=len(points))
    hits = np.bincount(which.ravel(), weights=positive, minlength=len(points))
    wanted, squares = min(neighbours, len(others)), np.square(points).sum(axis=1)
    largest = max(float(squares.max()), float(np.square(people).sum(axis=1).max()))
    votes = np.empty(len(people))
    for start in range(0, len(people), _AT_ONCE):
        some = people[start : start + _AT_ONCE]
        rough = squares - 2 * (some @ points.T)  # less the person's own square, which orders nothing
        first = np.partition(rough, min(wanted, len(points)) - 1, axis=1)[:, : min(wanted, len(points))]
        near = rough <= first.max(axis=1, keepdims=True) + _ROUGHLY * (1 + largest)
        for place, (person, close) in enumerate(zip(some, near, strict=True), start):
            votes[place] = _vote(person, points, np.flatnonzero(close), rows, hits, wanted)
    return votes


def _vote(
    person: Floats,
    points: Floats,
    close: NDArray[np.intp],
    rows: NDArray[np.intp],
    hits: Floats,
    wanted: int,
) -> float:
    """One person's share, of the points that are close, each of so many `rows` of which `hits` are positive."""
    away = np.sqrt(np.square(points[close] - person).sum(axis=1))
    order = np.argsort(away, kind="stable")
    furthest = away[order[np.searchsorted(np.cumsum(rows[close][order]), wanted)]]
    inner, tied = close[away < furthest - _EQUAL], close[np.abs(away - furthest) <= _EQUAL]
    left = (wanted - rows[inner].sum()) / rows[tied].sum()
    return float((hits[inner].sum() + left * hits[tied].sum()) / wanted)
