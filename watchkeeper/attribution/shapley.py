"""Shapley values of any model that answers rows, by sampling orders in which a row's values replace another's.

A walk starts at a background row and takes over the explained row's values one feature at a time, in a random order;
each step's change of the answer is credited to its feature, so that a walk sums to f(row) − f(background row) exactly.
The mean over orders and background rows is the Shapley value (Štrumbelj & Kononenko 2014) of the game whose players
are features and whose worth is the mean answer with the others' values drawn from the background. Every order is walked
in reverse as well, from the same background row: what features do together is then credited to both halves
(antithetic sampling, Mitchell et al. 2022), and models of pairwise interactions need no second order.

No model is imported: `plan` says which rows are to be asked, and `attributions` reads the answers. The same rows,
background and settings always give the same plan, so it need not be kept while a batch job answers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from watchkeeper.attribution.attributed import Attributions, Floats, Scale, log_odds
from watchkeeper.errors import ExplanationError

Row: TypeAlias = Sequence[object]
"""A request's raw values, in the order of the model's features: text from CSV, anything that JSON has."""
Places: TypeAlias = NDArray[np.int64]

LEAST_PAIRS = 2
"""Fewer pairs of walks would leave standard errors unknown."""


@dataclass(frozen=True)
class PlanSettings:
    """How much is asked.

    Attributes
    ----------
    pairs : pairs of walks for each explained row; standard errors fall with its root. 64 explain one prediction well,
        4 of each of 200 rows what a model goes by
    most_requests : rows that a plan may ask; about 20 MB of CSV at 20 features
    """

    pairs: int = 64
    most_requests: int = 200_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pairs < LEAST_PAIRS:
            raise ExplanationError(
                f"{self.pairs} pair of walks tells nothing of its error: take {LEAST_PAIRS} or more."
            )


@dataclass(frozen=True)
class Plan:
    """Rows to be asked, and which of them each walk goes through.

    Attributes
    ----------
    levels : of each feature, and of each value that is held, the values that occur
    codes : of shape (requests, features and values held): a distinct row to be asked each, as places in `levels`
    paths : of shape (explained rows, pairs, 2, features + 1): places in `codes`, from background row to explained row
    orders : of shape (explained rows, pairs, features): the feature that each step of the first walk changes; the
        second walk takes them in reverse
    """

    features: tuple[str, ...]
    levels: tuple[tuple[object, ...], ...]
    codes: NDArray[np.int32]
    paths: Places
    orders: Places

    def __len__(self) -> int:
        return len(self.codes)

    def requests(self) -> Iterator[tuple[object, ...]]:
        """The rows to be asked, as raw values; those that are held come behind the features."""
        for row in self.codes.tolist():
            yield tuple(values[code] for values, code in zip(self.levels, row, strict=True))


def requests_at_most(rows: int, features: int, pairs: int) -> int:
    """How many rows a plan asks when all values differ: equal values save requests.

    Each pair of walks has 2 (features − 1) rows between its ends; a row, and a background row, is asked once.
    """
    return rows * (2 * pairs * max(features - 1, 0) + 1 + pairs)


def rows_within(requests: int, features: int, pairs: int) -> int:
    """How many rows can be explained with so many requests."""
    return requests // requests_at_most(1, features, pairs)


def plan(
    features: Sequence[str],
    rows: Sequence[Row],
    background: Sequence[Row],
    settings: PlanSettings | None = None,
    held: Sequence[Row] = (),
) -> Plan:
    """Which rows to ask, to explain `rows` by how they differ from `background`.

    Background rows are dealt out in a random order, all of them before any comes again.

    Parameters
    ----------
    background : rows of the model's baseline, a sample that stands for what it usually sees; 100 or more do
    held : of each explained row, further values that the model takes and that every step of its walks has: nothing is
        credited to them

    Raises
    ------
    ExplanationError
        There is nothing to explain or to compare with, a row has another number of values than there are features, or
        the plan would ask more than it may.
    """
    settings = settings or PlanSettings()
    _check(features, rows, background, settings)
    random = np.random.default_rng(settings.seed)
    levels, codes = _coded([*rows, *background], len(features))
    held_levels, held_codes = _coded(held or [()] * len(rows), len(held[0]) if held else 0)
    explained, others = codes[: len(rows)], codes[len(rows) :]
    dealt = np.resize(random.permutation(len(others)), (len(rows), settings.pairs))
    orders = random.permuted(np.tile(np.arange(len(features)), (len(rows), settings.pairs, 1)), axis=2)
    asked: dict[bytes, int] = {}
    paths = np.empty((len(rows), settings.pairs, 2, len(features) + 1), np.int64)
    for place, row in enumerate(explained):
        walks = _walks(row, others[dealt[place]], orders[place], held_codes[place])
        texts = (step.tobytes() for step in walks.reshape(-1, walks.shape[-1]))
        paths[place] = np.fromiter((asked.setdefault(text, len(asked)) for text in texts), np.int64).reshape(
            walks.shape[:-1]
        )
    levels += held_levels
    table = np.frombuffer(b"".join(asked), np.int32).reshape(-1, len(levels))
    return Plan(tuple(features), levels, table, paths, orders)


def attributions(
    made: Plan, answers: Floats, outputs: Sequence[int] | None = None, scale: Scale = Scale.SCORE
) -> Attributions:
    """What the answers to a plan's requests say of each explained row and feature.

    A pair of walks with an answer that is not finite is left out; a row of which fewer than two pairs remain has NaN.

    Parameters
    ----------
    answers : of shape (requests,), or (requests, outputs) for a model of several classes
    outputs : of each explained row, which of several outputs is explained: most often the predicted class's
    scale : `LOG_ODDS` when answers are probabilities and contributions shall add on that scale

    Raises
    ------
    ExplanationError
        There are more or fewer answers than requests, or it is not said which output is explained.
    """
    answered = _answers(made, np.asarray(answers, np.float64), outputs)
    if scale is Scale.LOG_ODDS:
        answered = log_odds(answered)
    good = np.isfinite(answered).all(axis=(2, 3))
    enough = good.sum(axis=1) >= LEAST_PAIRS
    weights = np.where(enough[:, None] & good, 1.0, 0.0)[:, :, None]
    each = np.where(good[:, :, None], _contributions(answered, made.orders), 0.0)
    pairs = np.where(enough, good.sum(axis=1), np.nan)[:, None]
    values = (each * weights).sum(axis=1) / pairs
    spread = (np.square(each - values[:, None]) * weights).sum(axis=1) / (pairs - 1)
    return Attributions(
        features=made.features,
        values=values,
        errors=np.sqrt(spread / pairs),
        base=(np.where(good, answered[:, :, 0, 0], 0.0)).sum(axis=1) / pairs[:, 0],
        predictions=answered[:, 0, 0, -1],
        scale=scale,
        unanswered=int(np.count_nonzero(~np.isfinite(answers).reshape(len(made), -1).all(axis=1))),
    )


def _check(features: Sequence[str], rows: Sequence[Row], background: Sequence[Row], settings: PlanSettings) -> None:
    if not (features and rows and background):
        raise ExplanationError(
            f"{len(rows)} rows of {len(features)} features cannot be explained beside {len(background)} background "
            "rows: give at least one of each."
        )
    for what, table in (("Row", rows), ("Background row", background)):
        wrong = next((place for place, row in enumerate(table) if len(row) != len(features)), None)
        if wrong is not None:
            raise ExplanationError(
                f"{what} {wrong} has {len(table[wrong])} values, the model takes {len(features)}: give one for each "
                "feature, in the model's order."
            )
    most = requests_at_most(len(rows), len(features), settings.pairs)
    if most > settings.most_requests:
        raise ExplanationError(
            f"Explaining {len(rows)} rows of {len(features)} features by {settings.pairs} pairs of walks may ask "
            f"{most:,} rows, above {settings.most_requests:,}: explain "
            f"{rows_within(settings.most_requests, len(features), settings.pairs)} rows, or take fewer pairs."
        )


def _coded(rows: Sequence[Row], width: int) -> tuple[tuple[tuple[object, ...], ...], NDArray[np.int32]]:
    """Each feature's different values, and every row as places among them."""
    codes = np.empty((len(rows), width), np.int32)
    levels = []
    for feature in range(width):
        values: dict[tuple[type, str], object] = {}
        places: dict[tuple[type, str], int] = {}
        for place, row in enumerate(rows):
            value = row[feature]
            key = (type(value), repr(value))  # 1, 1.0 and true are different requests; lists have no hash
            codes[place, feature] = places.setdefault(key, len(places))
            values.setdefault(key, value)
        levels.append(tuple(values.values()))
    return tuple(levels), codes


