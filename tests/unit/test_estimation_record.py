"""Looks at estimated performance, and the record of earlier estimates that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from tests.unit.outcome_support import REGRESSION, drawn_numbers
from watchkeeper.errors import DatasetError, ProfileError
from watchkeeper.estimation import (
    EstimateLook,
    EstimateVerdict,
    Estimator,
    Trust,
    estimate,
    examine,
    past_windows,
    track_record,
)
from watchkeeper.estimation.track_record import MOST_WINDOWS
from watchkeeper.outcomes import OutcomeBinning, Outcomes, observe

HOUR = timedelta(hours=1)


@cache
def baseline() -> tuple[Outcomes, Estimator]:
    rows = drawn_numbers(10_000, seed=1)
    binning = OutcomeBinning.fit(REGRESSION, rows)
    return observe(binning, rows), Estimator.fit(binning, rows)


def window(seed: int, **world: float) -> Outcomes:
    return observe(baseline()[0].binning, drawn_numbers(1000, seed, **world))


def test_past_windows_are_cut_at_the_same_hours_whenever_one_looks() -> None:
    # given two looks within a window of six hours
    early, late = (datetime(2026, 11, 21, hour, 37, tzinfo=UTC) for hour in (12, 17))
    # when
    first = list(past_windows(early, 6 * HOUR, timedelta(days=1)))
    # then both see the same that have ended, newest first, without a gap or an overlap
    assert first == list(past_windows(late, 6 * HOUR, timedelta(days=1)))
    assert [hours[0].hour for hours in first] == [6, 0, 18, 12]
    starts = [start for hours in first for start in hours]
    assert len(starts) == len(set(starts)) == 24
    assert max(starts) == datetime(2026, 11, 21, 11, tzinfo=UTC)


def test_a_window_that_ends_at_the_look_is_past() -> None:
    # given
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    # then
    assert next(past_windows(noon, 2 * HOUR, timedelta(days=1))) == [noon - 2 * HOUR, noon - HOUR]


def test_a_horizon_shorter_than_a_window_has_no_past() -> None:
    assert list(past_windows(datetime(2026, 11, 21, tzinfo=UTC), timedelta(days=2), timedelta(days=1))) == []


def test_the_record_takes_the_newest_windows_whose_labels_have_come_and_no_more() -> None:
    # given more windows than a record holds, of which the newest have no labels yet
    taken = []

    def windows() -> Iterator[Outcomes]:
        for seed in range(3 * MOST_WINDOWS):
            taken.append(seed)
            yield window(seed, labelled=0.0 if seed < 2 else 1.0)

    # when
    found = track_record(baseline()[1], windows())

    # then
    assert {each.windows for each in found.metrics} == {MOST_WINDOWS}
    assert len(taken) == MOST_WINDOWS + 2
    assert found.trust is Trust.TRUSTWORTHY


@pytest.mark.parametrize(("wrong", "trust"), [(2, Trust.TRUSTWORTHY), (3, Trust.OFF)])
def test_three_wrong_windows_of_the_latest_condemn_an_estimator_that_was_right_before(wrong: int, trust: Trust) -> None:
    # given a long good record, and of late windows whose errors are far larger than features say
    right, worse = window(seed=100), window(seed=101, noise=3.0)
    # then
    assert track_record(baseline()[1], [worse] * wrong + [right] * 30).trust is trust


def test_without_any_window_nothing_is_known() -> None:
    assert track_record(baseline()[1], []).trust is Trust.UNKNOWN


def looked(**world: float) -> EstimateLook:
    outcomes, estimator = baseline()
    found, end = estimate(estimator, window(7, **world)), datetime(2026, 11, 21, 12, tzinfo=UTC)
    record = track_record(estimator, [window(seed) for seed in range(3)])
    return EstimateLook("credit", "v1", end - 6 * HOUR, end, examine(found, outcomes), found, record)


def test_a_look_is_read_as_it_was_written() -> None:
    # given
    look = looked()
    # then
    assert EstimateLook.from_json(look.to_json()) == look
    assert look.findings.verdict is EstimateVerdict.GOOD
    assert look.primary.name == "rmse"


@pytest.mark.parametrize("text", [b"", b"[]", b'{"format": 2}', b'{"format": 1}'])
def test_a_text_that_is_no_look_is_refused(text: bytes) -> None:
    with pytest.raises(ProfileError, match="written anew"):
        EstimateLook.from_json(text)


def test_the_error_of_a_look_is_in_units_of_what_matters() -> None:
    # given estimates of an RMSE of 2, of which a twentieth matters
    look = looked()
    # then
    error, floor = look.record["rmse"].error, look.record["rmse"].floor
    assert floor == pytest.approx(0.1, rel=0.1)
    assert look.error == pytest.approx(error / floor)
    assert replace(look, record=track_record(baseline()[1], [])).error is None


def test_a_holdout_of_too_few_rows_teaches_nothing() -> None:
    # given
    rows = drawn_numbers(99, seed=1)
    # then
    with pytest.raises(DatasetError, match=r"99 of the baseline's rows have both .* it takes 100"):
        Estimator.fit(OutcomeBinning.fit(REGRESSION, rows), rows)
