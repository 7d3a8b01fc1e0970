"""Child processes that never outlive the server, however it ends.

On Linux each child asks the kernel to be killed when its parent dies. The kernel watches the *thread* that started the
child, so one permanent thread starts them all. The request is made by a few lines run in the child before it becomes
the program, which is safe in a process with many threads, where code between fork and exec is not.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

_LAUNCHER = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        os._exit(1)
os.execvpe(sys.argv[2], sys.argv[2:], os.environ)
"""


class Children:
    """Starts child processes and ends them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._orders: queue.Queue[Callable[[], None]] = queue.Queue()
        threading.Thread(target=self._start_forever, name="children", daemon=True).start()

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `command` (a full path first) with exactly this environment, in a process group of its own."""
        launched = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]
        future: Future[subprocess.Popen[bytes]] = Future()

        def order() -> None:
            try:
                process = subprocess.Popen(
                    launched,
                    env=dict(environment),
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    start_new_session=True,
                )
            except OSError as error:
                future.set_exception(error)
            else:
                with self._lock:
                    self._running = {child for child in self._running if child.poll() is None} | {process}
                future.set_result(process)

        self._orders.put(order)
        return future.result()

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a child and all that it started, and wait for its end."""
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:  # it ended by itself in the meantime
                process.kill()
        process.wait()
        with self._lock:
            self._running.discard(process)

    def stop_all(self) -> None:
        """Kill every child."""
        with self._lock:
            running = list(self._running)
        for process in running:
            self.stop(process)

    def _start_forever(self) -> None:
        while True:
            self._orders.get()()
