"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path


def described(*packages: str) -> str:
    """The machine, Python and versions of packages, in a sentence."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    return (
        f"Machine: {_processor()}, {os.cpu_count() or 1} cores, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}; {versions}."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return f"{platform.machine()} ({line.partition(':')[2].strip()})"
    return platform.machine()
