"""A localcloud inside the test process, with only the bridges that a test needs and a driven clock."""

from __future__ import annotations

import importlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import time_machine
from werkzeug.serving import make_server

from localcloud import server
from localcloud.clock import Clock
from localcloud.cloud import Cloud, Delivery
from localcloud.timeline import Timeline


class Embedded:
    """The cloud under test, and what its services tried to deliver."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.deliveries: list[Delivery] = []
        self.events: list[dict[str, Any]] = []
        cloud.deliver_with = self.deliveries.append
        cloud.emit = self._record_event  # type: ignore[method-assign]

    def _record_event(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str]) -> None:
        self.events.append({"source": source, "detail-type": detail_type, "detail": detail, "resources": resources})

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """Return the details of the timeline's entries of one kind."""
        entries = self.cloud.timeline.since()
        return [entry.detail | {"subject": entry.subject} for entry in entries if entry.kind == kind]


@contextmanager
def embedded(home: Path, *bridges: str) -> Iterator[Embedded]:
    """Serve a cloud with the given bridges on a free port."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep the test's output clean."""

    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server._configure_moto(url)
    timeline = Timeline()

    def report(name: str, error: Exception) -> None:
        timeline.add(clock.now(), "background-error", name, error=repr(error))

    home.mkdir(parents=True, exist_ok=True)
    clock = Clock(driven=True, on_error=report, offset_file=home / "clock-offset")
    cloud = Cloud(clock=clock, url=url, timeline=timeline, home=home)
    found = Embedded(cloud)
    for name in bridges:
        importlib.import_module(f"localcloud.{name}").install(cloud)
    front = server.Front(cloud, None, DomainDispatcherApplication(create_backend_app))  # type: ignore[arg-type]
    host, port = listener.getsockname()
    http = make_server(host, port, front, threaded=True, request_handler=Handler, fd=listener.fileno())
    http.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=http.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        http.shutdown()
        clock.close()
        cloud.children.stop_all()
        while time_machine.traveller_stack:
            time_machine.travel(0).stop()
