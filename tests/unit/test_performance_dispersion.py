"""Rows that come in bursts know less than as many independent ones, and alarms must not mistake them for a change."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from tests.unit.outcome_support import MULTICLASS, REGRESSION, SPEC, drawn_classes, drawn_numbers, expit, from_scores
from watchkeeper.outcomes import Labelled, OutcomeBinning, Outcomes, merge_all, observe
from watchkeeper.performance import CompareSettings, Verdict, compare, dispersion
from watchkeeper.performance.dispersion import LEAST_PAIRS
from watchkeeper.spec import ModelSpec

HOURS, AN_HOUR = 48, 50


def bursts(rows: int, seed: int, burst: int, slope: float = 1.0) -> Labelled:
    """Rows whose labels follow scores; those of a burst have a part of their log-odds in common."""
    random = np.random.default_rng(seed)
    logit = random.normal(-1, 1.2, rows)
    common = np.repeat(random.standard_normal(-(-rows // burst)), burst)[:rows]
    return from_scores(expit(logit), (random.random(rows) < expit(slope * (logit + 1) - 1 + common)).astype(int))


@cache
def baseline() -> Outcomes:
    rows = bursts(20_000, seed=1, burst=1)
    return observe(OutcomeBinning.fit(SPEC, rows), rows)


def hours(seed: int, burst: int, slope: Callable[[int], float] = lambda _: 1.0) -> list[Outcomes]:
    binning = baseline().binning
    return [observe(binning, bursts(AN_HOUR, 1000 * seed + hour, burst, slope(hour))) for hour in range(HOURS)]


def verdict(parts: list[Outcomes], overdispersion: float) -> Verdict:
    window = merge_all(parts, Outcomes.empty(baseline().binning))
    return compare(baseline(), window, CompareSettings(alpha=0.05, overdispersion=overdispersion)).verdict


def test_healthy_windows_of_bursts_stay_within_the_budget_of_false_alarms() -> None:
    # given windows of hours, each of which is one burst
    windows = [hours(seed, burst=AN_HOUR) for seed in range(1, 61)]
    # when they are looked at as if rows were independent, and as they are
    naive = sum(verdict(parts, 1.0) is not Verdict.GOOD for parts in windows)
    kept = sum(verdict(parts, dispersion(parts)) is not Verdict.GOOD for parts in windows)
    # then alpha, 3 of 60, holds for these alone as far as 60 windows tell (of 300 it was .057)
    assert naive >= 12
    assert kept <= 6


def test_independent_rows_are_counted_almost_one_by_one() -> None:
    factors = [dispersion(hours(seed, burst=1)) for seed in range(1, 31)]
    assert min(factors) >= 1.0
    assert np.mean(factors) < 1.15


def test_a_change_within_the_window_is_no_noise() -> None:
    # given windows in whose second half labels no longer follow scores
    windows = [hours(seed, 1, lambda hour: 1.0 if hour < HOURS / 2 else 0.0) for seed in range(1, 6)]
    # then it is seen all the same
    for parts in windows:
        assert dispersion(parts) < 1.4
        assert verdict(parts, dispersion(parts)) is not Verdict.GOOD


@pytest.mark.parametrize(
    ("spec", "draw"),
    [(REGRESSION, drawn_numbers), (MULTICLASS, drawn_classes)],
    ids=["regression", "multiclass"],
)
def test_other_tasks_tell_bursts_from_independent_rows(spec: ModelSpec, draw: Callable[..., Labelled]) -> None:
    # given independent hours, and hours in every other of which renters are predicted badly
    binning = OutcomeBinning.fit(spec, draw(5000, seed=1))
    rent = 1.0 if spec is MULTICLASS else 8.0
    even = [observe(binning, draw(400, seed=10 + hour)) for hour in range(24)]
    odd = [observe(binning, draw(400, seed=10 + hour, rent=rent * (hour % 2))) for hour in range(24)]
    # then
    assert 1.0 <= dispersion(even) < 1.6
    assert dispersion(odd) > 3


def test_too_few_hours_with_labels_tell_nothing() -> None:
    # given hours of which all but ten have no label
    parts = hours(1, burst=AN_HOUR)
    empty = [Outcomes.empty(baseline().binning)] * 20
    # then
    assert dispersion([*parts[:LEAST_PAIRS], *empty]) == 1.0
    assert dispersion([*parts[: LEAST_PAIRS + 1], *empty]) > 1.0
    assert dispersion([]) == 1.0


def test_hours_whose_rows_all_turned_out_alike_do_not_vary() -> None:
    # given
    rows = from_scores(np.full(50, 0.2), np.zeros(50, int))
    # then
    assert dispersion([observe(baseline().binning, rows)] * 20) == 1.0
