"""What a day costs follows from the slopes: it grows with rows where it must, and Glue comes in where functions end."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.scale import forecast as computed
from benchmarks.scale.forecast import CPUS, Slopes, forecast, largest_object, spark_hours

SLOPES = Slopes(
    features=20,
    row=4e-6,
    object=0.02,
    part=0.002,
    listed=8e-5,
    compare=0.02,
    bytes_of_row=500.0,
    bytes_of_profile=7500.0,
)


def test_a_small_model_s_day_is_that_of_its_objects() -> None:
    # when
    day = forecast(1e6, SLOPES)
    # then two instances leave an object a minute each
    assert day.objects == 2 * 60 * 24
    assert day.object_seconds == pytest.approx((0.02 + 1e6 / 2880 * 4e-6) / CPUS + 0.09)
    assert (day.looks_on_glue, day.glue_hours) == (0, 0.0)
    assert 0 < day.dollars < 0.1


def test_a_hundred_times_the_rows_cost_less_than_a_hundred_times_as_much() -> None:
    few, many = forecast(1e8, SLOPES), forecast(1e10, SLOPES)
    assert few.dollars < many.dollars < 100 * few.dollars
    assert few.concurrency < many.concurrency


def test_looks_go_to_glue_when_an_hour_has_more_profiles_than_a_function_may_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given
    before = forecast(1e10, SLOPES)
    # when
    monkeypatch.setattr(computed, "MOST_PARTS", before.parts_of_look - 1)
    after = forecast(1e10, SLOPES)
    # then each monitor's every look has a job, and is taken twice
    assert (before.looks_on_glue, after.looks_on_glue) == (0, 48)
    assert after.glue_hours > 0
    assert after.dollars > before.dollars


def test_wider_rows_leave_time_for_fewer_of_them() -> None:
    wide = dataclasses.replace(SLOPES, row=4e-5)
    assert largest_object(SLOPES) == pytest.approx(10 * largest_object(wide), rel=0.01)


def test_a_dpu_has_four_processors() -> None:
    assert spark_hours(1e9, 3.6e-6) == pytest.approx(0.25)
