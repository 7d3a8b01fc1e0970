"""Deployed archives as folders: a function's code, and its layers as this host can load them.

Layers are built for Lambda's Python on arm64. Where the host is something else, the same lock built for the host
stands in; each side carries a marker file that names its lock, so that code never runs on other versions than those
that would be deployed.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import platform
import sys
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

from localcloud.errors import RuntimeUnavailableError

log = logging.getLogger("localcloud")
MARKER = "watchkeeper-layer.json"
BUILD_VARIABLE = "WATCHKEEPER_BUILD"
_REMEDY = "Run `make layers`."


@dataclass(frozen=True)
class LayerMarker:
    """What a layer says about itself: its name, the digest of its lock, and what it was built for."""

    layer: str
    lock: str
    python: str
    platform: str

    @classmethod
    def read(cls, path: Path) -> LayerMarker:
        """Read a marker file.

        Raises
        ------
        RuntimeUnavailableError
            It is not one.
        """
        try:
            found = json.loads(path.read_text())
            return cls(found["layer"], found["lock"], str(found["python"]), found["platform"])
        except (OSError, ValueError, KeyError) as error:
            raise RuntimeUnavailableError(f"{path} is not a layer's marker file ({error}). {_REMEDY}") from error

    @property
    def suits_host(self) -> bool:
        """Whether code built so can be loaded by this interpreter on this machine."""
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        return self.python == here and self.platform.startswith(platform.machine()) and sys.platform == "linux"


class Archives:
    """Unpacks each archive once."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._said: set[str] = set()

    def unpack(self, content: bytes) -> Path:
        """Return the folder that holds an archive's files."""
        folder = self._home / hashlib.sha256(content).hexdigest()[:24]
        with self._lock:
            if not folder.exists():
                fresh = folder.with_suffix(".part")
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    archive.extractall(fresh)
                    for member in archive.infolist():
                        mode = member.external_attr >> 16
                        if mode & 0o111:
                            (fresh / member.filename).chmod(0o755)
                fresh.rename(folder)
        return folder

    def python_folder_of_layer(self, content: bytes) -> Path:
        """Return the folder to put on PYTHONPATH for a layer, as built for this host.

        Raises
        ------
        RuntimeUnavailableError
            The layer suits another host, and there is none of the same lock for this one.
        """
        folder = self.unpack(content) / "python"
        if not (folder / MARKER).exists():
            return folder
        marker = LayerMarker.read(folder / MARKER)
        if marker.suits_host:
            return folder
        local = build_folder() / "layers" / "host" / marker.layer / "python"
        if not (local / MARKER).exists():
            raise RuntimeUnavailableError(
                f"Layer {marker.layer!r} is built for Python {marker.python} on {marker.platform}, and {local} holds "
                f"none for this host. {_REMEDY}"
            )
        standing_in = LayerMarker.read(local / MARKER)
        if standing_in.lock != marker.lock:
            raise RuntimeUnavailableError(
                f"Layer {marker.layer!r} was deployed from lock {marker.lock[:12]}, but {local} is built from lock "
                f"{standing_in.lock[:12]}. {_REMEDY}"
            )
        self._say_once(marker)
        return local

    def _say_once(self, marker: LayerMarker) -> None:
        with self._lock:
            if marker.layer not in self._said:
                self._said.add(marker.layer)
                log.info(
                    "Layer %r is deployed for Python %s on %s; functions here run on the same lock (%s) built for "
                    "Python %d.%d on %s.",
                    marker.layer,
                    marker.python,
                    marker.platform,
                    marker.lock[:12],
                    *sys.version_info[:2],
                    platform.machine(),
                )


def build_folder() -> Path:
    """Return where `make layers` puts what it builds."""
    return Path(os.environ.get(BUILD_VARIABLE, "build")).resolve()


def runtime_folder() -> Path:
    """Return the folder that holds the Lambda runtime client and boto3, and nothing else.

    Raises
    ------
    RuntimeUnavailableError
        It has not been built.
    """
    folder = build_folder() / "runtime"
    if not (folder / "awslambdaric").is_dir():
        raise RuntimeUnavailableError(f"{folder} holds no Lambda runtime client (awslambdaric). {_REMEDY}")
    return folder
