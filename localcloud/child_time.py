"""Live in the server's virtual time from inside a child process.

A Lambda handler that asks for the time must get the time that its event was sent in, also after the driven clock has
jumped. The server keeps its offset from real time in a small memory-mapped file; `follow` makes every reading of the
clock in this process add it. Run as a program, this module follows the clock named by the environment and then runs
another module, so that what it starts needs no change:

    python child_time.py MODULE [ARGUMENT …]

It imports nothing but the standard library and, when there is a clock to follow, `time_machine`.
"""

from __future__ import annotations

import mmap
import os
import runpy
import struct
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

CLOCK_VARIABLE = "LOCALCLOUD_CLOCK"
TOOLS_VARIABLE = "LOCALCLOUD_CLOCK_TOOLS"
OFFSET_FORMAT = "<q"


def follow(offset_file: str) -> None:
    """Patch every reading of the clock in this process to add the offset that the file holds."""
    import _time_machine  # type: ignore[import-not-found]
    import time_machine

    with open(offset_file, "rb") as file:
        view = mmap.mmap(file.fileno(), struct.calcsize(OFFSET_FORMAT), access=mmap.ACCESS_READ)

    class Follower(time_machine.Traveller):
        def time_ns(self) -> int:
            real: int = _time_machine.original_time_ns()
            offset: int = struct.unpack_from(OFFSET_FORMAT, view)[0]
            return real + offset

    time_machine.travel(0).start()
    time_machine.traveller_stack[-1] = Follower(0, None, tick=True)


def _load_tools(folder: str) -> None:
    """Import time_machine from `folder` without putting the folder's other packages within the program's reach."""
    for name in ("_time_machine", "time_machine"):
        spec = PathFinder.find_spec(name, [folder])
        if spec is None or spec.loader is None:
            raise ImportError(f"{folder} holds no {name}: install the pinned requirements.")
        module = module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)


def main() -> None:
    """Follow the clock, then become the module named on the command line."""
    offset_file, tools = os.environ.pop(CLOCK_VARIABLE, None), os.environ.pop(TOOLS_VARIABLE, None)
    if offset_file and tools:
        _load_tools(tools)
        follow(offset_file)
    sys.argv = sys.argv[1:]
    sys.path.pop(0)  # this file's own folder, which the program must not see
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
