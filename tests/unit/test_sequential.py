"""Several lengths of time at once: slow drift is found sooner, and it is said since when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import pytest
from scipy import stats

from tests.unit.drift_support import baseline, block, monitor
from watchkeeper.drift import Increment, compare_scales
from watchkeeper.drift.budget import SCALES
from watchkeeper.drift.sequential import closing
from watchkeeper.errors import ProfileError
from watchkeeper.findings import Verdict
from watchkeeper.profile import Baseline
from watchkeeper.table import CategoryColumn, NumberColumn

HOUR = timedelta(hours=1)
END = datetime(1970, 1, 1, tzinfo=UTC) + 32 * 15_500 * HOUR
"""All merges close here."""


@pytest.fixture(scope="module")
def base() -> Baseline:
    return baseline(rows(20_000, 1))


def rows(n: int, seed: int, move: float = 0.0):
    random = np.random.default_rng(seed)
    features = {f"n{place}": NumberColumn(random.standard_normal(n)) for place in range(5)}
    features["n0"] = NumberColumn(features["n0"].values + move)
    return block(features | {"c": CategoryColumn(random.integers(0, 4, n).astype(np.int32), ("a", "b", "c", "d"))})


def hours(base: Baseline, moves: list[float], n: int = 500, seed: int = 100) -> list[Increment]:
    """One increment an hour up to END, with these moves of the first column's mean."""
    first = END - len(moves) * HOUR
    return [
        Increment(first + place * HOUR, first + (place + 1) * HOUR, base.observe(rows(n, seed + place, move)))
        for place, move in enumerate(moves)
    ]


def test_a_merge_is_tested_when_it_closes():
    # given hours; when asked which merges close; then each does so at its own multiples
    assert closing(END, HOUR) == SCALES
    assert closing(END + HOUR, HOUR) == (1,)
    assert closing(END + 12 * HOUR, HOUR) == (1, 2, 4)


def test_the_budget_is_spent_equally_per_unit_of_time():
    # given the merges that close in 32 hours; when their alphas are added up
    alpha = 0.001
    spent = sum(scale * alpha / len(SCALES) for hour in range(1, 33) for scale in closing(END + hour * HOUR, HOUR))

    # then that is what 32 looks may spend
    assert spent == pytest.approx(32 * alpha)


def test_what_no_hour_shows_their_merge_does(base: Baseline):
    # given 16 hours with a mean moved by a tenth of a deviation
    increments = hours(base, [0.0] * 16 + [0.1] * 16)

    # when the last hour is looked at alone, and all lengths
    alone = compare_scales(base, increments[-1:], monitor(0.001), scales=(1,))
    merged = compare_scales(base, increments, monitor(0.001))

    # then only a merge finds it, and the finding says over which span
    assert alone.verdict is Verdict.NO_DRIFT
    assert merged.verdict is Verdict.DRIFT
    assert [finding.feature for finding in merged.drifted] == ["n0"]
    assert merged.drifted[0].span in {8 * HOUR, 16 * HOUR, 32 * HOUR}


def verdicts(base: Baseline, increments: list[Increment], scales: tuple[int, ...], alpha: float) -> Iterator[bool]:
    """Whether each hour's look finds drift."""
    for place in range(len(increments)):
        seen = increments[max(0, place + 1 - max(scales)) : place + 1]
        yield compare_scales(base, seen, monitor(alpha), scales=scales).verdict is Verdict.DRIFT


@pytest.mark.parametrize(
    ("what", "move"), [("slow", lambda hour: 0.003 * hour), ("small", lambda hour: 0.1), ("large", lambda hour: 0.4)]
)
def test_merges_find_slow_and_small_changes_sooner_and_large_ones_as_soon(
    base: Baseline, what: str, move: Callable[[int], float]
):
    # given streams that begin to change
    streams = [hours(base, [move(hour) for hour in range(64)], seed=10_000 * run) for run in range(1, 6)]

    # when each hour is looked at alone, and all lengths at the same budget
    alone, merged = (
        median(
            next((hour for hour, found in enumerate(verdicts(base, stream, scales, 0.001)) if found), 64)
            for stream in streams
        )
        for scales in ((1,), SCALES)
    )

    # then the median delay is shorter, or where an hour is enough, the same
    assert merged == alone == 0 if what == "large" else merged < 0.75 * alone


def test_merges_raise_no_more_false_alarms_than_their_budget_and_single_hours(base: Baseline):
    # given healthy streams
    streams = [hours(base, [0.0] * 64, seed=10_000 * run) for run in range(11, 15)]

    # when each hour is looked at alone, and all lengths at the same budget
    alone, merged = (sum(sum(verdicts(base, stream, scales, 0.02)) for stream in streams) for scales in ((1,), SCALES))

    # then alarms are as rare as allowed
    assert merged <= stats.binom.ppf(0.99, 4 * 64, 0.02)
    assert merged <= alone


def test_since_when_is_about_when_it_began(base: Baseline):
    # given a mean that moved by a quarter eleven hours ago; when all lengths are looked at
    findings = compare_scales(base, hours(base, [0.0] * 21 + [0.25] * 11), monitor(1e-9), scales=(32,))

    # then the finding dates it to within two hours
    since = findings.drifted[0].since
    assert since is not None
    assert abs(since - (END - 11 * HOUR)) <= 2 * HOUR


def test_hours_without_enough_rows_wait_for_the_merge(base: Baseline):
    # given hours of 40 rows, a tenth of what a look needs, in which a mean moved by a whole deviation
    increments = hours(base, [1.0] * 32, n=40)

    # when looked at
    findings = compare_scales(base, increments, monitor(0.01, minimum_rows=400))

    # then merges with enough rows find it
    assert findings.verdict is Verdict.DRIFT
    assert findings.rows >= 400


def test_no_rows_at_all_are_insufficient(base: Baseline):
    # given an hour without traffic; when looked at; then nothing is said
    empty = [Increment(END - HOUR, END, base.empty())]
    assert compare_scales(base, empty, monitor()).verdict is Verdict.INSUFFICIENT_DATA


def test_the_order_of_increments_does_not_matter(base: Baseline):
    # given increments; when shuffled; then the findings are the same
    increments = hours(base, [0.2] * 32)
    assert compare_scales(base, increments[::-1], monitor()) == compare_scales(base, increments, monitor())


def test_increments_of_different_lengths_are_refused(base: Baseline):
    # given an hour and a day, or none; when looked at; then the error says what is wrong
    odd = [Increment(END - 25 * HOUR, END - HOUR, base.empty()), Increment(END - HOUR, END, base.empty())]
    for increments in (odd, []):
        with pytest.raises(ProfileError, match="lengths"):
            compare_scales(base, increments, monitor())
