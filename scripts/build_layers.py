"""Build the Lambda layers, without Docker, from the versions that requirements.txt pins.

`build/layers/arm64/<layer>/` is what is deployed: wheels for Lambda's Python and processor. The embedded AWS cannot
run those on another machine, so `build/layers/host/<layer>/` holds the same packages for this one, and `build/runtime/`
what Lambda's own runtime brings along (the runtime client and boto3). A marker file in each says what it is for.
"""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"
BUILD = ROOT / "build"
LAMBDA_PYTHON, LAMBDA_PLATFORM = "3.13", "aarch64-manylinux_2_34"
HOST_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
FUNCTIONS = (("core", "analysis"), ("core", "parser"), ("core", "page"))
"""Layers that functions have together."""
LIMIT_MB = 210
IMPORTED = {"parser": ("pyarrow.csv", "pyarrow.parquet")}
"""What must still be importable from a layer of which only named files are kept."""


def main() -> None:
    """Build what is missing or out of date."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["watchkeeper"]
    layers, kept = settings["layers"], settings["kept"]
    for layer in sorted({layer for together in FUNCTIONS for layer in together}):
        for folder, python, target in (
            (BUILD / "layers" / "arm64" / layer, LAMBDA_PYTHON, LAMBDA_PLATFORM),
            (BUILD / "layers" / "host" / layer, HOST_PYTHON, None),
        ):
            if _build(layer, layers[layer], kept.get(layer), folder / "python", python, target):
                if target:
                    _zip(folder)
                elif layer in IMPORTED:
                    _check_imports(IMPORTED[layer], folder / "python")
    _build("runtime", layers["runtime"], None, BUILD / "runtime", HOST_PYTHON, None)
    for together in FUNCTIONS:
        total = sum(_size_mb(BUILD / "layers" / "arm64" / layer) for layer in together)
        if total > LIMIT_MB:
            sys.exit(
                f"The layers {', '.join(together)} weigh {total:.0f} MB; the limit here is {LIMIT_MB} MB (Lambda's is "
                "250 MB)."
            )


def _build(
    layer: str, packages: list[str], kept: list[str] | None, folder: Path, python: str, target: str | None
) -> bool:
    """Install a layer's packages into `folder`, unless that is up to date; say whether anything was done."""
    contents = json.dumps(packages if kept is None else [packages, kept])
    marker = {
        "layer": layer,
        "lock": hashlib.sha256(LOCK.read_bytes() + contents.encode()).hexdigest(),
        "python": python,
        "platform": target or f"{platform.machine()}-{sys.platform}",
    }
    marker_file = folder / "watchkeeper-layer.json"
    if marker_file.exists() and json.loads(marker_file.read_text()) == marker:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--no-compile-bytecode"]
    command += ["--link-mode", "copy", "--target", str(folder), "--constraint", str(LOCK), "--python-version", python]
    # Packages without a wheel for this host are built from source; for Lambda only wheels will do.
    command += ["--python-platform", target, "--only-binary", ":all:"] if target else ["--python", sys.executable]
    subprocess.run([*command, *packages], check=True)
    _trim(folder, kept)
    marker_file.write_text(json.dumps(marker, sort_keys=True) + "\n")
    print(f"built {folder.relative_to(ROOT)}: {_size_mb(folder):.0f} MB")
    return True


def _zip(folder: Path) -> None:
    """`<layer>.zip` beside the folder, for deployments to send as it is; the same files give the same bytes."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o755 if path.suffix == ".so" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _trim(folder: Path, kept: list[str] | None) -> None:
    """Delete what no import needs. Shared objects stay as they are: stripping them breaks scipy.

    With `kept`, patterns of paths, everything else goes as well.
    """
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name in ("tests", "__pycache__", "bin", "include"):
            shutil.rmtree(path)
        elif path.is_file() and (
            path.suffix in (".pyi", ".pyx", ".pxd", ".h", ".f90")
            or path.name in ("RECORD", "INSTALLER", ".lock")
            or (kept is not None and not any(fnmatch(path.relative_to(folder).as_posix(), each) for each in kept))
        ):
            path.unlink()


def _check_imports(modules: Sequence[str], folder: Path) -> None:
    """Import modules from a layer that needs no other: what is not kept, they must not need."""
    imports = f"import {', '.join(modules)}"
    subprocess.run([sys.executable, "-S", "-c", imports], env={"PYTHONPATH": str(folder)}, check=True)


def _size_mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
