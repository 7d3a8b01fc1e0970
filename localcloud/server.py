"""The server: moto behind one front that counts work, checks policies and answers the control routes.

python -m localcloud.server --port 4566 --home .localcloud [--driven]
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.clock import Clock
from localcloud.cloud import ACCOUNT, APIS_PREFIX, Cloud
from localcloud.control import PREFIX, Control
from localcloud.timeline import Timeline

log = logging.getLogger("localcloud")

# Each fills one gap of moto; in order, because later ones may build on what earlier ones install.
BRIDGES = (
    "iam",
    "deliveries",
    "cloudformation",
    "lambda_runtime",
    "notifications",
    "queues",
    "eventbridge",
    "schedules",
    "service_events",
    "cloudwatch.bridge",
    "sagemaker.bridge",
    "glue",
    "stepfunctions",
    "http_apis",
)
StartResponse = Callable[[str, list[tuple[str, str]]], Any]
WsgiApp = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Front:
    """The WSGI application: control routes, deployed APIs, then the policy check and moto; every request is work."""

    def __init__(self, cloud: Cloud, control: Control, moto: WsgiApp) -> None:
        self._cloud, self._control, self._moto = cloud, control, moto

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        path, method = environ.get("PATH_INFO", ""), environ["REQUEST_METHOD"]
        if path.startswith(PREFIX):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            status, answer = self._control.handle(method, path, environ.get("QUERY_STRING", ""), body)
            return _answer(start_response, status, {"Content-Type": "application/json"}, answer)
        with self._cloud.clock.busy(f"{method} {environ.get('HTTP_X_AMZ_TARGET', path)}"):
            if path.startswith(APIS_PREFIX) and self._cloud.serve_api:
                return _answer(start_response, *self._cloud.serve_api(environ))
            refused = self._cloud.gate(environ) if self._cloud.gate else None
            if refused is not None:
                return _answer(start_response, *refused)
            return self._moto(environ, start_response)


def _answer(start_response: StartResponse, status: int, headers: dict[str, str], body: bytes) -> list[bytes]:
    every = {**headers, "Content-Length": str(len(body))}
    start_response(f"{int(status)} {HTTPStatus(status).phrase}", list(every.items()))
    return [body]


def build_cloud(url: str, home: Path, *, driven: bool) -> Cloud:
    """Make the cloud with every bridge installed."""
    _configure_moto(url)
    timeline = Timeline()
    home.mkdir(parents=True, exist_ok=True)

    def report(name: str, error: Exception) -> None:
        log.error("%s failed", name, exc_info=error)
        tail = "".join(traceback.format_exception(error))[-2000:]
        timeline.add(clock.now(), "background-error", name, error=f"{type(error).__name__}: {error}", traceback=tail)

    clock = Clock(driven=driven, on_error=report, offset_file=home / "clock-offset" if driven else None)
    cloud = Cloud(clock=clock, url=url, timeline=timeline, home=home)
    for name in BRIDGES:
        importlib.import_module(f"localcloud.{name}").install(cloud)
    return cloud


def _configure_moto(url: str) -> None:
    os.environ["MOTO_PORT"] = url.rsplit(":", 1)[1]
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    for variable in [name for name in os.environ if name.startswith(("AWS_PROFILE", "AWS_ENDPOINT_URL"))]:
        del os.environ[variable]  # the server's own clients must reach nothing but the server
    from moto.core.config import default_user_config

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    # Loading AWS's thousand managed policies takes seconds; the templates name a few of them.


def serve(port: int, home: Path, *, driven: bool, ready: int | None = None) -> None:
    """Run the server until a signal or the shutdown route ends it; every child process ends with it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

    class Handler(MotoRequestHandler):  # type: ignore[misc]
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            if str(code).startswith("5"):
                super().log_request(code, size)

    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    cloud = build_cloud(url, home, driven=driven)
    servers: list[BaseWSGIServer] = []

    def stop(*_: int | FrameType | None) -> None:
        threading.Thread(target=servers[0].shutdown, name="shutdown").start()

    from localcloud import iam, lambda_runtime

    control = Control(cloud, calls=iam.recorded_calls, plant_fault=lambda_runtime.plant_fault, stop=stop)
    front = Front(cloud, control, DomainDispatcherApplication(create_backend_app))
    host, bound = listener.getsockname()
    server = make_server(host, bound, front, threaded=True, request_handler=Handler, fd=listener.fileno())
    server.daemon_threads = True
    servers.append(server)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    sys.stdout.write(f"localcloud is ready on {url}\n")
    sys.stdout.flush()
    if ready is not None:
        with os.fdopen(ready, "w") as pipe:
            pipe.write(url + "\n")
    try:
        server.serve_forever()
    finally:
        cloud.clock.close()
        cloud.children.stop_all()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Start the server from the command line."""
    parser = argparse.ArgumentParser(prog="localcloud", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--home", type=Path, default=Path(".localcloud"), help="scratch folder, removed at the end")
    parser.add_argument("--driven", action="store_true", help="let /_localcloud/advance move time")
    parser.add_argument("--ready", type=int, metavar="FD", help="write the address to this file descriptor")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    log.setLevel(logging.INFO)
    serve(arguments.port, arguments.home.resolve(), driven=arguments.driven, ready=arguments.ready)
    sys.stdout.flush()
    os._exit(0)  # blocked daemon threads must not delay the end


if __name__ == "__main__":
    main()
