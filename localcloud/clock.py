"""Virtual time: a clock that ticks like any other and, when driven, jumps over the waits in which nothing happens.

The whole server process reads one clock, so that moto's timestamps, captures, metrics and state machines agree. Every
piece of asynchronous work is *busy* from the moment it is asked for until it ends or blocks on the clock itself; time
jumps only while nothing is busy. That makes `advance` an exact discrete-event simulation, with no sleeping and no guess
about when the dust has settled.

The clock's offset from real time is also kept in a small shared file, so that child processes (Lambda workers, jobs)
can live in the same time: see `localcloud.child_time`.
"""

from __future__ import annotations

import heapq
import itertools
import mmap
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

from localcloud.child_time import CLOCK_VARIABLE, OFFSET_FORMAT, TOOLS_VARIABLE
from localcloud.errors import StuckClockError

_REAL_LIMIT_SECONDS = 300.0


@dataclass(eq=False)
class Timer:
    """A one-shot appointment with the clock.

    `cancel` makes sure that it does not fire later; it cannot stop an action that has already begun.
    """

    when: datetime
    name: str
    fire: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Forget the appointment."""
        self.cancelled = True


@dataclass(eq=False)
class _Waiter:
    """A thread blocked on the clock, and the work that it will again be doing once resumed."""

    tokens: list[str]
    resumed: bool = False
    woken: bool = False


class Signal(threading.Event):
    """An event that the clock knows of.

    A plain event would leave a gap between its being set and the waiting thread's running again, in which nothing
    counts as busy and time could jump. Setting a signal counts its waiters as busy at once.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.waiters: list[_Waiter] = []

    def set(self) -> None:
        """Wake every waiter; they are busy from now on."""
        self._clock.wake(self, super().set)


@dataclass
class _State:
    """What the clock's one lock protects."""

    busy: Counter[str] = field(default_factory=Counter)
    timers: list[tuple[datetime, int, Timer]] = field(default_factory=list)
    closed: bool = False


