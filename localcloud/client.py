"""The other side: start a localcloud, drive its clock, deploy to it, read what happened."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config

from localcloud.cloud import ACCOUNT, ADMIN_KEY, ADMIN_SECRET, REGION
from localcloud.control import PREFIX
from localcloud.errors import DeployError, LocalCloudError, StartError

_START_SECONDS = 90.0


class LocalCloud:
    """A running localcloud server, started as a child or found at an address.

    A context manager: leaving it stops a server that it started.
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None = None, log: Path | None = None) -> None:
        self.url = url
        self.log = log
        self._process = process
        self._clients: dict[str, Any] = {}

    @classmethod
    def start(cls, home: Path, *, driven: bool = True, port: int = 0, build: Path | None = None) -> LocalCloud:
        """Start a server of its own and wait until it answers.

        Parameters
        ----------
        home : scratch folder of the server; its log is kept beside it as `<home>.log`
        driven : whether `advance` may move time
        port : 0 takes a free one
        build : where `make layers` put the runtime and layers for this host (default: WATCHKEEPER_BUILD or ./build)

        Raises
        ------
        StartError
            The server ended, or did not answer in time; the message ends with the tail of its log.
        """
        home = home.resolve()
        home.parent.mkdir(parents=True, exist_ok=True)
        log = home.with_name(home.name + ".log")
        command = [sys.executable, "-m", "localcloud.server", "--port", str(port), "--home", str(home)]
        environment = dict(os.environ) | ({"WATCHKEEPER_BUILD": str(build.resolve())} if build else {})
        root = str(Path(__file__).resolve().parent.parent)
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, environment.get("PYTHONPATH")]))
        ready, tell = os.pipe()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--ready", str(tell), *(["--driven"] if driven else [])],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[tell],
            )
        os.close(tell)
        return cls(_await_ready(process, ready, log), process, log)

    def __enter__(self) -> LocalCloud:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server, if this object started it; its children end with it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def shut_down(self) -> None:
        """Ask the server to end, whoever started it."""
        self._control("POST", "shutdown", {})

    @property
    def process_id(self) -> int | None:
        """The server's process id, if this object started it."""
        return self._process.pid if self._process else None

    # --- the clock and the record ---------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the server's virtual time (UTC)."""
        return datetime.fromisoformat(self._control("GET", "clock")["now"])

    def advance(self, by: timedelta) -> datetime:
        """Live through `by` of virtual time; return the time it is then."""
        return datetime.fromisoformat(self._control("POST", "advance", {"seconds": by.total_seconds()})["now"])

    def advance_to(self, to: datetime) -> datetime:
        """Live through the time until `to` (aware); return the time it is then."""
        return datetime.fromisoformat(self._control("POST", "advance", {"to": to.isoformat()})["now"])

    def settle(self) -> None:
        """Wait until nothing is going on any more, without moving time."""
        self._control("POST", "settle", {})

    def timeline(self, since: int = 0) -> list[dict[str, Any]]:
        """Return what happened, from the given position on: entries of at, kind, subject, detail."""
        entries: list[dict[str, Any]] = self._control("GET", f"timeline?since={since}")
        return entries

    def messages(self) -> list[dict[str, Any]]:
        """Return the messages that people were sent."""
        entries: list[dict[str, Any]] = self._control("GET", "messages")
        return entries

    def calls(self) -> dict[str, Any]:
        """Return every call made under a role and the statements of roles that no call has used."""
        record: dict[str, Any] = self._control("GET", "calls")
        return record

    def plant_fault(self, function: str, mode: str, count: int) -> None:
        """Make the next `count` invocations of a Lambda function fail: mode "crash" or "throttle"."""
        self._control("POST", "faults", {"function": function, "mode": mode, "count": count})

    # --- AWS ------------------------------------------------------------------------------------------------------

    def client(self, service: str) -> Any:
        """Return a boto3 client with an administrator's credentials."""
        if service not in self._clients:
            session: Any = boto3.session.Session()  # typed for literal names of services only
            self._clients[service] = session.client(
                service,
                endpoint_url=self.url,
                region_name=REGION,
                aws_access_key_id=ADMIN_KEY,
                aws_secret_access_key=ADMIN_SECRET,
                config=Config(retries={"max_attempts": 0}, read_timeout=900, s3={"addressing_style": "path"}),
            )
        return self._clients[service]

    def environment(self) -> dict[str, str]:
        """Return the variables that point the AWS CLI, CDK and any SDK at this server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ADMIN_KEY,
            "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DEFAULT_ACCOUNT": ACCOUNT,
            "CDK_DEFAULT_REGION": REGION,
        }

    def bootstrap(self, on_line: Callable[[str], None] | None = None) -> None:
        """Run `cdk bootstrap`, once for an account and region.

        It needs no app, and would synthesize one that it finds; so it runs in a folder that has none.
        """
        with tempfile.TemporaryDirectory() as folder:
            self._cdk(["bootstrap", f"aws://{ACCOUNT}/{REGION}"], on_line, folder)

    def deploy(
        self, assembly: Path, stacks: Sequence[str] = ("--all",), on_line: Callable[[str], None] | None = None
    ) -> None:
        """Run `cdk deploy` on a synthesized cloud assembly.

        Raises
        ------
        DeployError
            The CDK command line failed; the message ends with what it printed last.
        """
        self._cdk(["deploy", "-a", str(assembly), "--require-approval", "never", *stacks], on_line)

    def destroy(
        self, assembly: Path, stacks: Sequence[str] = ("--all",), on_line: Callable[[str], None] | None = None
    ) -> None:
        """Run `cdk destroy --force`."""
        self._cdk(["destroy", "--force", "-a", str(assembly), *stacks], on_line)

    def _cdk(self, arguments: Sequence[str], on_line: Callable[[str], None] | None, folder: str | None = None) -> None:
        command = [_cdk_program(), *arguments, "--no-notices"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        process = subprocess.Popen(
            command,
            env={**kept, **self.environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
        )
        tail: deque[str] = deque(maxlen=40)
        assert process.stdout is not None
        for line in process.stdout:
            tail.append(line.rstrip("\n"))
            if on_line:
                on_line(tail[-1])
        if process.wait() != 0:
            raise DeployError(f"`cdk {' '.join(arguments)}` ended with {process.returncode}:\n" + "\n".join(tail))

    def _control(self, method: str, route: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + PREFIX + route, data=data, method=method)
        try:
            with urllib.request.urlopen(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise LocalCloudError(f"{method} {route}: {json.load(error)['error']}") from error


def _cdk_program() -> str:
    program = Path(os.environ.get("WATCHKEEPER_CDK", "node_modules/.bin/cdk"))
    if not program.exists():
        raise DeployError(
            f"There is no CDK command line at {program}: run `make synth`, which installs it, or set WATCHKEEPER_CDK."
        )
    return str(program.resolve())


def _await_ready(process: subprocess.Popen[bytes], ready: int, log: Path) -> str:
    """Read the server's address from the pipe that it was given; the pipe closes if the server ends."""
    with os.fdopen(ready) as pipe:
        in_time, _, _ = select.select([pipe], [], [], _START_SECONDS)
        address = pipe.readline().strip() if in_time else ""
    if not address:
        process.kill()
        process.wait()
        why = "ended before it was ready" if in_time else f"was not ready within {_START_SECONDS:g} s"
        raise StartError(f"localcloud {why}:\n{log.read_text(errors='replace')[-3000:]}")
    return address