def _walks(
    row: NDArray[np.int32], starts: NDArray[np.int32], orders: Places, held: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Rows of every step, of shape (pairs, 2, features + 1, features and values held)."""
    width = len(row)
    turn = np.argsort(orders, axis=1)  # when each feature changes in the first walk
    turns = np.stack([turn, width - 1 - turn], axis=1)
    taken = turns[:, :, None, :] < np.arange(width + 1)[:, None]
    walks = np.where(taken, row, starts[:, None, None, :])
    return np.concatenate([walks, np.broadcast_to(held, (*walks.shape[:-1], len(held)))], axis=-1)


def _answers(made: Plan, answers: Floats, outputs: Sequence[int] | None) -> Floats:
    """The answer at every step, of the shape of the plan's paths."""
    if len(answers) != len(made):
        raise ExplanationError(
            f"There are {len(answers)} answers to {len(made)} rows: the model must answer every row once, in order."
        )
    if answers.ndim == 1:
        return answers[made.paths]
    if outputs is None or len(outputs) != len(made.paths):
        raise ExplanationError(
            f"Each answer has {answers.shape[1]} values: say for each of the {len(made.paths)} rows which is explained."
        )
    chosen: Floats = answers[made.paths, np.asarray(outputs)[:, None, None, None]]
    return chosen


def _contributions(answered: Floats, orders: Places) -> Floats:
    """The mean of both walks of each pair, by feature: of shape (rows, pairs, features)."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(answered, axis=3)
    each = np.empty(orders.shape)
    np.put_along_axis(each, orders, (steps[:, :, 0] + steps[:, :, 1, ::-1]) / 2, axis=2)
    return each
