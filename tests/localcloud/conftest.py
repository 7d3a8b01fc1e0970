"""One localcloud for each test module, with a Lambda runtime built beside it once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.client import LocalCloud

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make layers` fills, or one with just the Lambda runtime client and boto3 in it."""
    build = Path(os.environ.get("WATCHKEEPER_BUILD", ROOT / "build"))
    if (build / "runtime" / "awslambdaric").is_dir():
        return build
    build = tmp_path_factory.mktemp("build")
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "-q", "--python", sys.executable, "--target", build / "runtime"]
    subprocess.run([*command, "awslambdaric==4.2.2", "boto3==1.44.5"], check=True)
    return build


@pytest.fixture(scope="module")
def local(build_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """A running localcloud with a driven clock."""
    with LocalCloud.start(tmp_path_factory.mktemp("localcloud") / "home", build=build_folder) as running:
        yield running
