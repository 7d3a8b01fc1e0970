"""Containers without Docker: an image is a program here, picked by the name of its repository.

A container is a child process with `/opt/ml` mapped to a folder of its own and the execution role's credentials. What
it prints goes to CloudWatch Logs; it is killed with everything it started.
"""

from __future__ import annotations

import http.client
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from localcloud import child_time
from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.sagemaker.artefacts import PRINCIPAL

IMAGE_FOLDER = Path(__file__).parent / "image"
SCRIPT_MODE_REPOSITORIES = ("sagemaker-scikit-learn", "sagemaker-xgboost")
_STARTUP_REAL_SECONDS = 120.0  # a model server that says nothing for so long will not come up
_INVOCATION_SECONDS = 60.0  # SageMaker's own limit for a model's answer
_SERVING = re.compile(r"serving on port (\d+)\s*")


class ContainerError(LocalCloudError):
    """A container could not be started, or did not answer."""


@dataclass(frozen=True)
class ContainerSpec:
    """What is to be run.

    Attributes
    ----------
    image : the image's URI
    role_arn : whose credentials the container has
    root : the folder that stands for /opt/ml
    environment : the variables that the user declared
    """

    name: str
    image: str
    role_arn: str
    root: Path
    environment: Mapping[str, str]
    log_group: str
    log_stream: str


@dataclass(frozen=True)
class Response:
    """What a model answered."""

    status: int
    content_type: str
    body: bytes


def program_of(image: str, mode: str) -> str:
    """Return the program that stands for an image in a mode ("serve" or "train").

    Raises
    ------
    ContainerError
        No program stands for the image.
    """
    repository = image.split("@")[0].rsplit(":", 1)[0].rsplit("/", 1)[-1]
    if repository in SCRIPT_MODE_REPOSITORIES:
        return f"scriptmode_{mode}"
    raise ContainerError(
        f"The image {image!r} cannot be run here: no program stands for the repository {repository!r}. "
        f"Use an image of {' or '.join(SCRIPT_MODE_REPOSITORIES)}."
    )


class Container:
    """A running child process and its output."""

    def __init__(self, cloud: Cloud, spec: ContainerSpec, mode: str) -> None:
        self._cloud, self.spec = cloud, spec
        self.lines: list[str] = []
        self.process = cloud.children.start(
            [sys.executable, str(Path(child_time.__file__)), program_of(spec.image, mode)],
            environment=_environment(cloud, spec),
            folder=spec.root,
            stdout=-1,
            stderr=-2,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)

    def read_output(self, on_line: Callable[[str], None], on_end: Callable[[], None]) -> None:
        """Follow what the container prints, in a thread of its own."""
        self._on_line, self._on_end = on_line, on_end
        self._reader.start()

    def wait(self) -> int:
        """Wait for the container's end and all of its output; return the exit code."""
        code = self.process.wait()
        self._reader.join()
        return code

    def kill(self) -> None:
        """End the container at once."""
        self._cloud.children.stop(self.process)

    def _read(self, output: IO[bytes]) -> None:
        for raw in output:
            line = raw.decode(errors="replace").rstrip("\n")
            self.lines.append(line)
            self._on_line(line)
            self._cloud.log_lines(self.spec.log_group, self.spec.log_stream, [line])
        self._on_end()


def _environment(cloud: Cloud, spec: ContainerSpec) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(spec.root),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(IMAGE_FOLDER),
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": "1",  # several containers share few processors
        "SM_ML_ROOT": str(spec.root),
        **cloud.clock.environment(),
        **cloud.role_environment(spec.role_arn, f"SageMaker-{spec.name}", by=PRINCIPAL),
        **spec.environment,
    }


class ModelServer:
    """A container that serves a model. It ends only when its last request has been answered."""

    def __init__(self, cloud: Cloud, spec: ContainerSpec) -> None:
        """Start the server and wait until it answers /ping.

        Raises
        ------
        ContainerError
            It did not; the message ends with what it printed last.
        """
        self._container = Container(cloud, spec, "serve")
        self._said = threading.Event()
        self._port: int | None = None
        self._in_flight, self._idle = 0, threading.Condition()
        self._container.read_output(self._look_for_port, self._said.set)
        if not self._said.wait(_STARTUP_REAL_SECONDS) or self._port is None or not self._answers_ping():
            self._container.kill()
            tail = " | ".join(self._container.lines[-5:])
            raise ContainerError(
                f"The primary container for {spec.name} did not pass the ping health check. "
                f"Please check CloudWatch logs for this endpoint. It printed: {tail or 'nothing'}"
            )

    def invoke(self, body: bytes, headers: Mapping[str, str]) -> Response:
        """Send one request to /invocations.

        Raises
        ------
        ContainerError
            The server did not answer.
        """
        with self._idle:
            self._in_flight += 1
        try:
            return self._request("POST", "/invocations", body, headers)
        finally:
            with self._idle:
                self._in_flight -= 1
                self._idle.notify_all()

    def retire(self) -> None:
        """Let requests under way end, then end the server."""
        with self._idle:
            self._idle.wait_for(lambda: self._in_flight == 0, timeout=_INVOCATION_SECONDS)
        self._container.kill()

    def _look_for_port(self, line: str) -> None:
        match = _SERVING.fullmatch(line)
        if match and self._port is None:
            self._port = int(match[1])
            self._said.set()

    def _answers_ping(self) -> bool:
        try:
            return self._request("GET", "/ping", b"", {}).status == 200
        except ContainerError:
            return False

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        assert self._port is not None
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_INVOCATION_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return Response(answer.status, answer.headers.get("Content-Type", "application/json"), answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise ContainerError(
                f"The model container of {self._container.spec.name} did not answer: {error}"
            ) from error
        finally:
            connection.close()


def new_root(cloud: Cloud, name: str) -> Path:
    """Return a fresh folder to stand for a container's /opt/ml."""
    parent = cloud.home / "sagemaker"
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{name[:40]}-", dir=parent))


def last_words(lines: Sequence[str], limit: int = 800) -> str:
    """Return the end of a container's output, for messages."""
    return "\n".join(lines[-20:])[-limit:]
