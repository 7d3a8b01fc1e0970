"""Run the interpreter on the virtual clock.

The interpreter starts threads, joins them with a timeout, waits on events and sleeps, all in real time. Its modules get
stand-ins for `threading` and `time` with the same interface: threads count as busy work, waits and sleeps are waits on
the clock. So every Wait state, retry interval, poll and TimeoutSeconds is exact in virtual time, and time never jumps
over a state that is working.
"""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

from localcloud.clock import Clock, Signal
from localcloud.cloud import Cloud

_ASL = "moto.stepfunctions.parser.asl"
# Every module of the interpreter that runs a thread, waits or sleeps; a test fails if moto adds another.
MODULES = (
    "moto.stepfunctions.parser.backend.execution_worker",
    f"{_ASL}.component.common.retry.retrier_decl",
    f"{_ASL}.component.program.program",
    f"{_ASL}.component.state.exec.execute_state",
    f"{_ASL}.component.state.exec.state_map.iteration.inline_iteration_component",
    f"{_ASL}.component.state.exec.state_map.iteration.itemprocessor.map_run_record",
    f"{_ASL}.component.state.exec.state_map.iteration.job",
    f"{_ASL}.component.state.exec.state_parallel.branch_worker",
    f"{_ASL}.component.state.exec.state_parallel.branches_decl",
    f"{_ASL}.component.state.exec.state_task.service.state_task_service_callback",
    f"{_ASL}.component.state.wait.wait_function.wait_function",
    f"{_ASL}.eval.callback.callback",
    f"{_ASL}.eval.count_down_latch",
    f"{_ASL}.eval.environment",
)
SYNC_POLL_SECONDS = 5
_ROUNDING = timedelta(milliseconds=1)  # so that a whole number of seconds has passed after a wait, by any reading


class ClockEvent(Signal):
    """A threading.Event whose waits are waits on the virtual clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._virtual = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Block, not busy, until the event is set or `timeout` virtual seconds have passed."""
        if timeout is None:
            self._virtual.idle_wait(self)
            return True
        return self._virtual.wait(timedelta(seconds=timeout) + _ROUNDING, self)


class ClockThread:
    """A threading.Thread that counts as busy from its start to its end."""

    def __init__(
        self,
        clock: Clock,
        *,
        target: Callable[..., object],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        daemon: bool | None = None,
    ) -> None:
        self._clock, self._target, self._args, self._kwargs = clock, target, args, dict(kwargs or {})
        self.name, self.daemon = name or getattr(target, "__qualname__", "interpreter"), daemon
        self.native_id: int | None = None
        self._ended = ClockEvent(clock)

    def start(self) -> None:
        """Start the thread."""
        self._clock.spawn(self._run, f"state machine: {self.name}")

    def join(self, timeout: float | None = None) -> None:
        """Wait for the thread's end, for at most `timeout` virtual seconds."""
        self._ended.wait(timeout)

    def is_alive(self) -> bool:
        """Return whether the thread has not ended."""
        return not self._ended.is_set()

    def _run(self) -> None:
        self.native_id = threading.get_native_id()
        try:
            self._target(*self._args, **self._kwargs)
        finally:
            self._ended.set()


def install(cloud: Cloud) -> None:
    """Give the interpreter's modules the clock's threads, events and sleep."""
    clock = cloud.clock
    # Wait states compare timestamps in UTC with the local time, which is UTC only where the machine says so.
    os.environ["TZ"] = "UTC"
    time.tzset()

    def thread(group: None = None, **arguments: Any) -> ClockThread:
        return ClockThread(clock, **arguments)

    stand_ins: dict[str, object] = {
        "threading": _over(threading, Thread=thread, Event=lambda: ClockEvent(clock)),
        "time": _over(time, sleep=lambda seconds: clock.wait(timedelta(seconds=seconds))),
        "Thread": thread,
        "Event": lambda: ClockEvent(clock),
    }
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute, stand_in in stand_ins.items():
            if hasattr(module, attribute):
                setattr(module, attribute, stand_in)


def _over(module: ModuleType, **replaced: object) -> SimpleNamespace:
    """Return a namespace like the module's, with some names replaced."""
    return SimpleNamespace(**{**vars(module), **replaced})
