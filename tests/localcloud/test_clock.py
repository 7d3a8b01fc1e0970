"""The clock: what fires when, and when time may jump."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from localcloud.clock import Clock
from localcloud.errors import StuckClockError

HOUR = timedelta(hours=1)


@pytest.fixture
def errors() -> list[tuple[str, Exception]]:
    return []


@pytest.fixture
def clock(errors: list[tuple[str, Exception]]) -> Iterator[Clock]:
    import time_machine

    clock = Clock(driven=True, on_error=lambda name, error: errors.append((name, error)))
    yield clock
    clock.close()
    while time_machine.traveller_stack:
        time_machine.travel(0).stop()


def test_a_timer_fires_at_its_time_when_the_clock_is_advanced_past_it(clock: Clock) -> None:
    # given
    start, fired = clock.now(), []
    clock.at(start + HOUR, lambda: fired.append(clock.now()), "one hour")
    # when
    clock.advance(start + 2 * HOUR)
    # then
    assert len(fired) == 1
    assert start + HOUR <= fired[0] < start + HOUR + timedelta(seconds=30)
    assert clock.now() >= start + 2 * HOUR


def test_a_timer_beyond_the_advance_does_not_fire(clock: Clock) -> None:
    # given
    start, fired = clock.now(), []
    clock.at(start + 2 * HOUR, lambda: fired.append(1), "later")
    # when
    clock.advance(start + HOUR)
    # then
    assert fired == []


def test_a_cancelled_timer_does_not_fire(clock: Clock) -> None:
    # given
    start, fired = clock.now(), []
    timer = clock.at(start + HOUR, lambda: fired.append(1), "cancelled")
    # when
    timer.cancel()
    clock.advance(start + 2 * HOUR)
    # then
    assert fired == []


def test_timers_that_rearm_themselves_fire_as_often_as_they_fit(clock: Clock) -> None:
    # given
    start, fired = clock.now(), []

    def tick() -> None:
        fired.append(clock.now())
        clock.at(start + HOUR * (len(fired) + 1), tick, "hourly")

    clock.at(start + HOUR, tick, "hourly")
    # when
    clock.advance(start + 24 * HOUR)
    # then
    assert len(fired) == 24


def test_time_does_not_jump_while_spawned_work_runs(clock: Clock) -> None:
    # given
    start, seen, gate = clock.now(), [], threading.Event()

    def work() -> None:
        gate.wait()
        seen.append(clock.now())

    clock.spawn(work, "work")
    # when
    threading.Timer(0.05, gate.set).start()
    clock.advance(start + 24 * HOUR)
    # then
    assert seen[0] < start + HOUR


def test_a_waiting_thread_is_not_busy_and_goes_on_at_its_time(clock: Clock) -> None:
    # given
    start, seen = clock.now(), []

    def work() -> None:
        clock.wait_until(start + HOUR)
        seen.append(clock.now())
        clock.wait(HOUR)
        seen.append(clock.now())

    clock.spawn(work, "work")
    # when
    clock.advance(start + 3 * HOUR)
    # then
    assert [round((at - start) / HOUR, 1) for at in seen] == [1.0, 2.0]


def test_a_signal_ends_a_wait_early_and_says_so(clock: Clock) -> None:
    # given
    start, outcome, signal = clock.now(), [], clock.signal()
    clock.spawn(lambda: outcome.append((clock.wait_until(start + 10 * HOUR, signal), clock.now())), "waiter")
    clock.at(start + HOUR, signal.set, "waker")
    # when
    clock.advance(start + 2 * HOUR)
    # then
    assert outcome[0][0] is True
    assert outcome[0][1] < start + 2 * HOUR


def test_a_parent_that_waits_for_children_on_a_signal_does_not_hold_time_still(clock: Clock) -> None:
    # given
    start, order, done = clock.now(), [], clock.signal()

    def child() -> None:
        clock.wait(HOUR)
        order.append(("child", clock.now()))
        done.set()

    def parent() -> None:
        clock.spawn(child, "child")
        clock.idle_wait(done)
        order.append(("parent", clock.now()))

    clock.spawn(parent, "parent")
    # when
    clock.advance(start + 24 * HOUR)
    # then
    assert [name for name, _ in order] == ["child", "parent"]
    assert order[1][1] < start + 2 * HOUR


def test_an_exception_in_spawned_work_is_reported_with_its_name(
    clock: Clock, errors: list[tuple[str, Exception]]
) -> None:
    # given
    def broken() -> None:
        raise ValueError("broken")

    # when
    clock.spawn(broken, "the work")
    clock.settle()
    # then
    assert [(name, str(error)) for name, error in errors] == [("the work", "broken")]


def test_work_that_never_ends_is_named_instead_of_hanging(clock: Clock) -> None:
    # given
    gate = threading.Event()
    clock.spawn(lambda: bool(gate.wait()), "the endless one")
    # when
    with pytest.raises(StuckClockError, match="the endless one"):
        clock.advance(clock.now() + HOUR, real_limit=0.05)
    # then
    gate.set()
    clock.settle()


def test_buffers_are_flushed_before_the_clock_rests(clock: Clock) -> None:
    # given
    flushed: list[datetime] = []
    clock.before_rest(lambda: flushed.append(clock.now()), "flush")
    end = clock.now() + HOUR
    # when
    clock.advance(end)
    # then
    assert len(flushed) == 1
    assert flushed[0] >= end


def test_all_readings_of_the_time_agree_after_a_jump(clock: Clock) -> None:
    # given
    end = clock.now() + 1000 * HOUR
    # when
    clock.advance(end)
    # then
    assert time.time() >= end.timestamp()
    assert clock.now() >= end


def test_a_clock_in_real_time_refuses_to_be_advanced_but_fires_timers(errors: list[tuple[str, Exception]]) -> None:
    # given
    real, fired = Clock(driven=False, on_error=lambda name, error: errors.append((name, error))), threading.Event()
    # when
    real.after(timedelta(milliseconds=1), fired.set, "soon")
    # then
    assert fired.wait(30)
    with pytest.raises(StuckClockError, match="real time"):
        real.advance(real.now() + HOUR)
    real.close()
