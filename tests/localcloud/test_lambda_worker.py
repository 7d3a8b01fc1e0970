"""One execution environment on its own: what it leaves behind when it can no longer be used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.archives import runtime_folder
from localcloud.children import Children
from localcloud.clock import Clock
from localcloud.lambda_runtime import LambdaService
from localcloud.lambda_worker import Worker, WorkerSpec

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock(driven=False, on_error=lambda name, error: None)
    yield clock
    clock.close()


@pytest.fixture
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.stop_all()


def worker(folder: Path, clock: Clock, children: Children, code: str) -> Worker:
    (folder / "index.py").write_text(code)
    environment = {"_HANDLER": "index.handler", "AWS_LAMBDA_FUNCTION_NAME": "f", "PATH": "/usr/bin:/bin"}
    spec = WorkerSpec(
        function="f",
        arn=ARN,
        version="$LATEST",
        handler="index.handler",
        code=folder,
        python_path=(runtime_folder(),),
        environment=tuple(environment.items()),
        timeout_seconds=30,
        memory_mb=512,
    )
    return Worker(spec, clock, children, folder / "output.log")


def listening() -> int:
    return sum(thread.name == f"runtime api of {ARN}" for thread in threading.enumerate())


def test_an_environment_whose_code_cannot_be_loaded_is_not_used_again_and_leaves_nothing(
    tmp_path: Path, clock: Clock, children: Children
) -> None:
    # given
    broken = worker(tmp_path, clock, children, "import nothing_like_it")
    # when
    outcome = broken.invoke(b"{}")
    # then
    assert outcome.kind == "error"
    assert b"nothing_like_it" in outcome.payload
    assert not broken.alive
    assert listening() == 0


def test_an_environment_that_has_died_is_put_away(tmp_path: Path, clock: Clock, children: Children) -> None:
    # given an environment that answers and ends
    code = "import os, threading\ndef handler(e, c):\n    threading.Timer(0.1, os._exit, [0]).start()\n    return 1\n"
    mortal = worker(tmp_path, clock, children, code)
    assert mortal.invoke(b"{}").kind == "ok"
    mortal._process.wait(10)
    # when
    cloud: Any = SimpleNamespace(home=tmp_path)
    LambdaService(cloud)._keep(mortal)
    # then
    assert listening() == 0
