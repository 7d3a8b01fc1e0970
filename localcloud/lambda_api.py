"""Lambda's Runtime API for one execution environment: the process asks for an invocation, and posts what came of it."""

from __future__ import annotations

import queue
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from localcloud.clock import Clock


@dataclass(frozen=True)
class Order:
    """One invocation for the process to run."""

    request_id: str
    body: bytes


@dataclass(frozen=True)
class Posted:
    """What the process posted: an answer, or an error that its code raised."""

    kind: Literal["ok", "error"]
    payload: bytes


class RuntimeApi(ThreadingHTTPServer):
    """The service's side of the conversation; one invocation at a time.

    Attributes
    ----------
    fetched : set once the process has taken the order, or has failed before it could
    answered : set once it has posted what came of it
    posted : what that was
    failed_to_start : the code could not even be loaded; the process ends, and must not be used again
    """

    daemon_threads = True

    def __init__(self, function_arn: str, limit: timedelta, clock: Clock) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.function_arn, self.limit, self.clock = function_arn, limit, clock
        self.fetched, self.answered = threading.Event(), threading.Event()
        self.posted: Posted | None = None
        self.failed_to_start = False
        self._orders: queue.Queue[Order | None] = queue.Queue()
        threading.Thread(target=self.serve_forever, name=f"runtime api of {function_arn}", daemon=True).start()

    def order(self, order: Order) -> None:
        """Hand the process its next invocation."""
        self.fetched.clear()
        self.answered.clear()
        self.posted = None
        self._orders.put(order)

    def next_order(self) -> Order | None:
        """Wait for an invocation; None when there will be none any more."""
        return self._orders.get()

    def post(self, posted: Posted, *, at_start: bool) -> None:
        """Take what the process has to say."""
        self.posted = posted
        if at_start:
            self.failed_to_start = True
            self.fetched.set()

    def end(self) -> None:
        """Stop listening."""
        self._orders.put(None)
        self.shutdown()
        self.server_close()


class _Conversation(BaseHTTPRequestHandler):
    """The requests of the runtime client."""

    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: this is not a web server's log."""

    def do_GET(self) -> None:
        """Answer `/runtime/invocation/next`, once there is one."""
        api = self.server
        order = api.next_order()
        if order is None:
            self._answer(410)
            return
        now = api.clock.now()
        api.fetched.set()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": order.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((now + api.limit).timestamp() * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": api.function_arn,
            "Lambda-Runtime-Trace-Id": _trace(now),
            "Content-Type": "application/json",
        }
        self._answer(200, order.body, headers)

    def do_POST(self) -> None:
        """Take a response, an error, or an error at the start."""
        posted = Posted("error" if self.path.endswith("/error") else "ok", self._body())
        self.server.post(posted, at_start=self.path.endswith("/init/error"))
        self._answer(202)
        self.server.answered.set()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # the process was killed while it waited for this
            self.close_connection = True


def _trace(now: datetime) -> str:
    """A trace header as Lambda writes it, of an invocation that is not sampled: there is no X-Ray here."""
    return f"Root=1-{int(now.timestamp()):08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
