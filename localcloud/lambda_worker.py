"""One execution environment: a process that runs a function's code under Lambda's own runtime client.

The worker speaks the Lambda Runtime API to the process over HTTP, as the service does. What the process prints goes to
a file, so that by the time an answer is posted every line printed before it can be read.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from localcloud import child_time
from localcloud.children import Children
from localcloud.clock import Clock
from localcloud.lambda_api import Order, RuntimeApi

_INIT_SECONDS = 60.0  # Lambda allows 10; a busy laptop starts slower
_WATCH_SECONDS = 0.05
_MEMORY = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker runs; two invocations may share a worker if and only if these are equal."""

    function: str
    arn: str
    version: str
    handler: str
    code: Path
    python_path: tuple[Path, ...]
    environment: tuple[tuple[str, str], ...]
    timeout_seconds: float
    memory_mb: int


@dataclass(frozen=True)
class Outcome:
    """What came of an invocation.

    Attributes
    ----------
    kind : "ok"; "error", raised by the handler; or "dead", the environment ended
    """

    kind: Literal["ok", "error", "dead"]
    payload: bytes
    request_id: str
    lines: tuple[str, ...]
    milliseconds: float


class Worker:
    """A running execution environment; takes one invocation at a time."""

    def __init__(self, spec: WorkerSpec, clock: Clock, children: Children, output: Path) -> None:
        self.spec = spec
        self._clock, self._children = clock, children
        self._api = RuntimeApi(spec.arn, timedelta(seconds=spec.timeout_seconds), clock)
        self._output = output
        self._read_to = 0
        self._process = self._start()

    @property
    def alive(self) -> bool:
        """Whether another invocation may be given to it."""
        return self._process.poll() is None and not self._api.failed_to_start

    def invoke(self, body: bytes, *, crash: bool = False) -> Outcome:
        """Run one invocation to its end.

        Parameters
        ----------
        crash : kill the process once the handler has done its work, before its answer counts
        """
        api, request_id = self._api, str(uuid.uuid4())
        api.order(Order(request_id, body))
        failure = self._await(api.fetched, _INIT_SECONDS, request_id)
        started = time.monotonic()
        if failure is None:
            failure = self._await(api.answered, self.spec.timeout_seconds, request_id)
        if failure is None and crash:
            failure = _exit(request_id, "signal: killed")
        milliseconds = (time.monotonic() - started) * 1000
        memory = self._peak_megabytes()
        if failure is not None or api.failed_to_start:
            self.close()
        kind: Literal["ok", "error", "dead"] = "dead"
        payload = failure or _exit(request_id, "no answer")
        if failure is None and api.posted is not None:
            kind, payload = api.posted.kind, api.posted.payload
        lines = self._report(request_id, milliseconds, memory, kind, payload)
        return Outcome(kind, payload, request_id, lines, milliseconds)

    def close(self) -> None:
        """End the process and what listens for it."""
        self._children.stop(self._process)
        self._api.end()

    # --- the process ----------------------------------------------------------------------------------------------

    def _start(self) -> subprocess.Popen[bytes]:
        spec = self.spec
        environment = {
            **dict(spec.environment),
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api.server_port}",
            "PYTHONPATH": ":".join(str(path) for path in (spec.code, *spec.python_path)),
            **self._clock.environment(),
        }
        command = [sys.executable, "-S", str(Path(child_time.__file__)), "awslambdaric", spec.handler]
        with self._output.open("wb") as output:
            return self._children.start(
                command, environment=environment, folder=spec.code, stdout=output, stderr=subprocess.STDOUT
            )

    def _await(self, event: threading.Event, seconds: float, request_id: str) -> bytes | None:
        """Wait for the process; return the error if it dies, takes too long or takes too much memory."""
        deadline = time.monotonic() + seconds
        while not event.wait(_WATCH_SECONDS):
            if self._process.poll() is not None and not event.is_set():
                return _exit(request_id, _how_it_ended(self._process.returncode))
            if self._peak_megabytes() > self.spec.memory_mb:
                return _exit(request_id, "signal: killed")
            if time.monotonic() > deadline:
                return self._timed_out(request_id, seconds)
        return None

    def _timed_out(self, request_id: str, seconds: float) -> bytes:
        message = f"{self._clock.now():%Y-%m-%dT%H:%M:%SZ} {request_id} Task timed out after {seconds:.2f} seconds"
        return json.dumps({"errorType": "Sandbox.Timedout", "errorMessage": message}).encode()

    def _peak_megabytes(self) -> float:
        try:
            found = _MEMORY.search(Path(f"/proc/{self._process.pid}/status").read_text())
        except OSError:  # the process has ended, or this system has no /proc: then memory is not enforced
            return 0.0
        return int(found[1]) / 1024 if found else 0.0

    def _report(
        self, request_id: str, milliseconds: float, memory: float, kind: str, payload: bytes
    ) -> tuple[str, ...]:
        with self._output.open("rb") as output:
            output.seek(self._read_to)
            printed = output.read()
        self._read_to += len(printed)
        lines = printed.decode(errors="replace").splitlines()
        failed = [json.loads(payload)["errorMessage"]] if kind == "dead" else []
        return (
            f"START RequestId: {request_id} Version: {self.spec.version}",
            *lines,
            *failed,
            f"END RequestId: {request_id}",
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Memory Size: {self.spec.memory_mb} MB\tMax Memory Used: {memory:.0f} MB",
        )


def _exit(request_id: str, how: str) -> bytes:
    message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": message}).encode()


def _how_it_ended(code: int | None) -> str:
    if code == -9:
        return "signal: killed"
    return f"exit status {code}" if code is not None and code >= 0 else f"signal: {-(code or 0)}"
