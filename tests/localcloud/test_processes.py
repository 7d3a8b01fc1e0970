"""The server's children end with it, however it ends."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cloud_templates import create, function, role

from localcloud.client import LocalCloud

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes under /proc")


def children_of(process_id: int) -> list[int]:
    """Return the ids of the live children of a process."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == process_id:
            found.append(int(folder.name))
    return found


def is_running(process_id: int) -> bool:
    try:
        return (Path("/proc") / str(process_id) / "stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def with_worker(build_folder: Path, tmp_path: Path) -> Iterator[tuple[LocalCloud, int, int]]:
    """A server that keeps a Lambda worker warm, its process id and the worker's."""
    with LocalCloud.start(tmp_path / "home", build=build_folder) as local:
        resources = {
            "Role": role("lambda.amazonaws.com"),
            "Function": function("import os\ndef handler(e, c):\n    return os.getpid()\n", FunctionName="lives"),
        }
        create(local, "lives", {"Resources": resources})
        answer = local.client("lambda").invoke(FunctionName="lives")["Payload"].read()
        assert local.process_id is not None
        yield local, local.process_id, json.loads(answer)


def await_end(process_id: int) -> bool:
    """Whether a process ends within ten seconds; the kernel tells nobody but its parent."""
    deadline = time.monotonic() + 10
    while is_running(process_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_running(process_id)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_child_survives_a_signal_to_the_server(
    with_worker: tuple[LocalCloud, int, int], number: signal.Signals
) -> None:
    # given
    _, server, worker = with_worker
    assert worker in children_of(server)
    # when
    os.kill(server, number)
    # then
    assert await_end(worker)
    assert await_end(server)


def test_the_shutdown_route_ends_the_server_and_removes_its_scratch_folder(
    with_worker: tuple[LocalCloud, int, int], tmp_path: Path
) -> None:
    # given
    local, server, worker = with_worker
    # when
    local.shut_down()
    # then
    assert await_end(server)
    assert await_end(worker)
    assert not (tmp_path / "home").exists()
