"""Runs a job's script as Glue does, and keeps the reason if it fails.

python run_script.py FAILURE_FILE SCRIPT [--KEY VALUE …]
"""

from __future__ import annotations

import runpy
import sys
import traceback
from pathlib import Path


def reason_of(error: BaseException) -> str:
    """Return an error in one line; of one that came up in a Spark worker, the worker's own last line."""
    text = str(error)
    if "Traceback (most recent call last)" in text:
        python_part = text.split("JVM stacktrace:")[0]
        return [line for line in python_part.splitlines() if line.strip()][-1].strip()
    return f"{type(error).__name__}: {text}"


def main() -> int:
    """Run the script; return the exit code."""
    failure, script = Path(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ended:
        if ended.code in (None, 0):
            return 0
        failure.write_text(f"SystemExit: {ended.code}")
        return ended.code if isinstance(ended.code, int) else 1
    except BaseException as error:
        traceback.print_exc()
        failure.write_text(reason_of(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
