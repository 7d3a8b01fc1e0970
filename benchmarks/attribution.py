"""`python -m benchmarks.attribution`: what explanations cost, how exact they are, how often drift is right.

Boosted trees on 8, 20 and 100 features, a few of which matter most and in pairs, are explained exactly by the shap
library and by sampling, both against the same 200 background rows. The tables of docs/explanation.md are its output.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import GradientBoostingClassifier

from watchkeeper.attribution import (
    Attributions,
    DriftSettings,
    Importance,
    PlanSettings,
    Scale,
    Verdict,
    attributions,
    examine,
    ndcg,
    plan,
)
from watchkeeper.attribution.exact import exact_attributions

Floats = NDArray[np.float64]
WIDTHS = (8, 20, 100)
BACKGROUND = 200
EXPLAINED = 400


@dataclass(frozen=True)
class Case:
    """A model, rows, and their exact contributions."""

    model: GradientBoostingClassifier
    rows: pd.DataFrame
    background: pd.DataFrame
    exact: Attributions


def case(features: int, seed: int = 1) -> Case:
    """A fitted model of so many features, whose weights fall by a tenth from one to the next."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(6000, features))
    weights = 0.9 ** np.arange(features)
    signal = values @ weights + values[:, 0] * values[:, 1] - values[:, 2] * values[:, 3]
    label = (signal + random.logistic(size=len(values)) > 0).astype(int)
    table = pd.DataFrame(values, columns=[f"x{place}" for place in range(features)])
    model = GradientBoostingClassifier(max_depth=4, n_estimators=100, subsample=0.5, random_state=0)
    model.fit(table[:4000], label[:4000])
    rows, background = table[4000 : 4000 + EXPLAINED], table[5000 : 5000 + BACKGROUND]
    return Case(model, rows, background, exact_attributions(model, rows, background))


def sample(each: Case, rows: int, pairs: int, seed: int) -> tuple[int, Attributions, float]:
    """Requests, contributions, and CPU seconds of planning and reading, without the model's."""
    settings = PlanSettings(pairs=pairs, most_requests=10_000_000, seed=seed)
    begun = time.process_time()
    made = plan(
        list(each.rows.columns), each.rows[:rows].to_numpy().tolist(), each.background.to_numpy().tolist(), settings
    )
    asked = pd.DataFrame(list(made.requests()), columns=each.rows.columns)
    spent = time.process_time() - begun
    answers = each.model.predict_proba(asked)[:, 1]
    begun = time.process_time()
    found = attributions(made, answers, scale=Scale.LOG_ODDS)
    return len(made), found, spent + time.process_time() - begun


def single(each: Case, pairs: int, rows: int) -> str:
    """One line: predictions explained one by one."""
    true = each.exact.values[:rows]
    requests, found, _ = sample(each, rows, pairs, seed=pairs)
    away = found.values - true
    largest = np.abs(true).max(axis=1)
    error = np.sqrt(np.square(away).mean(axis=1)) / largest
    worst = np.abs(away).max(axis=1) / largest
    held = np.abs(away) <= 2 * found.errors + 1e-9
    first = np.abs(found.values).argmax(axis=1) == np.abs(true).argmax(axis=1)
    return (
        f"| {true.shape[1]} | {pairs} | {requests / rows:,.0f} | {error.mean():.1%} | {worst.mean():.0%} | "
        f"{held.mean():.0%} | {first.mean():.0%} |"
    )


def whole(each: Case, rows: int, pairs: int, repeats: int) -> str:
    """One line: what the model goes by, from so many rows, against all rows explained exactly."""
    exact = Importance.of(each.exact)
    shares, sums, scores, seconds = [], [], [], []
    for seed in range(repeats):
        requests, found, spent = sample(each, rows, pairs, seed)
        importance = Importance.of(found)
        shares.append(np.abs(importance.shares - exact.shares).max())
        sums.append(importance.means.sum() / np.abs(each.exact.values[:rows]).mean(axis=0).sum())
        scores.append(ndcg(exact.means, importance.means))
        seconds.append(spent)
    return (
        f"| {len(exact.features)} | {rows} | {pairs} | {requests:,} | {100 * np.mean(shares):.1f} | "
        f"{np.mean(scores):.3f} | {np.mean(sums):.2f} | {np.mean(seconds):.2g} |"
    )


def alarms(rows: int, features: int, changed: Callable[[Floats], Floats], looks: int) -> tuple[float, ...]:
    """Mean NDCG; shares of looks with NDCG below the limit, found drifted, and found shifted."""
    means = 0.9 ** np.arange(features)
    found = []
    for seed in range(looks):
        random = np.random.default_rng(seed)
        sides = [_importance(each, rows, random) for each in (means, changed(means))]
        found.append(examine(*sides, DriftSettings(draws=500)))
    below = np.mean([each.ndcg < each.limit for each in found])
    verdicts = [np.mean([each.verdict is verdict for each in found]) for verdict in (Verdict.DRIFT, Verdict.SHIFTED)]
    return float(np.mean([each.ndcg for each in found])), float(below), *map(float, verdicts)


def _importance(means: Floats, rows: int, random: np.random.Generator) -> Importance:
    values = means * random.exponential(size=(rows, len(means)))
    names = tuple(f"x{place}" for place in range(len(means)))
    nothing = np.zeros(rows)
    return Importance.of(Attributions(names, values, 0 * values, nothing, nothing))


def _swapped(means: Floats) -> Floats:
    return np.concatenate([means[4:8], means[:4], means[8:]])


def _first_gone(means: Floats) -> Floats:
    return np.concatenate([[0.0], means[1:]])


CHANGES = {
    "none": lambda means: means,
    "the first feature contributes nothing": _first_gone,
    "the first four change places with the next four": _swapped,
    "order reversed": lambda means: means[::-1],
}


def measure(quick: bool) -> Iterator[str]:
    """The tables, line by line."""
    cases = {features: case(features) for features in (WIDTHS[:2] if quick else WIDTHS)}
    yield "| features | pairs | rows asked | error | worst feature | within 2 errors | first feature right |"
    yield "|---|---|---|---|---|---|---|"
    for each in cases.values():
        for pairs in (16, 64, 256):
            yield single(each, pairs, rows=4 if quick else 20)
    yield "\n| features | rows | pairs | rows asked | worst share, points | NDCG | sum, of exact | CPU s |"
    yield "|---|---|---|---|---|---|---|---|"
    for each in cases.values():
        for rows, pairs in ((50, 4), (200, 4), (200, 16)):
            yield whole(each, rows, pairs, repeats=2 if quick else 4)
    yield "\n| change | features | rows | NDCG | below 0.90 | drift | shifted |"
    yield "|---|---|---|---|---|---|---|"
    for name, changed in CHANGES.items():
        for features, rows in ((8, 50), (20, 200), (100, 50)):
            figures = alarms(rows, features, changed, looks=20 if quick else 200)
            yield f"| {name} | {features} | {rows} | {' | '.join(f'{each:.2f}' for each in figures)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attribution", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and features, to see whether all of it works")
    for line in measure(parser.parse_args().quick):
        print(line, flush=True)
