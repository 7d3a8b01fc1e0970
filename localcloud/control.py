"""The control routes under /_localcloud/: what the demo and the tests drive and look at the server with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError

PREFIX = "/_localcloud/"


@dataclass
class Control:
    """The control routes of one server.

    Attributes
    ----------
    calls : returns what IAM has recorded
    plant_fault : makes the next invocations of a function fail
    stop : ends the server
    """

    cloud: Cloud
    calls: Callable[[], dict[str, Any]]
    plant_fault: Callable[[str, str, int], None]
    stop: Callable[[], None]
    _routes: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = field(init=False)

    def __post_init__(self) -> None:
        self._routes = {
            ("GET", "health"): lambda _: {"ready": True},
            ("GET", "clock"): lambda _: self._clock(),
            ("GET", "timeline"): self._timeline,
            ("GET", "messages"): lambda _: self._messages(),
            ("GET", "calls"): lambda _: self.calls(),
            ("POST", "advance"): self._advance,
            ("POST", "settle"): self._settle,
            ("POST", "faults"): self._fault,
            ("POST", "shutdown"): lambda _: self._shutdown(),
        }

    def handle(self, method: str, path: str, query: str, body: bytes) -> tuple[HTTPStatus, bytes]:
        """Answer one control request with JSON."""
        route = self._routes.get((method, path.removeprefix(PREFIX)))
        if route is None:
            known = ", ".join(f"{verb} {PREFIX}{name}" for verb, name in self._routes)
            return HTTPStatus.NOT_FOUND, _json({"error": f"No control route {method} {path}. There are: {known}."})
        try:
            arguments = {name: values[-1] for name, values in parse_qs(query).items()}
            arguments |= json.loads(body) if body else {}
            return HTTPStatus.OK, _json(route(arguments))
        except (LocalCloudError, KeyError, ValueError) as error:
            return HTTPStatus.CONFLICT, _json({"error": f"{type(error).__name__}: {error}"})

    def _clock(self) -> dict[str, Any]:
        clock = self.cloud.clock
        return {"now": clock.now().isoformat(), "driven": clock.driven, "busy": clock.names_of_busy()}

    def _timeline(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        return [entry.as_json() for entry in self.cloud.timeline.since(int(arguments.get("since", 0)))]

    def _messages(self) -> list[dict[str, Any]]:
        return [entry.as_json() for entry in self.cloud.timeline.since() if entry.kind == "message"]

    def _advance(self, arguments: dict[str, Any]) -> dict[str, Any]:
        clock = self.cloud.clock
        if "to" in arguments:
            to = datetime.fromisoformat(arguments["to"])
        else:
            to = clock.now() + timedelta(seconds=float(arguments["seconds"]))
        clock.advance(to, **_limit(arguments))
        return self._clock()

    def _settle(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.cloud.clock.settle(**_limit(arguments))
        return self._clock()

    def _fault(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self.plant_fault(str(arguments["function"]), str(arguments["mode"]), int(arguments["count"]))
        return {"planted": arguments}

    def _shutdown(self) -> dict[str, Any]:
        self.stop()
        return {"stopping": True}


def _limit(arguments: dict[str, Any]) -> dict[str, float]:
    return {"real_limit": float(arguments["limit"])} if "limit" in arguments else {}


def _json(value: Any) -> bytes:
    return json.dumps(value, default=str).encode()