class Clock:
    """The time of one localcloud, and the count of what is going on in it.

    Parameters
    ----------
    driven : whether `advance` may move time; otherwise timers fire in real time only
    offset_file : where to share the offset from real time (nanoseconds) with child processes
    on_error : told of an exception that ended a spawned piece of work, with the work's name
    """

    def __init__(
        self, *, driven: bool, on_error: Callable[[str, Exception], None], offset_file: Path | None = None
    ) -> None:
        self.driven = driven
        self._on_error = on_error
        self._state = _State()
        self._changed = threading.Condition()
        self._sequence = itertools.count()
        self._local = threading.local()
        self._advancing = threading.Lock()
        self._before_rest: list[tuple[str, Callable[[], None]]] = []
        self._offset = _SharedOffset(offset_file) if offset_file else None
        self._traveller = self._depart() if driven else None
        self._dispatcher = threading.Thread(target=self._dispatch, name="clock", daemon=True)
        self._dispatcher.start()

    # --- telling time ---------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the virtual time, aware, in UTC."""
        return datetime.now(UTC)

    def environment(self) -> dict[str, str]:
        """Return the variables by which `localcloud.child_time` follows this clock in a child process."""
        if self._offset is None:
            return {}
        tools = str(Path(time_machine.__file__).parent.parent)
        return {CLOCK_VARIABLE: str(self._offset.path), TOOLS_VARIABLE: tools}

    # --- counting work --------------------------------------------------------------------------------------------

    @contextmanager
    def busy(self, name: str = "") -> Iterator[None]:
        """Hold time still (it ticks, but does not jump) while the body runs."""
        token = name or threading.current_thread().name
        tokens = self._tokens()
        with self._changed:
            self._state.busy[token] += 1
        tokens.append(token)
        try:
            yield
        finally:
            tokens.remove(token)
            self._release([token])

    def spawn(self, work: Callable[[], None], name: str) -> None:
        """Run `work` in a thread of its own, busy from this call on; an exception is reported, never lost."""
        with self._changed:
            self._spawn_counted(work, name)

    def names_of_busy(self) -> list[str]:
        """Return what is going on now, for messages."""
        with self._changed:
            return sorted(f"{name} x{count}" if count > 1 else name for name, count in self._state.busy.items())

    # --- appointments and waits -----------------------------------------------------------------------------------

    def at(self, when: datetime, action: Callable[[], None], name: str) -> Timer:
        """Run `action` as spawned work at `when`, or at once if that has passed."""
        timer = Timer(when, name, fire=lambda: self._spawn_counted(action, name))
        self._schedule(timer)
        return timer

    def after(self, delay: timedelta, action: Callable[[], None], name: str) -> Timer:
        """Run `action` as spawned work once `delay` has passed."""
        return self.at(self.now() + delay, action, name)

    def signal(self) -> Signal:
        """Return an event on which busy threads may block without holding time still."""
        return Signal(self)

    def wait_until(self, when: datetime, woken: Signal | None = None) -> bool:
        """Block the calling thread until `when`; it is not busy meanwhile, and is again before time can move.

        Returns
        -------
        bool
            True if `woken` was set before `when`.
        """
        return self._block(when, woken)

    def wait(self, delay: timedelta, woken: Signal | None = None) -> bool:
        """Block the calling thread for `delay`, as `wait_until`."""
        return self._block(self.now() + delay, woken)

    def idle_wait(self, woken: Signal) -> None:
        """Block the calling thread, not busy, until `woken` is set, however long that takes."""
        self._block(None, woken)

    # --- driving --------------------------------------------------------------------------------------------------

    def before_rest(self, action: Callable[[], None], name: str) -> None:
        """Have `action` run whenever `settle` or `advance` finds nothing left to do: buffers are flushed so."""
        self._before_rest.append((name, action))

    def advance(self, to: datetime, real_limit: float = _REAL_LIMIT_SECONDS) -> None:
        """Live through all that happens until `to`, jumping over the time in between.

        Raises
        ------
        StuckClockError
            The clock is not a driven one, or some work did not end within `real_limit` real seconds.
        """
        if self._traveller is None:
            raise StuckClockError("This localcloud runs in real time: start it with --driven to advance its clock.")
        with self._advancing:
            while self._step(to, real_limit):
                pass
            self._rest(real_limit)

    def settle(self, real_limit: float = _REAL_LIMIT_SECONDS) -> None:
        """Wait until nothing is busy, without moving time.

        Raises
        ------
        StuckClockError
            Some work did not end within `real_limit` real seconds.
        """
        self._rest(real_limit)

    def close(self) -> None:
        """Stop firing timers and let waiting threads go, so that the process can end."""
        with self._changed:
            self._state.closed = True
            self._changed.notify_all()

    # --- inside ---------------------------------------------------------------------------------------------------

    def wake(self, signal: Signal, set_event: Callable[[], None]) -> None:
        """Set a signal and count its waiters as busy, in one step."""
        with self._changed:
            set_event()
            for waiter in signal.waiters:
                waiter.woken = True
                self._resume(waiter)
            signal.waiters.clear()

    def _depart(self) -> time_machine.Traveller:
        traveller = time_machine.travel(datetime.now(UTC).replace(tzinfo=None), tick=True).start()
        time.time()  # the first reading is what anchors the traveller to real time
        return traveller

    def _tokens(self) -> list[str]:
        if not hasattr(self._local, "tokens"):
            self._local.tokens = []
        tokens: list[str] = self._local.tokens
        return tokens

    def _release(self, tokens: list[str]) -> None:
        with self._changed:
            self._state.busy.subtract(tokens)
            self._state.busy += Counter()
            self._changed.notify_all()

    def _spawn_counted(self, work: Callable[[], None], name: str) -> None:
        """Start a thread that is counted already; the caller holds the lock."""
        self._state.busy[name] += 1

        def run() -> None:
            self._tokens().append(name)
            try:
                work()
            except Exception as error:
                self._on_error(name, error)
            finally:
                self._release([name])

        threading.Thread(target=run, name=name, daemon=True).start()

    def _schedule(self, timer: Timer) -> None:
        with self._changed:
            heapq.heappush(self._state.timers, (timer.when, next(self._sequence), timer))
            self._changed.notify_all()

    def _block(self, when: datetime | None, woken: Signal | None) -> bool:
        waiter = _Waiter(tokens=list(self._tokens()))
        timer = Timer(when, "wait", fire=lambda: self._resume(waiter)) if when else None
        with self._changed:
            if woken is not None and woken.is_set():
                return True
            if woken is not None:
                woken.waiters.append(waiter)
            if timer is not None:
                self._schedule(timer)
            self._release(waiter.tokens)
            while not waiter.resumed and not self._state.closed:
                self._changed.wait()
            if timer is not None:
                timer.cancel()
            if woken is not None and waiter in woken.waiters:
                woken.waiters.remove(waiter)
        return waiter.woken

    def _resume(self, waiter: _Waiter) -> None:
        """Let a waiter go on; the caller holds the lock."""
        if not waiter.resumed:
            waiter.resumed = True
            self._state.busy.update(waiter.tokens)
            self._changed.notify_all()

    def _next_due(self) -> datetime | None:
        timers = self._state.timers
        while timers and timers[0][2].cancelled:
            heapq.heappop(timers)
        return timers[0][0] if timers else None

    def _fire_due(self) -> None:
        """Fire what is due; what it starts is busy before the lock is let go."""
        while (due := self._next_due()) is not None and due <= self.now():
            heapq.heappop(self._state.timers)[2].fire()

    def _dispatch(self) -> None:
        with self._changed:
            while not self._state.closed:
                self._fire_due()
                due = self._next_due()
                self._changed.wait(None if due is None else max(0.0, (due - self.now()).total_seconds()))

    def _await_idle(self, real_limit: float) -> None:
        """Wait until nothing is busy or due; the caller holds the lock."""
        deadline = time.monotonic() + real_limit
        self._fire_due()
        while self._state.busy and not self._state.closed:
            if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                names = ", ".join(sorted(self._state.busy))
                raise StuckClockError(
                    f"Work has not ended within {real_limit:g} real seconds: {names}. "
                    "Look at the server's log for what it waits on."
                )
            self._fire_due()

    def _step(self, to: datetime, real_limit: float) -> bool:
        """Wait until idle, then jump to the next appointment; False once `to` is reached."""
        with self._changed:
            self._await_idle(real_limit)
            due = self._next_due()
            target = min(due, to) if due is not None else to
            self._jump(target - self.now())
            self._fire_due()
            return not self._state.closed and due is not None and due <= to

    def _jump(self, by: timedelta) -> None:
        if by > timedelta() and self._traveller is not None:
            self._traveller.shift(by)
            if self._offset is not None:
                self._offset.add(by)

    def _rest(self, real_limit: float) -> None:
        with self._changed:
            self._await_idle(real_limit)
            for name, action in self._before_rest:
                self._spawn_counted(action, name)
            self._await_idle(real_limit)


class _SharedOffset:
    """The clock's offset from real time, in nanoseconds, in a memory-mapped file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(struct.pack(OFFSET_FORMAT, 0))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), struct.calcsize(OFFSET_FORMAT))
        self._nanoseconds = 0

    def add(self, by: timedelta) -> None:
        self._nanoseconds += (by // timedelta(microseconds=1)) * 1000
        struct.pack_into(OFFSET_FORMAT, self._map, 0, self._nanoseconds)
